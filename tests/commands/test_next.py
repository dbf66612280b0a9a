"""`study next`: a ranking for a budget, for a table; bad input is one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from study.cli import app
from study.commands.next import _left
from study.errors import StudyError
from study.fit import following
from study.grids import grid
from study.inference.observations import group_labels
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface
from study.record import read_record
from tests.conftest import ROOT

LAW = LossSurface(1.7, 350.0, 1200.0, 0.34, 0.36)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Seven cells: few enough for importance draws, which take no compiler."""
    N = np.array([2e7, 2e7, 6e7, 6e7, 2e8, 2e8, 4e8])
    D = np.array([4e8, 4e9, 1e9, 8e9, 2e9, 1e10, 6e9])
    noise = 0.004 * np.random.default_rng(0).standard_normal(7)
    pd.DataFrame({"params": N, "tokens": D, "val_loss": LAW.loss(N, D) * np.exp(noise)}).to_csv(tmp_path / "runs.csv", index=False)
    return tmp_path / "runs.csv"


def test_the_runs_that_are_left_share_the_budgets_of_the_fitted_ones(tmp_path: Path) -> None:
    quick, spec = grid("quick"), ModelSpec(group="budget")
    left = _left(quick, tmp_path)
    labels = group_labels(left, spec, left["C"].to_numpy())
    assert set(labels) == {f"{cell.budget:g}" for cell in quick.planned} and left["run_id"].tolist() == [
        cell.config.run_id for cell in quick.planned]
    assert _left(replace(quick, cells=()), tmp_path).columns.tolist() == left.columns.tolist()


def test_runs_to_add_for_a_budget_in_dollars(table: Path) -> None:
    out = table.parent / "out"
    result = CliRunner().invoke(app, ["next", str(table), "--budget", "90", "--price", "2", "--most", "3", "--predict-n", "7B",
                                      "--out", str(out)])
    assert result.exit_code == 0, result.output
    body = json.loads((out / "next.json").read_text())
    assert sorted(path.name for path in out.iterdir()) == ["next.json", "next.png"] and imread(out / "next.png").std() > 0.02
    chosen = body["chosen"]
    assert 1 <= len(chosen) <= 3 and chosen[-1]["spent"] <= 90 and body["unit"] == "dollars" and body["target_N"] == 7e9
    for each in chosen:
        assert each["price"] == pytest.approx(2e-18 * each["C"]) and each["C"] == pytest.approx(6 * each["N"] * each["D"])
    assert body["width_now"] > chosen[0]["width"] and "spans a factor of" in result.output


@pytest.mark.parametrize(("arguments", "words"), [
    (("--budget", "0"), "--budget"), (("--group", "city"), "--group"),
    (("--grid", "quick"), "one of the two"), (("--columns", "N=absent"), "no column")])
def test_bad_input_is_one_line(table: Path, arguments: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(app, ["next", str(table), "--out", str(table.parent / "out"), *arguments])
    assert isinstance(result.exception, StudyError) and words in str(result.exception) and "\n" not in str(result.exception)


@pytest.mark.parametrize(("arguments", "words"), [
    (("--budget", "1e9"), "for 1e+09 FLOP: the cheapest costs 4.75e+16"),
    (("--budget", "0.09", "--price", "2"), "for 0.09 dollars: the cheapest costs 0.095")])
def test_a_budget_that_buys_no_run_is_refused_before_the_fit(
        table: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str) -> None:
    monkeypatch.setattr(following, "draw_posterior", None)
    result = CliRunner().invoke(app, ["next", str(table), "--out", str(table.parent / "out"), *arguments])
    assert isinstance(result.exception, StudyError) and words in str(result.exception) and "\n" not in str(result.exception)


@pytest.mark.slow
def test_the_chosen_cells_of_a_grid_are_a_grid_that_study_run_trains(tmp_path: Path) -> None:
    least = min(cell.budget for cell in grid("quick").planned)
    left_out = [cell.config.run_id for cell in grid("quick").planned if cell.budget == least][:2]
    shutil.copytree(ROOT / "runs" / "quick", tmp_path / "runs" / "quick", ignore=shutil.ignore_patterns(*left_out))
    where = ["--grid", "quick", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["next", *where, "--budget", "1e30", "--most", "1", "--predict-n", "1M"])
    assert result.exit_code == 0, result.output
    file = tmp_path / "out" / "grid.json"
    (chosen,) = grid(str(file)).cells
    assert chosen.config.run_id in left_out and f"--grid {file}" in result.output.replace("\n", "")
    trained = CliRunner().invoke(app, ["run", "--grid", str(file), "--runs", str(tmp_path / "runs"), "--workers", "1"])
    assert trained.exit_code == 0 and "1 of 1 runs of quick recorded" in " ".join(trained.output.split()), trained.output
    assert read_record(tmp_path / "runs" / "quick" / chosen.config.run_id).status == "complete"
