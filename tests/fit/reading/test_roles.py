"""What a table says of its runs beside N, D and the loss: repeated text, seeds, how a run ended, under names of many kinds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.fit.job import Job, table_job
from study.fit.reading.raw import TableError
from study.fit.reading.usertable import UserTable, read_table
from tests.makers import crossed_runs as runs

UNIQUE = 2e9


def read(tmp_path: Path, frame: pd.DataFrame) -> UserTable:
    frame.to_csv(tmp_path / "runs.csv", index=False)
    return read_table(tmp_path / "runs.csv")


def job(tmp_path: Path, frame: pd.DataFrame, columns: str = "") -> Job:
    frame.to_csv(tmp_path / "runs.csv", index=False)
    return table_job(tmp_path / "runs.csv", columns, "auto", 0)


def severe(found: Job) -> list[str]:
    return [doubt.kind for doubt in found.doubts if doubt.severe]


@pytest.mark.parametrize(("name", "scale"), [
    ("percent_unique", 100.0), ("unique_pct", 100.0), ("unique (%)", 100.0), ("% unique", 100.0), ("fraction_unique", 100.0),
    ("unique_ratio", 1.0), ("fresh_share", 1.0), ("distinct_fraction_of_data", 1.0), ("unique", 1.0), ("unique_tokens_frac", 1.0)])
def test_shares_of_unique_text(tmp_path: Path, name: str, scale: float) -> None:
    frame = runs()
    share = np.minimum(UNIQUE / frame["D"], 1.0)
    found = job(tmp_path, frame.assign(**{name: np.round(scale * share, 4)}))
    assert set(found.aside["why"]) == {"repeated text"} and (found.frame["D"] <= 1.03 * UNIQUE).all()
    assert len(found.frame) == int((share > 1 / 1.02).sum()) and severe(found) == []


@pytest.mark.parametrize(("name", "scale"), [
    ("unique_gtokens", 1e9), ("pool_size", 1.0), ("distinct_training_tokens", 1.0), ("token_pool", 1.0), ("n_unique_data", 1.0),
    ("Unique tokens (B)", 1e9)])
def test_unique_tokens_by_the_words_of_a_name(tmp_path: Path, name: str, scale: float) -> None:
    found = job(tmp_path, runs().assign(**{name: np.minimum(runs()["D"], UNIQUE) / scale}))
    assert set(found.aside["why"]) == {"repeated text"} and (found.frame["D"] <= 1.03 * UNIQUE).all()


@pytest.mark.parametrize("name", [
    "train_data_repeats", "number_of_passes", "effective_epochs", "config.num_epochs", "passes_over_the_data", "unique_ratio"])
def test_passes_by_the_words_of_a_name(tmp_path: Path, name: str) -> None:
    found = job(tmp_path, runs().assign(**{name: np.maximum(runs()["D"] / UNIQUE, 1.0).round(2)}))
    assert set(found.aside["why"]) == {"repeated text"} and (found.frame["D"] <= 1.03 * UNIQUE).all()


@pytest.mark.parametrize(("name", "values"), [
    ("epochs", ["one", "four"]), ("unique_tokens", [40.0, 900.0]), ("fraction_unique", [0.0, 1.0]),
    ("percent_unique", [50.0, 900.0])])
def test_repeats_that_cannot_be_read_are_a_doubt(tmp_path: Path, name: str, values: list[object]) -> None:
    (doubt,) = read(tmp_path, runs().assign(**{name: np.resize(values, 25)})).doubts
    assert doubt.severe and f"{name} seems to say how often text is repeated" in doubt.text
    assert read(tmp_path, runs().assign(**{name: values[0]})).doubts == ()  # the same for all


def test_a_name_with_a_word_of_repeated_text_is_asked_about(tmp_path: Path) -> None:
    (doubt,) = read(tmp_path, runs().assign(epochs_small_subset=np.resize([1, 4], 25))).doubts
    assert not doubt.severe and "epochs_small_subset is not read" in doubt.text and "--columns epochs=" in doubt.text
    for name in ("steps_per_epoch", "epoch_time", "unique_id", "seed"):
        assert read(tmp_path, runs().assign(**{name: np.arange(25) % 7 + 1})).doubts == ()


@pytest.mark.parametrize(("name", "bad", "good"), [
    ("finished", False, True), ("diverged", True, False), ("is_complete", "no", "yes"), ("has_crashed", 1, 0),
    ("Converged", "N", "Y")])
def test_flags_of_how_a_run_ended(tmp_path: Path, name: str, bad: object, good: object) -> None:
    frame = runs()
    out = np.arange(25) % 6 == 2
    worse = frame.assign(loss=frame["loss"] * np.where(out, 1.6, 1.0), **{name: [bad if one else good for one in out]})
    found = read(tmp_path, worse)
    assert len(found.frame) == 21 and np.allclose(found.frame["loss"], frame["loss"][~out])
    assert "without unfinished runs (4" in "; ".join(found.notes)
    assert len(read(tmp_path, worse.assign(**{name: good})).frame) == 25


@pytest.mark.parametrize(("N", "active"), [
    ("N", "N_active"), ("params", "active"), ("N", "active_params"), ("n_params", "activated"), ("model_size", "active size")])
def test_parameters_that_are_active_beside_others_are_asked_for(tmp_path: Path, N: str, active: str) -> None:
    mixture = runs().assign(**{active: runs()["N"] / 8}).rename(columns={"N": N})
    with pytest.raises(TableError, match=f"{N} and {active} could each be N; say which"):
        read(tmp_path, mixture)
    assert len(job(tmp_path, mixture, f"N={active}").frame) == 25
    assert len(read(tmp_path, mixture.assign(**{active: "yes"})).frame) == 25  # a flag, and no number


@pytest.mark.parametrize(("header", "factor"), [
    ("loss (bit/token)", 1 / np.log(2)), ("bits_per_token_avg", 1 / np.log(2)), ("loss_bits_mean", 1 / np.log(2)),
    ("val loss, bits per token (mean)", 1 / np.log(2)), ("val_bpb_mean", 1 / np.log(2) / 4.1), ("bpb_loss", 1 / np.log(2) / 4.1),
    ("pile_bpb", 1 / np.log(2) / 4.1), ("loss [nats per byte]", 1 / 4.1), ("loss_4_bit", 1.0)])
def test_units_of_the_loss_anywhere_in_its_name(tmp_path: Path, header: str, factor: float) -> None:
    frame = runs()
    frame.assign(loss=frame["loss"] * factor).rename(columns={"loss": header}).to_csv(tmp_path / "runs.csv", index=False)
    found = read_table(tmp_path / "runs.csv", bytes_per_token=4.1)
    assert np.allclose(found.frame["loss"], frame["loss"])


def test_a_perplexity_on_a_named_text(tmp_path: Path) -> None:
    frame = runs()
    found = read(tmp_path, frame.assign(loss=np.exp(frame["loss"])).rename(columns={"loss": "c4_ppl"}))
    assert np.allclose(found.frame["loss"], frame["loss"])


@pytest.mark.parametrize(("header", "words"), [
    ("loss_per_word", "counts by the word: .* --loss-unit nats"), ("word_perplexity", "--loss-unit perplexity"),
    ("log_val_loss", "may be a logarithm"), ("loss (log)", "may be a logarithm"), ("loss (log2)", "may be a logarithm")])
def test_losses_that_are_none_by_the_token_are_asked_about(tmp_path: Path, header: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read(tmp_path, runs().rename(columns={"loss": header}))


@pytest.mark.parametrize(("ours", "header", "words"), [
    ("N", "params (M)", r"params \(M\) says that it counts in 1e6, and holds numbers about 2.3e8"),
    ("D", "tokens (B)", r"tokens \(B\) says that it counts in 1e9"), ("D", "data (words)", "counts words of text.* multiply by")])
def test_a_header_that_its_numbers_contradict(tmp_path: Path, ours: str, header: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read(tmp_path, runs().rename(columns={ours: header}))


@pytest.mark.parametrize("header", ["D (hundreds of millions)", "tokens (100s of millions)", "tokens [hundred million]"])
def test_hundreds_of_millions(tmp_path: Path, header: str) -> None:
    frame = runs()
    found = read(tmp_path, frame.assign(D=frame["D"] / 1e8).rename(columns={"D": header}))
    assert np.allclose(found.frame["D"], frame["D"])


@pytest.mark.parametrize(("name", "value"), [
    ("repeated_fraction", lambda share: 1 - share), ("pct_repeated", lambda share: 100 * (1 - share)),
    ("repeated (%)", lambda share: 100 * (1 - share)), ("token_repetitions", lambda share: 1 / share),
    ("repeat_count", lambda share: 1 / share), ("epochs_trained", lambda share: 1 / share)])
def test_shares_that_are_repeated_and_counts_of_repeats(tmp_path: Path, name: str, value: object) -> None:
    share = np.minimum(UNIQUE / runs()["D"], 1.0)
    found = job(tmp_path, runs().assign(**{name: np.round(value(share), 4)}))  # type: ignore[operator]
    assert set(found.aside["why"]) == {"repeated text"} and (found.frame["D"] <= 1.03 * UNIQUE).all()


def test_repeats_that_number_the_runs_of_a_cell_are_seeds(tmp_path: Path) -> None:
    three = pd.concat([runs().assign(loss=runs()["loss"] * (1 + 0.001 * k)) for k in range(3)])
    for name in ("Repetition", "repeats"):
        found = job(tmp_path, three.assign(**{name: np.repeat([1, 2, 3], 25)}))
        assert len(found.frame) == 75 and severe(found) == []


@pytest.mark.parametrize(("name", "cells"), [("epochs", ["<1", "4"]), ("unique", ["100%", "25%"])])
def test_passes_written_with_a_sign(tmp_path: Path, name: str, cells: list[str]) -> None:
    found = job(tmp_path, runs().assign(**{name: np.resize(cells, 25)}))
    assert len(found.aside) == 12 and set(found.aside["why"]) == {"repeated text"}


def test_a_bound_on_epochs_and_tokens_in_billions_are_no_repeats(tmp_path: Path) -> None:
    assert severe(job(tmp_path, runs().assign(max_epochs=100))) == []
    assert "may be a bound" in "; ".join(read(tmp_path, runs().assign(max_epochs=100)).notes)
    billions = np.linspace(0.2, 96, 25)
    assert "is no number of tokens" in read(tmp_path, runs().assign(unique_tokens=billions)).doubts[0].text
    with pytest.raises(TableError, match=r"Unique tokens \(B\) says that it counts in 1e9"):
        read(tmp_path, runs().assign(**{"Unique tokens (B)": UNIQUE}))
