"""The verdicts follow the records: planted ones must turn each word."""

import json
from pathlib import Path
from typing import Any

import pytest

from study.atlas.calibration import tests as rank_tests
from study.atlas.leave_out import widening
from study.atlas.read import Atlas, AtlasRecordError, difference
from study.atlas.verdicts import calibrated, cleaner, forecast_holds, methods, narrower, universal, with_parabolas
from study.inference.pooled.two_stage import MODEL


def summary(point: float, half: float) -> dict[str, Any]:
    """A median with intervals of so much to each side, the 80 % one two thirds as wide."""
    return {"point": point, "ci95": [point - half, point + half], "ci80": [point - 2 * half / 3, point + 2 * half / 3]}


def with_ratio(folder: Path, ratio: dict[str, Any]) -> Atlas:
    other = {"point": 200.0, "ci95": [190.0, 210.0]}
    kinds = {"base": {"R at 1e+21": other}, "total parameters": {"R at 1e+21": ratio}}
    (folder / "population.json").write_text(json.dumps({"new_study": kinds}))
    return Atlas(folder)


@pytest.mark.parametrize(("ratio", "word"), [
    ({"point": 20.0, "ci95": [12.0, 35.0]}, "reproduced"),
    ({"point": 14.0, "ci95": [3.1, 62.0]}, "undecided"),
    ({"point": 8.0, "ci95": [2.0, 35.0]}, "undecided"),
    ({"point": 6.0, "ci95": [3.0, 9.0]}, "contradicted"),
    ({"point": 80.0, "ci95": [41.0, 200.0]}, "contradicted"),
])
def test_twenty(ratio: dict[str, Any], word: str, tmp_path: Path) -> None:
    found = universal(with_ratio(tmp_path, ratio))
    assert found.word == word and (found.low, found.high) == tuple(ratio["ci95"])


@pytest.mark.parametrize(("gap", "half", "held", "word"), [
    (0.2, 0.05, 9, "reproduced"), (0.0, 0.02, 9, "contradicted"), (0.6, 0.05, 9, "contradicted"), (0.1, 0.2, 9, "undecided"),
    (0.2, 0.05, 8, "undecided"), (0.0, 0.02, 8, "undecided")])
def test_cleaner_text(gap: float, half: float, held: int, word: str, tmp_path: Path) -> None:
    for name, E, inside in (("marin-comma", 2.6 + gap, held), ("marin-dclm", 2.6, 10), ("marin-nemotron", 2.6, 10)):
        row = {"E": summary(E, half), "ratio_own": summary(10.0, 1.0), "forecast": {"inside": {"95": inside}, "predicted": 10}}
        (tmp_path / f"{name}.json").write_text(json.dumps(row))
    found = cleaner(Atlas(tmp_path))
    assert {verdict.word for verdict in found.values()} == {word}
    assert found["marin-dclm"].point == pytest.approx(gap)


def test_a_forecast_that_was_not_made_does_not_hold() -> None:
    assert not forecast_holds({"forecast": None})


@pytest.mark.parametrize(("agree", "chinchilla", "word"), [
    (9, 0.5, "reproduced"), (3, 0.5, "undecided"), (3, 0.7, "contradicted")])
def test_methods(agree: int, chinchilla: float, word: str, tmp_path: Path) -> None:
    by = {f"t{k}": 0.5 if k < agree else 0.7 for k in range(9)} | {"chinchilla-scalefit": chinchilla, "none": None}
    for name, exponent in by.items():
        row = {"a": summary(0.5, 0.1), "ratio_own": summary(10.0, 1.0), "parabolas": exponent}
        (tmp_path / f"{name}.json").write_text(json.dumps(row))
    assert methods(Atlas(tmp_path)) == word and len(with_parabolas(Atlas(tmp_path))) == 10


def test_a_difference_adds_the_spreads() -> None:
    assert difference(summary(3.0, 0.3), summary(1.0, 0.4)) == pytest.approx((2.0, 1.5, 2.5))


