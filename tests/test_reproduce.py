"""`study reproduce`: each step is a command that exists, nothing old counts as done, the first failure ends it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from study.cli import COMMANDS, app
from study.commands import reproduce as module
from study.record import write_record
from study.reproduce import ReproduceError, Step, answer, start_afresh, steps
from tests.makers import CONFIG, record


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the marks of a checkout, as working directory."""
    (tmp_path / "report").mkdir()
    (tmp_path / "_quarto.yml").write_text("project:\n  type: default\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commit(root: Path, grid: str) -> None:
    write_record(root / "runs" / grid / CONFIG.run_id, record())


def test_the_steps_write_under_one_folder_and_read_fresh_records(checkout: Path) -> None:
    commit(checkout, "quick")
    todo = steps("quick", checkout, checkout / "build" / "reproduce", 2)
    assert [step.line for step in todo] == [
        "study corpus sotu",
        "study run --grid quick --workers 2 --runs build/reproduce/runs",
        "study verify build/reproduce/runs/quick --against runs/quick",
        "study fit --grid quick --runs build/reproduce/runs --out build/reproduce/fit",
        "STUDY_GRID=quick STUDY_RUNS=build/reproduce/runs study render --out build/reproduce/_site",
    ]
    assert {step.arguments[0] for step in todo} <= set(COMMANDS)


def test_every_option_of_a_step_is_one_the_command_has(checkout: Path) -> None:
    commit(checkout, "quick")
    for step in steps("quick", checkout, checkout / "build", 2):
        shown = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, [step.arguments[0], "--help"]).output
        assert all(word in shown for word in step.arguments if word.startswith("--")), step.line


def test_without_committed_records_nothing_is_compared(checkout: Path) -> None:
    commit(checkout, "sweep")
    assert "verify" not in [step.arguments[0] for step in steps("quick", checkout, checkout / "build", 2)]


def test_another_folder_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="root of a checkout"):
        steps("quick", tmp_path, tmp_path / "build", 1)


def test_what_an_earlier_reproduction_left_is_deleted(tmp_path: Path) -> None:
    fresh = tmp_path / "build" / "reproduce"
    commit(fresh, "quick")
    start_afresh(fresh)
    assert list(fresh.iterdir()) == []


def test_a_link_is_replaced_and_its_target_kept(tmp_path: Path) -> None:
    commit(tmp_path, "quick")
    fresh = tmp_path / "fresh"
    fresh.symlink_to(tmp_path / "runs")
    start_afresh(fresh)
    assert not fresh.is_symlink()
    assert (tmp_path / "runs" / "quick" / CONFIG.run_id / "record.json").exists()


@pytest.mark.parametrize(("fails", "code", "ends"), [("run", 75, 75), ("verify", 1, 1), ("fit", -9, 137)])
def test_the_first_failure_ends_it_with_its_exit_code(checkout: Path, monkeypatch: pytest.MonkeyPatch,
                                                      fails: str, code: int, ends: int) -> None:
    commit(checkout, "quick")
    ran: list[str] = []

    def run(step: Step, root: Path) -> int:
        assert root == checkout
        assert not any((checkout / "build" / "reproduce").glob("runs/*/*/record.json"))
        ran.append(step.arguments[0])
        return code if step.arguments[0] == fails else 0

    monkeypatch.setattr(module, "_run", run)
    commit(checkout / "build" / "reproduce", "quick")  # a stale record
    result = CliRunner().invoke(app, ["reproduce", "--grid", "quick"])
    assert result.exit_code == ends
    assert ran[-1] == fails
    assert f"failed with exit code {code}: study {fails}" in result.stderr


def test_the_answer_is_read_from_the_fit(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    path.write_text('{"answers": {"at_N": {"N": 1e9, "D_opt": {"posterior": {"point": 2.15e10, "ci95": [1e9, 4.5e11]}}}}}')
    assert answer(path) == "D_opt(1e+09 parameters) = 2.15e+10 tokens, 95 % interval [1e+09, 4.5e+11]"
    for broken in ("", "[]", "{}", '{"answers": {"at_N": {"N": 1e9}}}'):
        path.write_text(broken)
        with pytest.raises(ReproduceError, match="holds no answer"):
            answer(path)


def test_a_step_runs_the_command_with_its_environment(checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert module._run(Step(("status", "--grid", "no-such-grid")), checkout) == 2
    assert "unknown grid" in capfd.readouterr().err
    narrow = Step(("status", "--help"), {"COLUMNS": "50"})
    assert module._run(narrow, checkout) == 0
    assert max(map(len, capfd.readouterr().out.splitlines())) <= 50
