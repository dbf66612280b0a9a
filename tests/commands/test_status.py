"""`study status`: what is left; `--log`: one table of all curves, and one line where there is none."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from study.cli import app, main
from study.counts import exact_flops
from study.grids import grid
from study.grids.design import Grid
from study.grids.files import written
from study.launch.state import run_lock, work_directory
from study.record import write_record
from tests import planted_go
from tests.makers import record


def status(monkeypatch: pytest.MonkeyPatch, runs: Path, log: Path) -> None:
    monkeypatch.setattr("sys.argv", ["study", "status", "--grid", "go", "--runs", str(runs), "--log", str(log)])
    main()


def test_the_log_has_a_row_a_point_of_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = grid("go").cells[:3]
    planted_go.write(grid("go"), tmp_path, cells)
    with pytest.raises(SystemExit) as left:
        status(monkeypatch, tmp_path, tmp_path / "log.csv")
    assert left.value.code == 0
    log = pd.read_csv(tmp_path / "log.csv")
    assert set(log["run_id"]) == {cell.config.run_id for cell in cells} and set(log["arm"]) == {"size"}
    assert (log["epoch"] * log["unique"]).to_numpy() == pytest.approx(log["tokens"].to_numpy())
    assert {"flops", "step", "train_loss", "validation_loss", "validation_policy_accuracy", "train_eval_value_loss"} <= set(log)


def test_what_is_left_in_hours_and_dollars(tmp_path: Path) -> None:
    """Four runs alike: two took two hours each, one is half done. What is left is three hours of one worker."""
    first = grid("smoke").cells[0]
    cells = tuple(replace(first, config=replace(first.config, seed=seed)) for seed in range(4))
    file, runs = tmp_path / "mine.json", tmp_path / "runs"
    file.write_text(written(Grid("mine", first.config.corpus, cells)))
    for cell in cells[:2]:
        made = record(cell.config)
        write_record(runs / "mine" / made.run_id, replace(made, timing=replace(made.timing, total_wall=7200.0)))
    running = cells[2].config.run_id
    work = work_directory(runs, "mine", running)
    work.mkdir(parents=True)
    note = {"step": 5, "steps": 10, "loss": 2.5, "tokens_per_second": 1000.0, "time": 0.0}
    (work / "progress.json").write_text(json.dumps(note))
    arguments = ["status", "--grid", str(file), "--runs", str(runs), "--workers", "2", "--price", "4"]
    with run_lock(runs, "mine", running):
        result = CliRunner(env={"COLUMNS": "250", "TERM": "dumb"}).invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    assert f"{running}: step 5 of 10, loss 2.500, 1,000 tokens/s" in result.output
    left = exact_flops(first.config) * 1.5
    assert f"2 of 4 runs done, {left:.2e} FLOP left: 1.5 hours with 2 workers" in result.output
    assert result.output.strip().endswith(", 12.00 dollars")
    rows = [re.findall(r"\S+", line.replace("│", " ")) for line in result.output.splitlines()]
    assert [first.role, "1", "0", "0", "0", "0.00e+00"] in rows  # of seed 0
    assert ["seed", "1", "0", "1", "2", f"{left:.2e}"] in rows


def test_a_grid_of_a_file_has_its_name_and_its_folder(tmp_path: Path) -> None:
    file, go = tmp_path / "mine.json", grid("go")
    file.write_text(written(replace(go, cells=go.cells[:2])))
    result = CliRunner(env={"COLUMNS": "250", "TERM": "dumb"}).invoke(app, ["status", "--grid", str(file), "--runs", "here"])
    assert result.exit_code == 0 and "grid go in here/go" in result.output, result.output


def test_no_run_is_one_line_and_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        status(monkeypatch, tmp_path, tmp_path / "log.csv")
    assert left.value.code == 2 and "study run --grid go" in capsys.readouterr().err
    assert not (tmp_path / "log.csv").exists()
