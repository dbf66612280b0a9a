from dataclasses import replace
from pathlib import Path

import pytest

from study.analysis.runs import curves, early_stopped, load
from study.record import CurvePoint
from tests.makers import record


def curve(*losses: float) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(k + 1, 256 * (k + 1), 1e6, 0.01, loss, loss, 0.5, 0.01, 30.0) for k, loss in enumerate(losses))


def test_early_stopping_reads_the_lowest_stretch_not_the_lowest_point() -> None:
    risen = record(loss=2.6, curve=curve(4.0, 3.0, 2.4, 2.3, 2.4, 2.5, 2.6))
    loss, tokens = early_stopped(risen)
    assert loss == pytest.approx((2.4 + 2.3 + 2.4) / 3) and tokens == 256 * 4
    falling = record(loss=2.0, curve=curve(4.0, 3.0, 2.5, 2.2, 2.0))
    assert early_stopped(falling) == (2.0, falling.config.tokens)
    assert early_stopped(record(loss=2.0)) == (2.0, 2560)


def test_curves_carry_their_run() -> None:
    one = record()
    rows = curves({one.run_id: one, "failed": replace(one, status="diverged")})
    assert len(rows) == 2 and set(rows["run_id"]) == {one.run_id}
    assert rows["C"].iloc[0] == 6 * one.parameters.multiplying * 256


def test_grids_are_joined_and_a_missing_one_adds_nothing() -> None:
    folder = Path(__file__).resolve().parents[2] / "runs"
    frame, points = load(["quick", "no such grid"], folder)
    assert set(frame["grid"]) == {"quick"} and len(frame) == 14
    assert (frame["unique"] == frame["D"]).all() and (frame["best_loss"] > 0).all()
    assert set(points["run_id"]) == set(frame["run_id"])
    nothing, no_points = load(["no such grid"], folder)
    assert nothing.empty and no_points.empty and set(frame.columns) == set(nothing.columns)
