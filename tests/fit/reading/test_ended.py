"""Rows that are no finished runs, in the ways that exports and notes say so; and what only looks like it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.fit.job import Job, table_job
from study.fit.reading.raw import TableError
from study.fit.reading.usertable import UserTable, read_table
from tests.makers import crossed_runs as runs

OUT = np.arange(25) % 8 == 3


def read(tmp_path: Path, frame: pd.DataFrame) -> UserTable:
    frame.to_csv(tmp_path / "runs.csv", index=False)
    return read_table(tmp_path / "runs.csv")


def job(tmp_path: Path, frame: pd.DataFrame) -> Job:
    frame.to_csv(tmp_path / "runs.csv", index=False)
    return table_job(tmp_path / "runs.csv", "", "auto", 0)


def kept(found: UserTable) -> bool:
    return np.array_equal(found.frame["N"], runs()["N"][~OUT])


@pytest.mark.parametrize("word", [
    "stopped", "in progress", "INCOMPLETE", "Crashed (OOM)", "FAILED: oom", "killed by user", "diverged (lr)", "suspended",
    "not done"])
def test_what_a_status_says_of_a_run_that_has_not_ended(tmp_path: Path, word: str) -> None:
    assert kept(read(tmp_path, runs().assign(status=np.where(OUT, word, "completed"))))


@pytest.mark.parametrize(("yes", "no"), [("TRUE", ""), ("x", ""), ("1", "0")])
def test_a_flag_with_empty_cells(tmp_path: Path, yes: str, no: str) -> None:
    assert kept(read(tmp_path, runs().assign(diverged=np.where(OUT, yes, no))))


def test_steps_before_those_that_are_planned(tmp_path: Path) -> None:
    assert kept(read(tmp_path, runs().assign(step=np.where(OUT, 4000, 9000), max_steps=9000)))
    assert len(read(tmp_path, runs().assign(step=9000, max_steps=9001)).frame) == 25


@pytest.mark.parametrize("cell", ["", "NaN", "inf", "diverged", "OOM"])
def test_rows_without_a_loss_are_left_out_and_counted(tmp_path: Path, cell: str) -> None:
    frame = runs()
    found = read(tmp_path, frame.assign(loss=np.where(OUT, cell, frame["loss"].astype(str))))
    assert kept(found) and f"without rows ({OUT.sum()} without a loss)" in found.notes
    with pytest.raises(TableError):
        read(tmp_path, frame.assign(loss=cell))


def test_an_empty_loss_beside_another_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, runs().assign(val_loss="")).columns["loss"] == "loss"


def test_headers_means_and_predictions_between_the_runs(tmp_path: Path) -> None:
    frame = runs().assign(name=[f"r{k}" for k in range(25)])
    text = frame.to_csv(index=False)
    lines = text.splitlines()
    written = [*lines[:9], lines[0], *lines[9:], "7e10,1.4e12,1.95,prediction", "5e8,1e10,3,mean"]
    (tmp_path / "runs.csv").write_text("\n".join(written))
    found = read_table(tmp_path / "runs.csv")
    assert np.allclose(found.frame[["N", "D", "loss"]], runs(), rtol=1e-12)
    assert "1 the header again" in "; ".join(found.notes) and "2 means, totals or predictions" in "; ".join(found.notes)
    assert len(read(tmp_path, runs().assign(counted=np.where(OUT, "total", "other"))).frame) == 25


def test_a_remark_of_trouble_is_a_doubt(tmp_path: Path) -> None:
    found = job(tmp_path, runs().assign(notes=np.where(OUT, "diverged at step 3000", "")))
    (doubt,) = [one for one in found.doubts if one.kind == "unfinished"]
    assert doubt.severe and f"{OUT.sum()} rows say 'diverged at step 3000' or the like under notes" in doubt.text
    assert not job(tmp_path, runs().assign(notes="fine")).doubts


@pytest.mark.parametrize(("unit", "factor"), [(" bits", 1 / np.log(2)), (" nats", 1.0), (" bits/token", 1 / np.log(2))])
def test_a_unit_that_the_cells_of_the_loss_carry(tmp_path: Path, unit: str, factor: float) -> None:
    frame = runs()
    written = (frame["loss"] * factor).map("{:.9f}".format) + unit
    if unit != " bits/token":
        assert np.allclose(read(tmp_path, frame.assign(loss=written)).frame["loss"], frame["loss"])
    with pytest.raises(TableError, match=r"different units|not a number"):
        read(tmp_path, frame.assign(loss=np.where(OUT, written, frame["loss"].astype(str) + " ppl")))


@pytest.mark.parametrize(("pair", "factor"), [("val_ppl", np.exp), ("perplexity", np.exp), ("val_bpb", lambda loss: loss / 3)])
def test_of_one_loss_in_two_units_the_nats_are_read(tmp_path: Path, pair: str, factor: object) -> None:
    frame = runs().rename(columns={"loss": "val_loss"})
    assert read(tmp_path, frame.assign(**{pair: factor(frame["val_loss"])})).columns["loss"] == "val_loss"  # type: ignore[operator]
    both = frame.assign(**{"N (M)": frame["N"] / 1e6})
    assert read(tmp_path, both).columns["N"] == "N"


@pytest.mark.parametrize("header", ["val_loss (10M tokens)", "loss (T=0)", "loss (1B)"])
def test_a_loss_is_scaled_by_no_header(tmp_path: Path, header: str) -> None:
    assert np.allclose(read(tmp_path, runs().rename(columns={"loss": header})).frame["loss"], runs()["loss"])


@pytest.mark.parametrize("name", ["delta_loss", "excess_loss", "predicted_loss", "loss_diff"])
def test_a_difference_of_losses_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableError, match="no column for loss"):
        read(tmp_path, runs().rename(columns={"loss": name}))
    assert read(tmp_path, runs().assign(**{name: 0.1})).columns["loss"] == "loss"


def test_a_speed_or_a_context_is_no_compute(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, values in (("tflops", rng.uniform(80, 300, 25)), ("C", np.full(25, 2048.0)), ("c", np.ones(25))):
        assert not [one for one in job(tmp_path, runs().assign(**{name: values})).doubts if one.severe]
