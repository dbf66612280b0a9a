"""`study status --log`: one table of all curves, and one line where there is none."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from study.cli import app, main
from study.grids import grid
from study.grids.files import written
from tests import planted_go


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
