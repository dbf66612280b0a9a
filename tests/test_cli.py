"""Every command says how it is used; bad input is one line on stderr and exit code 2."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from study import cli
from study.cli import COMMANDS, app, main

BAD_INPUT = {
    "corpus": ["corpus", "no-such-corpus"],
    "run": ["run", "--grid", "no-such-grid"],
    "status": ["status", "--grid", "no-such-grid"],
    "fit": ["fit", "no-such-table.csv"],
    "next": ["next", "no-such-table.csv"],
    "plan": ["plan", "--grid", "no-such-grid", "--device", "h100"],
    "verify": ["verify", "no-such-runs", "--against", "no-such-runs"],
    "render": ["render", "--to", "docx"],
    "kit": ["kit", "unpack", "no-such-archive.tar.gz"],
    "reproduce": ["reproduce", "--grid", "no-such-grid"],
    "predict": ["predict", "--grid", "no-such-grid"],
    "readme": ["readme", "--grid", "no-such-grid"],
    "publish": ["publish"],
    "archive": ["archive"],
    "bench": ["bench", "next", "--rules", "bogus"],
}
BAD_OPTIONS = {
    "not a size": ["fit", "runs.csv", "--predict-n", "many"],
    "not a number": ["fit", "runs.csv", "--overtrain", "lots"],
    "too small": ["fit", "runs.csv", "--seed", "-1"],
    "no such option": ["fit", "--nope"],
    "no such command": ["nope"],
    "not a choice": ["bench", "nope"],
}


NO_BAD_INPUT = {
    "atlas",  # its one word is a choice, which typer checks
    "published",  # takes a folder alone, and makes it
    "calibrate",  # tests/commands/test_calibrate_command.py
    "gpu-check",  # tests/bench/test_gpu.py: its device is asked of torch, which takes seconds to load
}


def test_every_command_that_can_be_asked_wrongly_is_tested() -> None:
    assert set(COMMANDS) - set(BAD_INPUT) == NO_BAD_INPUT


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(name: str) -> None:
    result = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert f"Example: study {name}" in result.output.replace("`", "")


def test_every_command_module_is_a_command() -> None:
    folder = Path(__file__).resolve().parent.parent / "study" / "commands"
    assert {path.stem.replace("_", "-") for path in folder.glob("[!_]*.py")} == {name.replace("_", "-") for name in COMMANDS}


@pytest.mark.parametrize("name", [*BAD_INPUT, *BAD_OPTIONS])
def test_bad_input_is_one_line_and_exit_code_2(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["study", *(BAD_INPUT | BAD_OPTIONS)[name]])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert left.value.code == 2
    assert said.out == ""
    assert said.err.startswith("study: ")
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("error", "said"), [
    (OSError(errno.ENOSPC, "No space left on device", "runs/x"), "runs/x: No space left on device"),
    (OSError("the disk [sda] is gone"), "the disk [sda] is gone")])
def test_a_disk_that_refuses_is_one_line_and_exit_code_2(error: OSError, said: str, monkeypatch: pytest.MonkeyPatch,
                                                         capsys: pytest.CaptureFixture[str]) -> None:
    def app(**_: bool) -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and capsys.readouterr().err == f"study: {said}\n"


def test_help_is_no_error_and_no_command_is_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for words, code in ((["fit", "--help"], 0), ([], 2)):
        monkeypatch.setattr("sys.argv", ["study", *words])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert (left.value.code or 0) == code and "Usage: study" in said.out and said.err == ""


def test_the_exit_code_reaches_the_shell() -> None:
    done = subprocess.run([sys.executable, "-m", "study.cli", "status", "--grid", "nope"], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("study: unknown grid 'nope': one of ")
