"""`study calibrate`: a table of tests, a record, and one clear line for bad input."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from study.cli import app, main
from study.record import write_json


def test_a_small_study_is_run_and_shown(tmp_path: Path) -> None:
    arguments = ["calibrate", "--design", "three", "--target", "A", "--draws", "20", "--workers", "1", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "log_likelihood" in result.output and "sbc-three-A-fast.json" in result.output
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [".work", "sbc-three-A-fast.csv", "sbc-three-A-fast.json"]
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0 and "log_likelihood" in again.output


def test_a_study_whose_fits_failed_is_shown(tmp_path: Path) -> None:
    failures = [{"draw": draw, "reason": "k-hat 0.9"} for draw in range(19)]
    write_json(tmp_path / "sbc-three-A-fast.json", {"draws": 20, "tests": [], "failures": failures})
    arguments = ["calibrate", "--design", "three", "--target", "A", "--draws", "20", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    assert "failed, kept in the record: 19" in result.output


def test_a_method_without_an_interval_is_shown_without_one(tmp_path: Path) -> None:
    row = {"scenario": "small", "method": "Huber", "quantity": "alpha", "covered_95": None, "log_width_95": 0.25}
    write_json(tmp_path / "coverage-cpu.json", {"replicates": 2, "coverage": [row], "failures": 0})
    result = CliRunner().invoke(app, ["calibrate", "--coverage", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.exception
    assert "0.25" in result.output and "None" not in result.output


@pytest.mark.parametrize(("option", "value", "says"), [
    ("--target", "B", "choose from A, headline"), ("--design", "four", "unknown grid 'four'"), ("--draws", "3", "at least 20")])
def test_bad_input_is_exit_code_2(option: str, value: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["study", "calibrate", option, value, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
