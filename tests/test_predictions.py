"""Predictions made before runs: planted runs fall where they should, and nothing is predicted late or twice."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from study import predictions
from study.analysis import repeated
from study.analysis.runs import runs as with_best_loss
from study.cli import app
from study.counts import config_counts
from study.grids import grid as named
from study.grids.design import Cell, Grid
from study.grids.files import written
from study.grids.ladder import at
from study.inference.fast.fit import fit_fast
from study.inference.posterior import Posterior, UnconvergedError
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface
from study.predictions import LAWS, MIXTURE, PredictionError, path_of, predict, read_prediction, scores, started_before
from study.record import write_json, write_record
from study.table import fit_rows, held_out_rows, planned, records_of, table
from tests import planted_go
from tests.conftest import Repository
from tests.makers import record

ROOT = Path(__file__).resolve().parent.parent
LAW = LossSurface(E=1.1, A=60.0, B=600.0, alpha=0.32, beta=0.42)
BASE = named("quick").cells[0].config


def design() -> Grid:
    """Three fitted budgets and one held out, four widths each."""
    widths = (16, 24, 32, 48)
    return Grid("planted", "sotu", tuple(
        Cell(at(BASE, budget, width, learning_rate=0.8 / width, batch_tokens=1024), "isoflop", split, budget)
        for budget, split in ((1e11, "fit"), (3e11, "fit"), (1e12, "fit"), (3e12, "held-out")) for width in widths))


def train(grid: Grid, runs: Path, *splits: str, factor: float = 1.0) -> None:
    """Records of the planted law with noise of 0.2 %, times `factor`."""
    rng = np.random.default_rng(7)
    for cell in grid.of(*splits):
        loss = float(LAW.loss(config_counts(cell.config).multiplying, cell.config.tokens)) * factor
        loss *= float(np.exp(0.002 * rng.standard_normal()))
        write_record(runs / grid.name / cell.config.run_id, record(cell.config, loss))


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The importance fit of the first law in place of every chain but one, which does not converge."""
    def fit(table: pd.DataFrame, spec: ModelSpec, **options: Any) -> Posterior:
        if spec.law == "nesting":
            raise UnconvergedError("planted")
        return fit_fast(table, replace(spec, law="hoffmann"), **options)

    monkeypatch.setattr(predictions, "fit_posterior", fit)


@pytest.mark.usefixtures("fast")
def test_planted_runs_fall_inside_and_shifted_ones_outside(tmp_path: Path) -> None:
    grid = design()
    train(grid, tmp_path, "fit")
    path = predict(grid, tmp_path, seed=3)
    said = read_prediction(tmp_path, "planted")
    assert said is not None and path == tmp_path / "predictions" / "planted.json"
    assert set(said["runs"]) == {cell.config.run_id for cell in grid.of("held-out")}
    assert said["fitted"]["runs"] == 12 and set(said["models"]) == set(LAWS)
    assert said["models"]["nesting"] == "unconverged"
    for model in ("hoffmann", "kaplan", MIXTURE):
        low, high = said["optima"]["3e+12"][model]["N"]["95"]
        assert low < said["optima"]["3e+12"][model]["N"]["median"] < high
    assert said["optima"]["3e+12"]["hoffmann"]["N"]["95"][0] < LAW.N_opt(3e12) < said["optima"]["3e+12"]["hoffmann"]["N"]["95"][1]
    train(grid, tmp_path, "held-out")
    rows = held_out_rows(table(grid, records_of(grid, tmp_path)))
    found = scores(said, rows)
    assert len(found) == 4 and found["inside_95"].all() and found["error"].abs().max() < 0.02
    wrong = scores(said, rows.assign(loss=rows["loss"] * 1.2))
    assert not wrong["inside_95"].any() and wrong["error"].mean() == pytest.approx(found["error"].mean() + np.log(1.2))


@pytest.mark.usefixtures("fast")
def test_a_larger_grid_is_predicted_from_a_smaller_one(tmp_path: Path) -> None:
    small = design()
    larger = Grid("larger", "sotu", tuple(
        Cell(at(BASE, budget, width, learning_rate=0.8 / width, batch_tokens=1024), "isoflop", split, budget)
        for budget, split in ((2e12, "fit"), (4e12, "held-out")) for width in (48, 64, 96)))
    with pytest.raises(PredictionError, match="study run --grid planted"):
        predict(larger, tmp_path, seed=3, source=small)
    train(small, tmp_path, "fit")
    predict(larger, tmp_path, seed=3, source=small)
    said = read_prediction(tmp_path, "larger")
    assert said is not None and (said["fitted"]["grid"], said["fitted"]["runs"]) == ("planted", 12)
    assert set(said["optima"]) == {"2e+12", "4e+12"}
    train(larger, tmp_path, "fit", "held-out")
    rows = table(larger, records_of(larger, tmp_path))
    assert len(scores(said, rows)) == 6 and scores(said, rows)["inside_95"].all()
    (tmp_path / "predictions" / "larger.json").unlink()
    with pytest.raises(PredictionError, match="trained already"):
        predict(larger, tmp_path, seed=3, source=small)


