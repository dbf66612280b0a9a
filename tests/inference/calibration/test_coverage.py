"""Coverage: the scenarios are what they say, the intervals are scored right, and outliers hurt those they should."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.errors import StudyError
from study.inference.calibration import coverage
from study.inference.calibration.coverage import NOISE, SHARED, TRUTHS, derived_quantities, replicate, simulated, summary
from study.inference.calibration.designs import Design
from study.inference.calibration.runs import run_coverage
from tests.inference.stand_in import stand_in

METHODS = {"posterior, headline", "posterior, normal", "delta method, Huber", "delta method, least squares", "row bootstrap",
           "width bootstrap", "residual bootstrap"}


def errors(scenario: str, count: int = 400) -> np.ndarray:
    design, rng = stand_in(), np.random.default_rng(0)
    surface = TRUTHS[0].surface(design)
    exact = np.log(surface.loss(design.N, design.D))
    return np.array([np.log(simulated(surface, design, scenario, rng)) - exact for _ in range(count)])


def test_scenarios() -> None:
    design = stand_in()
    assert errors("dense").std() == pytest.approx(NOISE, rel=0.03)
    shared = errors("shared")
    same = design.group[:, None] == design.group[None, :]
    np.fill_diagonal(same, False)
    covariance = np.cov(shared.T)
    assert covariance[same].mean() == pytest.approx(SHARED**2, rel=0.15)
    assert abs(covariance[~same & ~np.eye(len(same), dtype=bool)].mean()) < 0.05 * SHARED**2
    contaminated = errors("contaminated")
    assert (contaminated > 5 * NOISE).mean() == pytest.approx(0.08, abs=0.01)  # 0.1 x P(|z| > 0.25)
    assert (contaminated < -5 * NOISE).mean() == 0


def test_an_outcome_counts_what_is_inside() -> None:
    intervals = {0.5: (1.0, 2.0), 0.8: (0.5, 4.0), 0.95: (0.25, 8.0)}
    outcome = coverage.outcome(lambda _, level: intervals[level], lambda surface: surface, 3.0)
    assert [outcome[f"covered_{level}"] for level in (50, 80, 95)] == [0.0, 1.0, 1.0]
    assert outcome["log_width_95"] == pytest.approx(np.log(32))
    failed = coverage.outcome("no interval: say why", lambda surface: surface, 3.0)
    assert failed["status"] == "no interval: say why" and np.isnan(failed["covered_95"])
    rows = pd.DataFrame([{"scenario": "s", "method": "m", "quantity": "q", **row} for row in (outcome, failed)])
    only = summary(rows).iloc[0]
    assert (only["covered_95"], only["replicates"], only["failed"]) == (1.0, 2, 1)


def test_one_replicate_has_every_method_and_quantity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "RESAMPLES", 60)
    rows = replicate(stand_in(), 1, ("dense", "contaminated"))
    assert set(rows["method"]) == METHODS and set(rows["scenario"]) == {"dense", "contaminated"}
    assert set(rows["quantity"]) == set(derived_quantities(1e15))
    assert len(rows) == 2 * 7 * 6 and (rows["status"] == "ok").all()
    dense = rows[rows["scenario"] == "dense"]
    assert dense.loc[dense["quantity"] != "D_opt_at", "covered_95"].mean() > 0.7
    nested = rows[["covered_50", "covered_80", "covered_95"]].to_numpy()
    assert np.all(np.diff(nested, axis=1) >= 0)  # central intervals are nested
    wide = rows.set_index(["scenario", "method", "quantity"])["log_width_95"]
    assert wide["contaminated", "posterior, normal", "alpha"] > 2 * wide["contaminated", "posterior, headline", "alpha"]
    again = replicate(stand_in(), 1, ("dense",))
    pd.testing.assert_frame_equal(again, dense.reset_index(drop=True))


def test_a_method_without_an_interval_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise StudyError("cannot")

    monkeypatch.setattr(coverage, "fit_huber", refuse)
    monkeypatch.setattr(coverage, "POSTERIORS", {})
    rows = replicate(stand_in(), 0, ("small",))
    assert set(rows["status"]) == {"cannot"} and len(rows) == 5 * 6


def test_a_coverage_study_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def quick(design: Design, number: int) -> pd.DataFrame:
        return replicate(design, number, ("small",))

    monkeypatch.setattr(coverage, "POSTERIORS", {})
    monkeypatch.setattr(coverage, "RESAMPLES", 20)
    monkeypatch.setattr("study.inference.calibration.runs.replicate", quick)
    record = run_coverage("cpu", 2, tmp_path, workers=1)
    body, rows = json.loads(record.read_text()), pd.read_csv(record.with_suffix(".csv"))
    assert record.name == "coverage-cpu.json" and body["replicates"] == 2 and len(body["truths"]) == len(TRUTHS)
    assert len(rows) == 2 * 5 * 6 and {row["method"] for row in body["coverage"]} < METHODS
