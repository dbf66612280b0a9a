"""What a grid's directory says: which runs are done, being trained, or left."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from study.config import Config
from study.cost import all_flops
from study.counts import exact_flops
from study.grids.design import Cell, Grid
from study.record import RunRecord, read_record, run_directory


@dataclass(frozen=True)
class GridState:
    """Cells of a grid by state. `running` maps run_id to its last progress note (step, steps, loss, tokens_per_second)."""

    done: dict[str, RunRecord]
    running: dict[str, dict[str, Any]]
    left: tuple[Cell, ...]  # not done; those being trained are among them

    @property
    def flops_left(self) -> float:
        """Exact FLOPs still to train, less what running cells have done."""
        return sum(map(self.flops_left_of, self.left))

    def flops_left_of(self, cell: Cell) -> float:
        """Of one cell that is not done."""
        return exact_flops(cell.config) * (1 - self._share(cell))

    @property
    def work_left(self) -> float:
        """Like `flops_left`, including evaluations, which are most of a small run's work; used for the ETA."""
        return sum(all_flops(cell.config) * (1 - self._share(cell)) for cell in self.left)

    @property
    def work_per_second(self) -> float | None:
        """FLOPs, evaluations included, over all seconds of the records, a process."""
        complete = [record for record in self.done.values() if record.status == "complete"]
        seconds = sum(record.timing.total_wall for record in complete)
        return sum(all_flops(record.config) for record in complete) / seconds if seconds else None

    def _share(self, cell: Cell) -> float:
        """How much of a cell that is being trained is done."""
        note = self.running.get(run_id_of(cell.config), {}) if self.running else {}
        return float(note.get("step", 0) / note.get("steps", 1))


@cache
def run_id_of(config: Config) -> str:
    """The config's run_id, hashed once: a launcher asks for thousands every second."""
    return config.run_id


def work_directory(runs: Path, grid: str, run_id: str) -> Path:
    """Checkpoints and progress of an unfinished run: runs/<grid>/.work/<run_id>/ (ignored by git)."""
    return runs / grid / ".work" / run_id


def run_lock(runs: Path, grid: str, run_id: str) -> FileLock:
    """The lock whoever trains this run holds; freed by the system when the process dies."""
    folder = runs / grid / ".work"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{run_id}.lock")


def grid_state(grid: Grid, runs: Path, known: Mapping[str, RunRecord] | None = None) -> GridState:
    """Read the state of a grid from its records, locks and progress notes; records already `known` are not read again."""
    known = known or {}
    done: dict[str, RunRecord] = {}
    running: dict[str, dict[str, Any]] = {}
    left = []
    for cell in grid.cells:
        run_id = run_id_of(cell.config)
        directory = run_directory(runs, grid.name, run_id)
        if run_id in known:
            done[run_id] = known[run_id]
            continue
        if (directory / "record.json").exists():
            done[run_id] = read_record(directory)
            continue
        left.append(cell)
        if _held(runs, grid.name, run_id):
            running[run_id] = progress_note(work_directory(runs, grid.name, run_id))
    return GridState(done, running, tuple(left))


def progress_note(work: Path) -> dict[str, Any]:
    """The last progress note of a run, {} when there is none."""
    try:
        note: dict[str, Any] = json.loads((work / "progress.json").read_text())
    except (OSError, ValueError):
        return {}
    return note


def _held(runs: Path, grid: str, run_id: str) -> bool:
    if not (runs / grid / ".work" / f"{run_id}.lock").exists():
        return False
    lock = run_lock(runs, grid, run_id)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
