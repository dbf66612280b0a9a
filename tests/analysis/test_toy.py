"""The toy extrapolation: without noise the laws are recovered, with noise the error grows with the distance."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis import toy
from study.inference.calibration.runs import CalibrationError
from study.laws.published import RULE


def small(monkeypatch: pytest.MonkeyPatch, noises: tuple[float, ...]) -> None:
    monkeypatch.setattr(toy, "SHAPES", {28: (4, 7)})
    monkeypatch.setattr(toy, "NOISES", noises)
    monkeypatch.setattr(toy, "RESAMPLES", 20)


def test_a_study_s_cells_are_isoflop_around_the_rule() -> None:
    for runs, (budgets, sizes) in toy.SHAPES.items():
        N, D, C = toy.cells(runs)
        assert len(N) == runs == budgets * sizes
        np.testing.assert_allclose(6 * N * D, C)
        assert C.max() / C.min() == pytest.approx(1e3)
        ratio = (D / N).reshape(budgets, sizes)
        np.testing.assert_allclose(ratio[:, 0] / ratio[:, -1], 256)
        np.testing.assert_allclose(np.sqrt(ratio[:, 0] * ratio[:, -1]), RULE)


def test_the_parametric_estimators_are_exact_without_noise_and_worse_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, (1e-7, 0.02))
    rows = toy.replicate(0).set_index(["estimator", "noise", "decades"])
    assert abs(rows.loc[("approach 3", 1e-7, 6), "error"]) < 1e-4
    for name in toy.APPROACHES:
        assert rows.loc[(name, 0.02, 6), "log_width_95"] > rows.loc[(name, 0.02, 0), "log_width_95"]
    assert abs(rows.loc[("posterior", 0.02, 6), "error"]) > 1e-3
    assert rows.loc[("approach 2", 1e-7, 6), "covered_95"] == 0, "a parabola is biased without any noise, and certain of it"


def test_the_summary_counts() -> None:
    rows = pd.DataFrame([{"replicate": k, "noise": 0.01, "runs": 28, "estimator": "posterior", "decades": 3,
                          "error": error, "covered_50": 0.0, "covered_80": 1.0, "covered_95": 1.0, "log_width_95": 1.0,
                          "status": status} for k, (error, status) in enumerate([(0.3, "ok"), (-0.3, "ok"), (np.nan, "no")])])
    (row,) = toy.summary(rows).to_dict("records")
    assert row["factor"] == pytest.approx(10**0.3) and row["failed"] == 1 and row["replicates"] == 3
    assert row["covered_80"] == 1.0 and row["error_median"] == 0.0


def test_a_study_is_recorded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small(monkeypatch, (0.005,))
    record = toy.run_toy(4, tmp_path, workers=1)
    body = json.loads(record.read_text())
    assert body["replicates"] == 4 and len(body["coverage"]) == 4 * 7
    assert not list((tmp_path / ".work").iterdir()), "the chunks are kept"
    before = record.stat().st_mtime_ns
    assert toy.run_toy(4, tmp_path, workers=1) == record and record.stat().st_mtime_ns == before
    with pytest.raises(CalibrationError, match="truths in turn"):
        toy.run_toy(1, tmp_path / "other", workers=1)
