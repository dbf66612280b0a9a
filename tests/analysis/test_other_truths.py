"""Truths of every form are simulated on a grid's cells, fitted by every form, and recorded."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis import other_truths
from study.analysis.other_truths import MIXTURE, Truths, replicate, run_other_truths, truths
from study.grids import GridError
from study.inference.calibration.coverage import of_draws
from study.inference.calibration.runs import CalibrationError
from study.inference.calibration.sbc import simulated
from study.inference.parameters import parameters
from study.inference.posterior import UnconvergedError
from study.inference.spec import LAWS

GRID = "cpu3"


@pytest.fixture(scope="module")
def known() -> Truths:
    return truths(GRID)


def test_every_truth_meets_every_form(known: Truths) -> None:
    rows = replicate(known, 1, 4)
    assert list(dict.fromkeys(rows["truth"])) == list(LAWS) and set(rows["method"]) == {*LAWS, MIXTURE}
    assert len(rows) == 3 * 4 * 3 and (rows["status"] == "ok").all()
    assert np.all(np.diff(rows[["covered_50", "covered_80", "covered_95"]].to_numpy(), axis=1) >= 0)
    pd.testing.assert_frame_equal(replicate(known, 1, 4), rows)
    assert not replicate(known, 2, 4)["log_width_95"].equals(rows["log_width_95"])


def test_losses_are_those_of_the_truth_and_its_noise(known: Truths) -> None:
    draw = {"E": 1.0, "tA": 1.1, "tB": 1.3, "alpha": 0.34, "beta": 0.28, "s": 0.003, "g": 0.0, "nu": 30.0, "tau": 0.01}
    truth = parameters({name: np.array([value]) for name, value in draw.items()})
    exact = np.log(truth.surface(known.N0, known.D0).loss(known.cells.N, known.cells.D))
    rng = np.random.default_rng(0)
    off = np.array([np.log(simulated(known.cells, truth, known.N0, known.D0, rng)[0]) - exact for _ in range(300)])
    assert abs(off.mean()) < 0.001 and off.std() == pytest.approx(np.hypot(0.003, 0.01), rel=0.05)
    same = known.cells.group[:, None] == known.cells.group[None, :]
    np.fill_diagonal(same, False)
    assert np.corrcoef(off.T)[same].mean() > 0.8  # the runs of a width share its effect


def test_an_interval_of_forms_is_of_their_draws_together() -> None:
    low, high = of_draws(np.array([0.0, 1.0]), np.array([2.0, 3.0]))(lambda draws: draws, 0.5)
    assert (low, high) == (0.75, 2.25)


def test_a_form_that_does_not_converge_says_so(known: Truths, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = other_truths.fit_form

    def refuse(rows: pd.DataFrame, form: str, **options: object) -> object:
        if form == "kaplan":
            raise UnconvergedError("k-hat 0.9")
        return fit(rows, form, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(other_truths, "fit_form", refuse)
    rows = replicate(known, 0, 4)
    assert set(rows.loc[rows["method"] == "kaplan", "status"]) == {"k-hat 0.9"}
    assert set(rows.loc[rows["method"] != "kaplan", "status"]) == {"ok"}


def test_it_is_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = run_other_truths(GRID, 1, tmp_path, workers=1)
    body = json.loads(record.read_text())
    assert record.name == "truths-cpu3.json" and body["failures"] == 0 and set(body["truths"]) == set(LAWS)
    assert {(row["truth"], row["method"]) for row in body["coverage"]} == {(a, b) for a in LAWS for b in (*LAWS, MIXTURE)}
    assert len(pd.read_csv(record.with_suffix(".csv"))) == 36
    monkeypatch.setattr(other_truths, "truths", None)
    assert run_other_truths(GRID, 1, tmp_path) == record


def test_runs_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"holds 0 of 74 fitted runs: `study run --grid cpu3` first"):
        truths(GRID, tmp_path)
    with pytest.raises(GridError):
        run_other_truths("three", 1, tmp_path)
    with pytest.raises(CalibrationError, match="at least one"):
        run_other_truths(GRID, 0, tmp_path)
    assert not list(tmp_path.iterdir())
