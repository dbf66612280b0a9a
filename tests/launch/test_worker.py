"""What a worker does before it trains."""

from pathlib import Path

import pytest

from study import provenance
from study.grids import grid
from study.launch import worker
from study.launch.worker import Options, train_cell, work_through


@pytest.mark.parametrize("begin", [
    lambda runs: train_cell(grid("smoke").cells[0], Options(), runs, lambda: False),
    lambda runs: work_through(list(grid("smoke").cells), grid("smoke"), runs, Options())])
def test_the_commit_of_a_run_is_that_of_its_beginning(begin: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def looks(*_: object) -> None:
        seen.append(provenance.git_state.cache_info().currsize)
        raise InterruptedError

    provenance.git_state.cache_clear()
    monkeypatch.setattr(worker, "task_of", looks)
    monkeypatch.setattr(worker, "_recorded", looks)
    handlers = worker.Stop()
    try:
        with pytest.raises(InterruptedError):
            begin(tmp_path)  # type: ignore[operator]
    finally:
        handlers.restore()
    assert seen == [1]
