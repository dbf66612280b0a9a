"""A worker: one process (or one team of processes) that trains whatever runs of a grid nobody has trained yet.

Started by `launch/local.py` as `python -m study.launch.worker`; workers share nothing but the runs directory. A lock a
run keeps two workers, of one launcher or of several, from training the same one. `launch/ray.py` trains by the same
`train_cell` and writes by the same `finish`.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import Timeout

from study.config import GoConfig
from study.errors import Interrupted, StudyError
from study.grids import grid
from study.grids.design import Cell, Grid
from study.launch.state import run_lock, work_directory
from study.provenance import git_state
from study.record import RunRecord, run_directory, write_record

if TYPE_CHECKING:
    from filelock import FileLock

    from study.training.parallel import Team
    from study.training.task import Task

EX_INTERRUPTED = 75  # asked to stop, checkpointed: run again to go on (EX_TEMPFAIL of sysexits.h)
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Options:
    """How to train, nothing that changes a result on one machine but `threads`."""

    workers: int = 1
    threads: int = 1
    device: str = "cpu"
    price: float | None = None  # dollars an hour of one device
    checkpoint_seconds: float = 120.0
    devices_per_run: int = 1

    def arguments(self) -> list[str]:
        """What a worker's command line holds of them."""
        price = [] if self.price is None else ["--price", str(self.price)]
        return ["--device", self.device, "--threads", str(self.threads),
                "--checkpoint-seconds", str(self.checkpoint_seconds), *price]


def work_through(cells: list[Cell], of: Grid, runs: Path, options: Options) -> None:
    """Train the cells not yet recorded, in their order, until every one is; waits for runs others hold.

    The processes of a team all do this; the first of them decides, locks and writes.

    Raises:
        Interrupted: asked to stop, after a checkpoint.
        StudyError: see `train`.
    """
    stop = Stop()  # before the imports, which take seconds
    git_state()  # what is imported here is this commit's: it is kept for the records, whatever is committed while they train

    from study.training.device import pick
    from study.training.parallel import agree, join, leave, tell

    team = join(pick(options.device))
    left = list(cells)
    while left:
        trained = False
        for cell in list(left):
            if tell(team, _recorded(runs, of, cell)):
                left.remove(cell)
                continue
            lock = run_lock(runs, of.name, cell.config.run_id)
            if not tell(team, team.rank == 0 and _taken(lock)):
                continue
            try:
                if not tell(team, _recorded(runs, of, cell)):
                    record = train_cell(cell, options, work_directory(runs, of.name, cell.config.run_id), stop, team)
                    if team.rank == 0:
                        finish(record, of.name, runs)
                    trained = True
            finally:
                lock.release()
            left.remove(cell)
        if agree(team, stop()):
            sys.exit(EX_INTERRUPTED)
        if left and not trained:
            time.sleep(POLL_SECONDS)
    leave(team)


def train_cell(cell: Cell, options: Options, work: Path, stop: Callable[[], bool], team: "Team | None" = None) -> RunRecord:
    """Train one cell, from its checkpoint in `work` if there is one. The caller holds the run's lock."""
    import torch

    from study.training.device import fits, pick
    from study.training.loop import train
    from study.training.parallel import ALONE, shard

    git_state()  # see `work_through`; a task of Ray begins here
    config, team = cell.config, team or ALONE
    torch.set_num_threads(options.threads)
    task = task_of(cell)
    device = pick(options.device)
    if not fits(config, device, processes=team.size):
        team = shard(team)
    return train(config, task, device, work=work, checkpoint_seconds=options.checkpoint_seconds, price_per_hour=options.price,
                 stop=stop, team=team)


def task_of(cell: Cell) -> "Task":
    """What the cell's run trains on: the positions of Go, or a corpus's tokens; the arm "parts" measures more of its loss."""
    config = cell.config
    if isinstance(config, GoConfig):
        from study.data.go.positions import open_positions
        from study.training.go import go

        return go(open_positions())
    from study.data.tokens import encode_for, prepare
    from study.training.language import language
    from study.training.parts import with_parts

    tokens = prepare(config.corpus)
    task = language(tokens, encode_for(config.ood_corpus, config.corpus) if config.ood_corpus else None)
    return with_parts(task, tokens) if cell.arm == "parts" else task


def finish(record: RunRecord, grid_name: str, runs: Path) -> None:
    """Write the record, then drop the checkpoints it replaces."""
    write_record(run_directory(runs, grid_name, record.run_id), record)
    shutil.rmtree(work_directory(runs, grid_name, record.run_id), ignore_errors=True)


class Stop:
    """True once SIGTERM or SIGINT came, or the process that started this one is gone."""

    def __init__(self) -> None:
        self.asked, self.parent = False, os.getppid()
        self.before = {number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)}

    def _ask(self, *_: object) -> None:
        self.asked = True

    def __call__(self) -> bool:
        return self.asked or os.getppid() != self.parent

    def restore(self) -> None:
        """Give the signals back to whoever handled them."""
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _taken(lock: "FileLock") -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _recorded(runs: Path, of: Grid, cell: Cell) -> bool:
    return (run_directory(runs, of.name, cell.config.run_id) / "record.json").exists()


def main() -> None:
    """Parse the launcher's arguments and work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--grid", required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--price", type=float)
    parser.add_argument("--checkpoint-seconds", type=float, default=120.0)
    parsed = parser.parse_args()
    options = Options(threads=parsed.threads, device=parsed.device, price=parsed.price,
                      checkpoint_seconds=parsed.checkpoint_seconds)
    try:
        of = grid(parsed.grid)
        cells = [cell for cell in of.cells if not parsed.only or cell.config.run_id in parsed.only]
        work_through(cells, of, parsed.runs, options)
    except StudyError as error:
        print(f"study: {error}", file=sys.stderr, flush=True)
        sys.exit(EX_INTERRUPTED if isinstance(error, Interrupted) else 2)


if __name__ == "__main__":
    main()
