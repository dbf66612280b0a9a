"""The launcher on one machine: worker processes, restarts, live progress. Resuming is the default."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from study.design import Cell, Grid
from study.errors import StudyError
from study.launch.state import GridState, grid_state
from study.launch.worker import EX_INTERRUPTED

RESTARTS = 5  # of a worker that died (killed, out of memory) before the launcher gives up
REFRESH_SECONDS = 1.0


class LaunchError(StudyError):
    """A grid could not be trained to its end."""


@dataclass(frozen=True)
class Options:
    """How to train, nothing that changes a result on one machine but `threads`."""

    workers: int = 1
    threads: int = 1
    device: str = "cpu"
    price: float | None = None  # dollars an hour of one worker
    checkpoint_seconds: float = 120.0


def run_grid(grid: Grid, runs: Path, options: Options, *, only: Sequence[str] = (), console: Console) -> GridState:
    """Train every run of `grid` (or `only` those) that has no record under `runs`.

    Raises:
        GridError: `only` names a run the grid has not.
        LaunchError: a worker failed for good; its message says why. Finished runs are kept.
        SystemExit: 75 after SIGTERM or SIGINT: every worker checkpointed, the same command goes on.
    """
    chosen = [grid.cell(run_id) for run_id in only] or list(grid.cells)
    writable(runs / grid.name)
    state = grid_state(grid, runs)
    if not _left(chosen, state):
        return state
    command = [sys.executable, "-m", "study.launch.worker", "--grid", grid.name, "--runs", str(runs), "--device", options.device,
               "--threads", str(options.threads), "--checkpoint-seconds", str(options.checkpoint_seconds)]
    command += ["--price", str(options.price)] if options.price is not None else []
    command += ["--only", *only] if only else []
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads),
                   "TOKENIZERS_PARALLELISM": "false"}
    logs = [runs / grid.name / ".work" / f"worker-{i}.log" for i in range(min(options.workers, len(_left(chosen, state))))]
    workers = [_start(command, environment, log) for log in logs]
    interrupted = False

    def ask(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    restarts = 0
    try:
        with _progress(console, grid) as show:
            while any(worker.poll() is None for worker in workers):
                state = grid_state(grid, runs, state.done)
                show(state)
                for i, worker in enumerate(workers):
                    if worker.poll() in (None, 0, EX_INTERRUPTED) or interrupted:
                        continue
                    if worker.returncode == 2 or restarts >= RESTARTS:
                        _stop_all(workers)
                        raise LaunchError(_why(worker, logs[i], grid))
                    restarts += 1
                    workers[i] = _start(command, environment, logs[i])
                time.sleep(REFRESH_SECONDS)
            state = grid_state(grid, runs, state.done)
            show(state)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _stop_all(workers)
    for worker, log in zip(workers, logs, strict=True):
        if worker.returncode not in (0, EX_INTERRUPTED) and not interrupted:
            raise LaunchError(_why(worker, log, grid))
    if interrupted or any(worker.returncode == EX_INTERRUPTED for worker in workers):
        console.print("stopped: every run in training was checkpointed; the same command goes on from there")
        sys.exit(EX_INTERRUPTED)
    return state


def writable(directory: Path) -> None:
    """Make the directory if need be and prove that it can be written.

    Raises:
        LaunchError: it cannot.
    """
    probe = directory / ".work" / f".probe-{os.getpid()}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise LaunchError(f"cannot write {directory}: {error.strerror or error}; choose another with --runs") from None


def _start(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as said:  # a file, not a pipe: nobody reads while the worker works
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said)


def _stop_all(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    for worker in workers:
        worker.wait()


def _why(worker: subprocess.Popen[bytes], log: Path, grid: Grid) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    said = lines[-1].removeprefix("study: ") if lines else "no message"
    if worker.returncode == 2:
        return said
    return f"a worker of grid {grid.name} ended with code {worker.returncode}: {said} (see {log})"


def _left(cells: Sequence[Cell], state: GridState) -> list[Cell]:
    return [cell for cell in cells if cell.config.run_id not in state.done]


class _progress:
    """Shows a GridState: a live table on a terminal, else a line for each run that finishes."""

    def __init__(self, console: Console, grid: Grid) -> None:
        self.console, self.grid = console, grid
        self.live = Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        self.known: set[str] | None = None
        self.started = time.monotonic()
        self.flops_at_start: float | None = None

    def __enter__(self) -> "_progress":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, state: GridState) -> None:
        if self.known is None:
            self.known, self.flops_at_start = set(state.done), state.flops_left
        for run_id in [r for r in state.done if r not in self.known]:
            self.known.add(run_id)
            self.console.print(_line(state, run_id, len(self.grid.cells), self._time_left(state)), highlight=False)
        if self.live:
            self.live.update(self._table(state))

    def _time_left(self, state: GridState) -> str:
        done = (self.flops_at_start or 0.0) - state.flops_left
        if done <= 0:
            return "?"
        return duration((time.monotonic() - self.started) * state.flops_left / done)

    def _table(self, state: GridState) -> Table:
        view = Table(title=f"{self.grid.name}: {len(state.done)} of {len(self.grid.cells)} runs done, "
                           f"{self._time_left(state)} left", title_justify="left")
        for column in ("run", "step", "loss", "tokens/s"):
            view.add_column(column, justify="left" if column == "run" else "right")
        for run_id, note in state.running.items():
            step = f"{note['step']:,} / {note['steps']:,}" if note else "starting"
            view.add_row(run_id, step, f"{note['loss']:.3f}" if note else "", f"{note['tokens_per_second']:,.0f}" if note else "")
        return view


def _line(state: GridState, run_id: str, total: int, left: str) -> str:
    record = state.done[run_id]
    loss = record.losses["validation"].nats_per_token if record.losses else float("nan")
    return (f"{len(state.done)}/{total} {run_id} {record.status} loss {loss:.4f} "
            f"{record.timing.tokens_per_second:,.0f} tokens/s {duration(record.timing.total_wall)}, {left} left")


def duration(seconds: float) -> str:
    """Seconds for a reader: 42 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