@pytest.mark.usefixtures("fast")
def test_a_fitted_budget_is_predicted_from_those_of_less_before_it_is_trained(tmp_path: Path) -> None:
    whole = design()
    below, of_1e12 = (replace(whole, cells=tuple(cell for cell in whole.cells if cell.budget in budgets))
                      for budgets in ((1e11, 3e11), (1e12,)))
    train(below, tmp_path, "fit")
    shared, rest = (replace(whole, cells=cells) for cells in (of_1e12.cells[:1], of_1e12.cells[1:]))
    train(shared, tmp_path, "fit")  # runs that another grid has trained
    path = predict(whole, tmp_path, seed=3, budget=1e12)
    said = read_prediction(tmp_path, "planted", 1e12)
    assert said is not None and path.name == "planted-1e12.json" and said["fitted"]["runs"] == 8
    assert set(said["runs"]) == {cell.config.run_id for cell in rest.cells} and set(said["optima"]) == {"1e+12"}
    assert read_prediction(tmp_path, "planted") is None  # that of the held-out runs is another
    train(rest, tmp_path, "fit")
    assert len(scores(said, table(whole, records_of(whole, tmp_path)))) == 3
    path.unlink()
    with pytest.raises(PredictionError, match="trained already"):
        predict(whole, tmp_path, seed=3, budget=1e12)
    for budget in (1e11, 5e11):
        with pytest.raises(PredictionError, match=r"one of 3e.11, 1e.12, 3e.12$"):
            predict(whole, tmp_path, seed=3, budget=budget)


@pytest.mark.usefixtures("fast")
def test_a_budget_of_one_grid_is_predicted_from_the_runs_of_less_of_another(tmp_path: Path) -> None:
    small = design()
    other = Grid("other", "sotu", tuple(Cell(at(BASE, 1e12, width, learning_rate=0.8 / width, batch_tokens=1024), "allocation",
                                             "held-out", 1e12) for width in (40, 96)))
    train(replace(small, cells=tuple(cell for cell in small.cells if cell.budget < 1e12)), tmp_path, "fit")
    predict(other, tmp_path, seed=3, source=small, budget=1e12)
    said = read_prediction(tmp_path, "other", 1e12)
    assert said is not None and (said["fitted"]["grid"], said["fitted"]["runs"]) == ("planted", 8)
    assert set(said["runs"]) == {cell.config.run_id for cell in other.cells} and set(said["optima"]) == {"1e+12"}
    with pytest.raises(PredictionError, match=r"with a smaller one to fit: one of 1e.12$"):
        predict(other, tmp_path, seed=3, source=small, budget=1e11)


@pytest.mark.usefixtures("fast")
def test_a_prediction_is_made_once_and_before_its_runs(tmp_path: Path) -> None:
    grid = design()
    with pytest.raises(PredictionError, match="12 of the fitted runs are missing"):
        predict(grid, tmp_path, seed=0)
    train(grid, tmp_path, "fit", "held-out")
    with pytest.raises(PredictionError, match="trained already"):
        predict(grid, tmp_path, seed=0)
    with pytest.raises(PredictionError, match="has no held-out run"):
        predict(named("quick"), tmp_path, seed=0)
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "planted.json").write_text("{}")
    with pytest.raises(PredictionError, match="made once"):
        predict(grid, tmp_path, seed=0)


@pytest.mark.usefixtures("fast")
def test_runs_of_no_budget_are_predicted_without_optima(tmp_path: Path) -> None:
    whole = design()
    grid = replace(whole, cells=(*whole.of("fit"), *(replace(cell, budget=float("nan")) for cell in whole.of("held-out"))))
    train(grid, tmp_path, "fit")
    predict(grid, tmp_path, seed=3)
    said = read_prediction(tmp_path, "planted")
    assert said is not None and said["optima"] == {} and len(said["runs"]) == 4


def test_a_file_that_cannot_be_written_is_refused_before_any_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(design(), tmp_path, "fit")
    (tmp_path / "predictions").write_text("")
    monkeypatch.setattr(predictions, "fit_posterior", lambda *_, **__: pytest.fail("it was fitted"))
    with pytest.raises(PredictionError, match="cannot write"):
        predict(design(), tmp_path, seed=0)


