"""The launcher on one machine: worker processes, restarts, live progress. Resuming is the default."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from study.errors import StudyError
from study.grids.design import Cell, Grid
from study.launch.gpus import on_gpus
from study.launch.show import Show
from study.launch.state import GridState, grid_state
from study.launch.track import tracked
from study.launch.worker import EX_INTERRUPTED, Options

RESTARTS = 5  # of a worker that died (killed, out of memory) before the launcher gives up
REFRESH_SECONDS = 1.0
EARLY = tuple(code for number in (signal.SIGTERM, signal.SIGINT) for code in (-number, 128 + number))  # stopped before it trained


class LaunchError(StudyError):
    """A grid could not be trained to its end."""


def run_grid(grid: Grid, runs: Path, options: Options, *, only: Sequence[str] = (), console: Console,
             mlflow_uri: str | None = None) -> GridState:
    """Train every run of `grid` (or `only` those) that has no record under `runs`.

    With GPUs each worker has its own, or `devices_per_run` of them. Records are also logged to `mlflow_uri`, where given.

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
    devices = on_gpus(options.device)
    team = ["study.launch.team", str(options.devices_per_run)] if options.devices_per_run > 1 else ["study.launch.worker"]
    command = [sys.executable, "-m", *team, "--grid", grid.source, "--runs", str(runs), *options.arguments()]
    command += ["--only", *only] if only else []
    count = min(options.workers, len(_left(chosen, state)))
    logs = [runs / grid.name / ".work" / f"worker-{os.getpid()}-{i}.log" for i in range(count)]
    environments = [_environment(options, devices, i) for i in range(count)]
    workers = [_start(command, environment, log) for environment, log in zip(environments, logs, strict=True)]
    interrupted = threading.Event()

    def ask(*_: object) -> None:
        interrupted.set()
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    restarts = 0
    try:
        with Show(console, grid) as show, tracked(mlflow_uri, grid.name, runs, console) as track:
            while True:
                state = grid_state(grid, runs, state.done)
                show(state)
                track(state.done)
                for i, worker in enumerate(workers):
                    if worker.poll() in (None, 0, EX_INTERRUPTED) or interrupted.is_set():
                        continue
                    if worker.returncode == 2 or restarts >= RESTARTS:
                        _stop_all(workers)
                        raise LaunchError(_why(worker, logs[i], grid))
                    restarts += 1
                    workers[i] = _start(command, environments[i], logs[i])
                    if interrupted.is_set():  # asked between the check and the start: the new worker has not heard it
                        workers[i].send_signal(signal.SIGTERM)
                codes = [worker.poll() for worker in workers]  # after the restarts: one that has died since is replaced next
                if all(code in (0, EX_INTERRUPTED) or (code is not None and interrupted.is_set()) for code in codes):
                    break
                time.sleep(REFRESH_SECONDS)
            state = grid_state(grid, runs, state.done)
            show(state)
            track(state.done)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _stop_all(workers)
    for worker, log in zip(workers, logs, strict=True):
        if worker.returncode not in ((0, EX_INTERRUPTED, *EARLY) if interrupted.is_set() else (0, EX_INTERRUPTED)):
            raise LaunchError(_why(worker, log, grid))
    if interrupted.is_set() or any(worker.returncode == EX_INTERRUPTED for worker in workers):
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


def _environment(options: Options, devices: Sequence[str], worker: int) -> dict[str, str]:
    """A worker's environment: its threads, and its share of the GPUs.

    Raises:
        LaunchError: a run wants more devices than there are.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads),
                   "TOKENIZERS_PARALLELISM": "false"}
    if not devices:
        return environment
    share = options.devices_per_run
    if share > len(devices):
        raise LaunchError(f"--devices-per-run {share}: this machine has {len(devices)} GPUs")
    first = worker % (len(devices) // share) * share
    return {**environment, "CUDA_VISIBLE_DEVICES": ",".join(devices[first:first + share])}


def _start(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:  # a file, not a pipe: nobody reads while the worker works
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def _stop_all(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    for worker in workers:
        worker.wait()


def _why(worker: subprocess.Popen[bytes], log: Path, grid: Grid) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    message = lines[-1].removeprefix("study: ") if lines else "no message"
    if worker.returncode == 2:
        return message
    return f"a worker of grid {grid.name} ended with code {worker.returncode}: {message} (see {log})"


def _left(cells: Sequence[Cell], state: GridState) -> list[Cell]:
    return [cell for cell in cells if cell.config.run_id not in state.done]
