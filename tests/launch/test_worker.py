"""What a worker does before it trains."""

import sys
from pathlib import Path

import pytest

from study import provenance
from study.grids import grid
from study.launch import worker
from study.launch.worker import Options, train_cell, work_through
from tests.conftest import Repository


@pytest.mark.parametrize("begin", [
    lambda runs: train_cell(grid("smoke").cells[0], Options(), runs, lambda: False),
    lambda runs: work_through(list(grid("smoke").cells), grid("smoke"), runs, Options())])
def test_the_commit_of_a_run_is_that_of_its_beginning(begin: object, repository: Repository, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    first, seen = repository.head, []

    def meanwhile(*_: object) -> None:
        repository.commit()
        seen.append(provenance.git_state()[0])
        raise InterruptedError

    monkeypatch.setattr(worker, "task_of", meanwhile)
    monkeypatch.setattr(worker, "_recorded", meanwhile)
    handlers = worker.Stop()
    try:
        with pytest.raises(InterruptedError):
            begin(tmp_path)  # type: ignore[operator]
    finally:
        handlers.restore()
    assert seen == [first] and first != repository.head


def test_a_worker_has_the_options_that_its_launcher_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, only = Options(threads=3, price=2.0, checkpoint_seconds=5.0), grid("smoke").cells[1]
    asked = []
    monkeypatch.setattr(worker, "work_through", lambda *arguments: asked.append(arguments))
    monkeypatch.setattr("sys.argv", ["worker", "--grid", "smoke", "--runs", str(tmp_path), *given.arguments()])
    worker.main()
    monkeypatch.setattr("sys.argv", [*sys.argv, "--only", only.config.run_id])
    worker.main()
    assert asked == [(list(grid("smoke").cells), grid("smoke"), tmp_path, given), ([only], grid("smoke"), tmp_path, given)]