def test_a_grid_of_a_file_is_predicted_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.json"
    file.write_text(written(design()))

    asked: list[dict[str, Any]] = []

    def noted(grid: Grid, runs: Path, **options: Any) -> Path:
        asked.append(options)
        interval = {"median": 1.0, "95": [0.9, 1.1]}
        body = {"models": {LAWS[0]: {}}, "runs": {"a-run": {LAWS[0]: interval, MIXTURE: interval}}}
        path = path_of(runs, grid.name, options["budget"])
        path.parent.mkdir(exist_ok=True)
        write_json(path, body)
        return path

    monkeypatch.setattr(predictions, "predict", noted)
    result = CliRunner().invoke(app, ["predict", "--grid", str(file), "--runs", str(tmp_path)])
    assert result.exit_code == 0, result.exception
    assert "a-run" in result.output and "predicted losses of planted" in result.output
    result = CliRunner().invoke(app, ["predict", "--grid", str(file), "--runs", str(tmp_path), "--from", "quick", "--at", "1e12",
                                      "--seed", "5"])
    assert result.exit_code == 0 and "planted-1e12.json" in result.output.replace("\n", ""), result.exception
    assert asked == [{"source": None, "budget": None, "seed": 0}, {"source": named("quick"), "budget": 1e12, "seed": 5}]


@pytest.mark.usefixtures("fast")
def test_a_prediction_names_the_commit_it_began_at(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, first = predictions.fit_posterior, repository.head

    def meanwhile(*arguments: Any, **options: Any) -> Posterior:
        repository.commit()
        return fit(*arguments, **options)

    monkeypatch.setattr(predictions, "LAWS", LAWS[:1])
    monkeypatch.setattr(predictions, "fit_posterior", meanwhile)
    train(design(), tmp_path, "fit")
    predict(design(), tmp_path, seed=0)
    said = read_prediction(tmp_path, "planted")
    assert said is not None and said["git_commit"] == first != repository.head


def test_planned_rows_are_those_of_the_records(tmp_path: Path) -> None:
    grid = design()
    train(grid, tmp_path, "fit")
    done, ahead = fit_rows(table(grid, records_of(grid, tmp_path))), planned(grid.of("fit"))
    assert len(ahead.columns) == 18
    for column in ahead.columns:
        assert ahead[column].tolist() == done[column].tolist(), column


def test_a_run_begun_before_its_prediction_is_named(tmp_path: Path) -> None:
    grid = design()
    train(grid, tmp_path, "held-out")
    records = records_of(grid, tmp_path)
    times = iter(["2026-01-01T11:00:00+00:00", *["2026-01-01T13:00:00+00:00"] * 3])
    records = {run_id: replace(found, provenance=replace(found.provenance, started=next(times)))
               for run_id, found in records.items()}
    said = {"made": "2026-01-01T12:00:00+00:00", "runs": {**{run_id: {} for run_id in records}, "not trained": {}}}
    assert started_before(said, records) == [next(iter(records))]


def test_the_committed_predictions_were_made_and_committed_before_their_runs() -> None:
    shallow = subprocess.run(["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True, text=True, check=False)
    paths = sorted((ROOT / "runs" / "predictions").glob("*.json"))
    assert paths
    for path in paths:
        said = json.loads(path.read_text())
        records = records_of(named(said["grid"]), ROOT / "runs")
        assert started_before(said, records) == []
        if shallow.stdout.strip() == "false":
            log = ["git", "log", "--format=%cI", "--", str(path)]
            commits = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
            assert len(commits) <= 1, f"{path.name} was changed after it was committed"  # none while it waits to be committed
            assert started_before({**said, "made": (commits or [said["made"]])[0]}, records) == []


def test_what_doubling_the_positions_gives_is_predicted_by_the_law_of_repeated_data(tmp_path: Path) -> None:
    grid = named("go")
    needed = [cell for cell in grid.of("fit") if cell.arm in repeated.ARMS]
    planted_go.write(grid, tmp_path, needed[1:])
    with pytest.raises(PredictionError, match="1 of the fitted runs are missing"):
        predict(grid, tmp_path, seed=0)
    planted_go.write(grid, tmp_path, needed[:1])
    predict(grid, tmp_path, seed=0)
    said = read_prediction(tmp_path, "go")
    assert said is not None and said["response"] == "best_loss" and said["optima"] == {}
    assert set(said["runs"]) == {cell.config.run_id for cell in grid.of("held-out")}
    assert list(said["models"]) == [repeated.REPEATED, repeated.EARLY_STOPPED]
    planted_go.write(grid, tmp_path, grid.of("held-out"))
    rows = held_out_rows(with_best_loss(grid, records_of(grid, tmp_path)))
    found = scores(said, rows, repeated.REPEATED)
    assert len(found) == 4 and found["inside_95"].all() and found["error"].abs().max() < 0.02
    assert all(high / low < 1.1 for low, high in (body[MIXTURE]["95"] for body in said["runs"].values()))
    assert not scores(said, rows.assign(best_loss=1.1 * rows["best_loss"]), repeated.REPEATED)["inside_95"].any()
