"""The job of a user's table: which rows are fitted, what shares an error, and what is said of it. Nothing is sampled."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.errors import StudyError
from study.fit.job import Job, complete, table_job
from study.inference.observations import group_labels
from tests.makers import isoflop_runs


def job(frame: pd.DataFrame, folder: Path, group: str = "auto", drop_highest: int = 0, **options: str) -> Job:
    frame.to_csv(folder / "table.csv", index=False)
    return table_job(folder / "table.csv", "", group, drop_highest, **options)  # type: ignore[arg-type]


def said(found: Job, words: str) -> bool:
    return any(words in note for note in found.notes)


def test_a_plain_table_has_no_group_effect(tmp_path: Path) -> None:
    found = job(isoflop_runs(), tmp_path)
    assert found.spec.group is None and len(found.frame) == 25 and found.aside.empty and found.doubts == ()
    assert said(found, "no group effect") and found.source == "table.csv" and found.name == "table"
    assert job(isoflop_runs().assign(width=np.arange(16, 41)), tmp_path).spec.group == "width"


def test_checkpoints_that_have_to_be_fitted_share_their_run_s_error(tmp_path: Path) -> None:
    """Two curves leave two cells, which are too few: every checkpoint is fitted."""
    N, D = (axis.ravel() for axis in np.meshgrid([1e8, 1e9], 1e9 * np.arange(1, 13)))
    frame = pd.DataFrame({"N": N, "D": D}).sort_values(["N", "D"])
    frame["loss"] = 1.7 + 350 * frame["N"] ** -0.34 + 1200 * frame["D"] ** -0.36
    found = job(frame, tmp_path)
    assert [doubt.kind for doubt in found.doubts if doubt.severe] == ["checkpoints"]
    assert found.spec.group == "run" and said(found, "run effect: the rows of one run share an error")
    assert len(found.frame) == 24 and found.frame.groupby("run")["N"].nunique().tolist() == [1, 1]
    assert job(frame, tmp_path, "none").spec.group is None


def test_a_budget_effect_without_budgets_is_over_bins_of_compute(tmp_path: Path) -> None:
    found = job(isoflop_runs(), tmp_path, "budget")
    assert found.spec.group == "budget" and said(found, "budget effect over nine equal bins of log C")
    assert not said(job(isoflop_runs().assign(budget=np.repeat(np.arange(1, 6), 5)), tmp_path, "budget"), "nine equal bins")


def test_a_budget_effect_of_one_budget_has_one_bin(tmp_path: Path) -> None:
    N = np.geomspace(2e7, 6e8, 6)
    found = job(pd.DataFrame({"N": N, "D": 3e19 / (6 * N), "loss": np.linspace(3.0, 2.9, 6)}), tmp_path, group="budget")
    assert set(group_labels(found.frame, found.spec, (6 * found.frame["N"] * found.frame["D"]).to_numpy())) == {
        "bin 1, 3e+19 to 3e+19 FLOP"}


def test_equal_losses_are_refused_before_any_fit(tmp_path: Path) -> None:
    N, D = (axis.ravel() for axis in np.meshgrid([2e7, 6e7, 2e8], [1e9, 4e9]))
    found = job(pd.DataFrame({"N": N, "D": D, "loss": 3.0}), tmp_path)
    with pytest.raises(StudyError, match="every run has the same loss, 3: a law cannot be fitted"):
        complete(found, 1e9, 1e21, None, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


def test_rows_that_are_no_runs_of_their_own_are_set_aside(tmp_path: Path) -> None:
    frame = isoflop_runs()
    worse = frame.assign(loss=1.1 * frame["loss"])
    both = pd.concat([frame, worse, frame.head(2)], ignore_index=True)
    every, best = job(both, tmp_path), job(both, tmp_path, rows="best")
    assert len(every.frame) == 50 and every.aside["why"].tolist() == ["repeats"] * 2 and said(every, "each counts once")
    assert best.frame["loss"].tolist() == pytest.approx(frame["loss"].tolist()) and len(best.aside) == 27
    assert said(best, "the best of each cell: 25 of 50 rows")
    with pytest.raises(StudyError, match="unknown --rows 'some'"):
        job(both, tmp_path, rows="some")


def test_the_unit_of_the_loss_and_the_highest_losses(tmp_path: Path) -> None:
    frame = isoflop_runs()
    found = job(frame.assign(loss=np.exp(frame["loss"])), tmp_path, drop_highest=3, loss_unit="perplexity")
    assert len(found.frame) == 22 and found.dropped["loss"].max() == pytest.approx(frame["loss"].max())
    assert sorted([*found.frame["loss"], *found.dropped["loss"]]) == pytest.approx(sorted(frame["loss"]))
    assert said(found, "left out the 3 highest losses")