def predictions(inside95: int, inside50: int, of: int) -> list[dict[str, Any]]:
    rows = []
    for k in range(of):
        for prior, width in (("atlas", 1.0 + k), ("default", 4.0 + 4 * k)):
            covered = {"95": k < inside95, "80": True, "50": k < inside50}
            rows.append({"study": f"s{k}", "prior": prior, "runs": 3, "covered": covered, "log_width": width, "log_error": 0.1})
    return rows


@pytest.mark.parametrize(("wide", "half", "word"), [(10, 5, "hold"), (9, 4, "hold"), (8, 5, "do not hold"), (10, 8, "do not hold"),
                                                    (10, 3, "do not hold")])
def test_leave_one_out_holds_by_the_stated_bounds(wide: int, half: int, word: str, tmp_path: Path) -> None:
    (tmp_path / "leave-out.json").write_text(json.dumps({"predictions": predictions(wide, half, 10)}))
    atlas = Atlas(tmp_path)
    assert calibrated(atlas) == word and atlas.covered("atlas", 3, "95") == (wide, 10)
    assert [row["study"] for row in atlas.missed()] == [f"s{k}" for k in range(wide, 10)]
    assert atlas.median_width("atlas", 3) == 5.5 and narrower(atlas) == pytest.approx(0.25)


@pytest.mark.parametrize(("as_is", "one_half", "double", "factor", "holds"), [
    (9, 10, 10, 1.0, True), (8, 9, 10, 1.5, True), (8, 8, 9, 2.0, True), (8, 8, 8, 2.0, False)])
def test_the_prior_is_widened_until_it_holds(as_is: int, one_half: int, double: int, factor: float, holds: bool) -> None:
    rows = [{"prior": prior, "runs": runs, "covered": {"95": k < inside if runs == 3 else False}} for runs in (3, 5)
            for prior, inside in (("atlas", as_is), ("atlas x 1.5", one_half), ("atlas x 2", double)) for k in range(10)]
    found = widening(rows)
    assert (found["factor"], found["holds"], found["prior"]) == (factor, holds, "atlas" if factor == 1 else f"atlas x {factor:g}")


def test_the_prior_in_use_is_the_recorded_one(tmp_path: Path) -> None:
    body = {"predictions": predictions(8, 5, 10)}
    (tmp_path / "leave-out.json").write_text(json.dumps(body))
    assert (Atlas(tmp_path).prior, Atlas(tmp_path).factor) == ("atlas", 1.0)
    (tmp_path / "leave-out.json").write_text(json.dumps({**body, "widening": {"prior": "atlas x 2", "factor": 2.0}}))
    assert (Atlas(tmp_path).prior, Atlas(tmp_path).factor) == ("atlas x 2", 2.0)
    with pytest.raises(AtlasRecordError, match="study atlas target"):
        Atlas(tmp_path).target("own-cpu", "three", "atlas")
    (tmp_path / "target.json").write_text(json.dumps({"rows": [{"runs": "own-cpu", "taken": "all", "prior": "atlas", "count": 3}]}))
    assert Atlas(tmp_path).target("own-cpu", "all", "atlas")["count"] == 3
    with pytest.raises(AtlasRecordError, match="does not record three of the runs of own-cpu"):
        Atlas(tmp_path).target("own-cpu", "three", "atlas")


def test_what_is_missing_says_which_command_records_it(tmp_path: Path) -> None:
    atlas = Atlas(tmp_path)
    for part, command in (("alone", "alone"), ("population", "together"), ("left_out", "leave-out"), ("joint", "joint"),
                          ("calibration", "calibrate")):
        with pytest.raises(AtlasRecordError, match=f"study atlas {command}"):
            getattr(atlas, part)


def test_failed_atlases_are_counted_and_not_ranked() -> None:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"atlas": range(201), "model": MODEL, "reason": [""] * 200 + ["no"], "effective": [50.0] * 200 + [np.nan],
                         "mean": [*rng.integers(0, 100, 200), np.nan], "narrow": [*rng.integers(40, 60, 200), np.nan]})
    body: dict[str, Any] = rank_tests(rows)
    assert (body["atlases"], body["finished"], body["failed"]) == (201, 200, {"200": "no"})
    good, bad = body["tests"]
    assert good["holm"] > 0.01 > bad["holm"] and bad["coverage_50"] == 1.0
