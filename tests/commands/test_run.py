"""`study run`: its defaults; `--split`: the fitted runs alone, so that the held-out ones wait for their prediction."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from study.cli import app, main
from study.grids import grid
from study.launch import local
from study.launch.state import GridState
from study.launch.worker import Options


@pytest.mark.parametrize("split", ["fit", "held-out"])
def test_a_split_is_trained_alone(split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def train(*_: object, only: Any, **__: object) -> GridState:
        asked.append(only)
        return GridState({}, {}, ())

    monkeypatch.setattr(local, "run_grid", train)
    monkeypatch.setattr("study.commands.run._prepare", lambda *_: None)
    result = CliRunner().invoke(app, ["run", "--grid", "cpu2", "--split", split, "--runs", str(tmp_path)])
    assert result.exit_code == 0, result.output
    ids = {cell.config.run_id for cell in grid("cpu2").cells if cell.split == split}
    assert set(asked[0]) == ids and 0 < len(ids) < len(grid("cpu2").cells)


@pytest.mark.parametrize(("name", "arguments", "gpus", "expected"), [
    ("quick", [], 4, Options(workers=7)),
    ("quick", ["--workers", "2", "--threads", "3", "--price", "1.5"], 4, Options(2, 3, price=1.5)),
    ("lab01", [], 4, Options(4, device="auto")),
    ("lab01", ["--devices-per-run", "2"], 4, Options(2, device="auto", devices_per_run=2)),
    ("lab01", [], 0, Options(7, device="auto")),
    ("lab01", ["--device", "cpu", "--checkpoint-seconds", "5"], 4, Options(7, checkpoint_seconds=5.0)),
])
def test_float32_trains_on_every_core_and_bfloat16_on_every_gpu(name: str, arguments: list[str], gpus: int, expected: Options,
                                                                tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Options] = []

    def train(_: object, __: object, options: Options, **___: object) -> GridState:
        asked.append(options)
        return GridState({}, {}, ())

    monkeypatch.setattr(local, "run_grid", train)
    monkeypatch.setattr("study.commands.run._prepare", lambda *_: None)
    monkeypatch.setattr("study.launch.gpus.gpus", lambda: tuple(map(str, range(gpus))))
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    result = CliRunner().invoke(app, ["run", "--grid", name, "--runs", str(tmp_path), *arguments])
    assert result.exit_code == 0, result.exception
    assert asked == [expected]


@pytest.mark.parametrize(("arguments", "said"), [
    (["--split", "held_out"], "one of fit, held-out, tuning"),
    (["--split", "tuning"], "the grid cpu2 has no run of the split tuning"),
    (["--split", "fit", "--only", "L2-d12-D2.9M-s0-000000"], "give one of them"),
])
def test_a_split_that_is_none(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                              capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["study", "run", "--grid", "cpu2", "--runs", str(tmp_path), *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    error = capsys.readouterr().err
    assert left.value.code == 2 and said in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
