"""Three grids side by side: a planted step is seen where it was planted, and nowhere else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from study.analysis import recipes
from study.analysis.study import Study
from study.articles.appendix import recipes as section
from study.articles.shared.text import PENDING
from study.counts import config_counts
from study.grids import grid
from study.laws.hoffmann import LossSurface
from study.predictions import LAWS, path_of
from study.record import Metric, write_record
from tests.given import given
from tests.makers import record

ROOT = Path(__file__).resolve().parents[2]
LAW = LossSurface(E=1.1, A=40.0, B=300.0, alpha=0.35, beta=0.35)
STEP = 0.8  # what the largest budget of the first grid's losses are multiplied by


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two grids by one law with noise of 0.3 %, the first with a step; three losses in parts."""
    out, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(5)
    for name in (recipes.FIRST, recipes.SECOND):
        for cell in grid(name).of("fit"):
            loss = float(LAW.loss(config_counts(cell.config).multiplying, cell.config.tokens))
            loss *= float(np.exp(3e-3 * rng.standard_normal()))
            loss *= STEP if name == recipes.FIRST and cell.budget == 3e13 else 1.0
            write_record(out / name / cell.config.run_id, record(cell.config, loss))
    for k, cell in enumerate(grid("parts").cells):
        metrics = {f"share_{kind}": Metric(0.2, 0.01, "share", 100) for kind in recipes.KINDS}
        metrics |= {f"loss_{kind}": Metric(3.0 - 0.1 * i * k, 0.01, "nats", 100) for i, kind in enumerate(recipes.KINDS)}
        write_record(out / "parts" / cell.config.run_id, record(cell.config, 3.0, metrics=metrics))
    return out


@pytest.fixture
def planted(quick: Study, folder: Path) -> Study:
    return given(quick, {}, folders=(folder,))


def test_a_step_is_seen_in_the_grid_that_has_one(planted: Study) -> None:
    first, second = recipes.frontiers(planted)
    assert first.grid == recipes.FIRST and second.grid == recipes.SECOND
    assert -0.25 < first.beyond < -0.15  # the step of -0.2, less the law's own curvature
    assert 0 < second.beyond < 0.06
    assert section.beyond_first(planted).startswith("−") and len(first.slopes) == len(first.C) - 1
    assert first.slopes[-1] < 2 * first.slopes[0] < 0


def test_the_noise_between_seeds_is_that_planted(planted: Study) -> None:
    rows = recipes.seed_sds(planted)
    pooled = float(np.sqrt((rows["sd"] ** 2 * rows["freedom"]).sum() / rows["freedom"].sum()))
    assert 2e-3 < pooled < 4.5e-3 and set(rows["grid"]) == {recipes.FIRST, recipes.SECOND}


def test_the_loss_in_parts_is_that_recorded(planted: Study) -> None:
    rows = recipes.parts(planted)
    assert set(rows["grid"]) == {recipes.SECOND} and set(rows["part"]) == set(recipes.KINDS)
    assert section.second_fall_window(planted) == "0" and section.second_fall_new(planted) == "0.20"
    assert len(section.parts(planted).axes) == 1


def test_what_is_missing_is_named(planted: Study, quick: Study, capsys: pytest.CaptureFixture[str]) -> None:
    section.missing(planted)
    said = capsys.readouterr().out
    done, every = (len(grid("cpu2").of("fit")), len(grid("cpu2").planned))
    assert f", `cpu3` (0 of {every} runs recorded) and `parts-source` (0 of " in said and "`parts`" not in said
    assert section.recorded_second(planted) == f"{done} of {every}"  # stopped for good: nothing to train
    section.missing(given(quick, {}, folders=()))
    said = capsys.readouterr().out
    assert all(f"`{name}` (0 of " in said for name in ("cpu", "cpu3", "parts-source", "parts"))
    assert recipes.tests(planted).empty and section.error_third(planted) == PENDING


def test_a_budget_counts_once_all_of_its_runs_are_recorded(planted: Study, folder: Path, tmp_path: Path) -> None:
    whole = recipes.frontiers(planted)[1]
    rows = planted.frame_of(recipes.SECOND)
    lost = rows.loc[rows["budget"] == whole.C[-1], "run_id"].iloc[0]
    shutil.copytree(folder / recipes.SECOND, tmp_path / recipes.SECOND, ignore=shutil.ignore_patterns(lost))
    (found,) = recipes.frontiers(given(planted, {}, folders=(tmp_path,)))
    assert list(found.C) == list(whole.C[:-1])


def test_seeds_that_were_added_count_for_the_study_s_own_grid(planted: Study) -> None:
    own = given(planted, {}, grid=grid(recipes.FIRST), frame=planted.frame_of(recipes.FIRST))
    run = own.frame.iloc[[0, 0]]
    more = given(own, {}, seeds=run.assign(loss=run["loss"] * np.array([1.5, 0.5]), run_id=["a", "b"]))
    before, after = (recipes.seed_sds(one).set_index(["grid", "budget"])["freedom"] for one in (own, more))
    assert after[recipes.FIRST].sum() == before[recipes.FIRST].sum() + 2 and after[recipes.SECOND].equals(before[recipes.SECOND])


def test_held_out_runs_of_the_first_grid_stand_beside_the_study_s_own(planted: Study) -> None:
    rows = recipes.tests(given(planted, {}, folders=(ROOT / "runs",)))
    rows = rows[(rows["grid"] == recipes.FIRST) & rows["held_out"].astype(bool)]
    assert len(rows) == 5
    assert (rows["error"] < 0).all() and rows["inside_95"].sum() <= 2  # the step: measured far below the law
    assert section.error_first(given(planted, {}, folders=(ROOT / "runs",))).endswith("%")


def test_a_fitted_budget_stands_beside_its_prediction_if_that_was_made_before_its_runs(planted: Study, tmp_path: Path) -> None:
    name, where = recipes.SECOND, tmp_path / "runs"
    for cell in grid(name).of("fit"):
        write_record(where / name / cell.config.run_id, record(cell.config, 3.0))
    said = {"50": [2.9, 3.1], "80": [2.9, 3.1], "95": [2.8, 3.2], "median": 3.0}
    runs = {cell.config.run_id: {LAWS[0]: said} for cell in grid(name).of("fit") if cell.budget == 1e13}
    for made, expected in (("2001-01-01T00:00:00+00:00", len(runs)), ("2999-01-01T00:00:00+00:00", 0)):
        path_of(where, name, 1e13).parent.mkdir(exist_ok=True)
        path_of(where, name, 1e13).write_text(json.dumps({"made": made, "fitted": {"runs": 39}, "runs": runs}))
        study = given(planted, {}, folders=(where,))
        found = recipes.tests(study)
        assert len(found) == expected
        if expected:
            assert not found["held_out"].any() and found["inside_50"].all()
            assert f"| {len(runs)} " in section.table(study).data
