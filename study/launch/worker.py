"""A worker: one process, one thread of compute, that trains whatever runs of a grid nobody has trained yet.

Started by `launch/local.py` as `python -m study.launch.worker`; workers share nothing but the runs directory. A lock a
run keeps two workers, of one launcher or of several, from training the same one.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from filelock import Timeout

from study.design import Cell, Grid
from study.errors import StudyError
from study.grids import grid
from study.launch.state import run_lock, work_directory
from study.record import run_directory, write_record

EX_INTERRUPTED = 75  # asked to stop, checkpointed: run again to go on (EX_TEMPFAIL of sysexits.h)
POLL_SECONDS = 1.0


def work_through(cells: list[Cell], of: Grid, runs: Path, options: argparse.Namespace) -> None:
    """Train the cells not yet recorded, in their order, until every one is; waits for runs others hold.

    Raises:
        Interrupted: asked to stop, after a checkpoint.
        StudyError: see `train`.
    """
    stop = _Stop()
    left = list(cells)
    while left:
        trained = False
        for cell in list(left):
            if _recorded(runs, of, cell):
                left.remove(cell)
                continue
            lock = run_lock(runs, of.name, cell.config.run_id)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                if not _recorded(runs, of, cell):
                    train_cell(cell, of, runs, options, stop)
                    trained = True
            finally:
                lock.release()
            left.remove(cell)
        if stop():
            sys.exit(EX_INTERRUPTED)
        if left and not trained:
            time.sleep(POLL_SECONDS)


def train_cell(cell: Cell, of: Grid, runs: Path, options: argparse.Namespace, stop: "_Stop") -> None:
    """Train one cell, write its record, drop its checkpoints. The caller holds the lock."""
    import torch

    from study.data.tokens import encode_for, prepare
    from study.training.device import pick
    from study.training.loop import train

    config = cell.config
    torch.set_num_threads(options.threads)
    tokens = prepare(config.corpus)
    ood = encode_for(config.ood_corpus, config.corpus) if config.ood_corpus else None
    work = work_directory(runs, of.name, config.run_id)
    record = train(config, tokens, pick(options.device), ood=ood, work=work, checkpoint_seconds=options.checkpoint_seconds,
                   price_per_hour=options.price, stop=stop)
    write_record(run_directory(runs, of.name, config.run_id), record)
    shutil.rmtree(work, ignore_errors=True)


class _Stop:
    """True once SIGTERM or SIGINT came, or the launcher is gone."""

    def __init__(self) -> None:
        self.asked, self.parent = False, os.getppid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def __call__(self) -> bool:
        return self.asked or os.getppid() != self.parent


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
    options = parser.parse_args()
    of = grid(options.grid)
    cells = [cell for cell in of.cells if not options.only or cell.config.run_id in options.only]
    try:
        work_through(cells, of, options.runs, options)
    except StudyError as error:
        print(f"study: {error}", file=sys.stderr, flush=True)
        sys.exit(EX_INTERRUPTED if type(error).__name__ == "Interrupted" else 2)


if __name__ == "__main__":
    main()
