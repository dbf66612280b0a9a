"""Ray as the engine of a grid (extra `cluster`): one run a task, the longest first, one process that writes the records.

Tasks train by the worker's `train_cell`; this process holds each run's lock while its task is under way, sends a run again
when its worker or node died (it resumes from its last checkpoint), and alone writes: no record can be written twice.
"""

import socket
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from study import cost
from study.errors import Interrupted, first_line
from study.extras import need
from study.grids.design import Cell, Grid
from study.launch import storage as remote
from study.launch.local import REFRESH_SECONDS, RESTARTS, LaunchError, writable
from study.launch.show import Show
from study.launch.state import GridState, grid_state, progress_note, run_id_of, run_lock, work_directory
from study.launch.track import tracked
from study.launch.worker import EX_INTERRUPTED, Options, Stop, finish, train_cell
from study.record import RunRecord, run_directory

STOP_CHECK_SECONDS = 2.0  # between a task's checks for a request to stop
GRACE_SECONDS = 60.0  # for tasks to checkpoint when another one's failure ends the grid
AHEAD = 2  # tasks submitted for each that can run: no slot waits for this process

Trainer = Callable[[Cell, Options, Path, Callable[[], bool]], RunRecord]


@dataclass(frozen=True)
class Flight:
    """A task under way."""

    cell: Cell
    lock: FileLock
    attempt: int


def run_grid(grid: Grid, runs: Path, options: Options, *, only: Sequence[str] = (), address: str | None = None,
             storage: str | None = None, console: Console, mlflow_uri: str | None = None,
             trainer: Trainer = train_cell) -> GridState:
    """Train every run of `grid` (or `only` those) that has no record under `runs`, as tasks of a Ray cluster.

    Without `storage`, `runs` must be the same folder on every node; with it (an fsspec URL) checkpoints go there. The
    nodes have this package, and fetch corpora themselves. A task takes one GPU, or `threads` CPUs.

    Raises:
        ExtraError: Ray is not installed.
        LaunchError: it is out of reach, or a run failed for good. Finished runs are kept.
        SystemExit: 75 after SIGTERM or SIGINT: every task checkpointed, the same command goes on.
    """
    need("ray", "--ray")
    if options.devices_per_run > 1:
        raise LaunchError("--ray trains each run on one device: leave --devices-per-run to `study run` without it")
    chosen = [grid.cell(run_id) for run_id in only] or list(grid.cells)
    runs = runs.resolve()
    writable(runs / grid.name)
    done = dict(grid_state(grid, runs).done)
    left = [cell for cell in chosen if run_id_of(cell.config) not in done]
    waiting = deque(sorted(left, key=lambda cell: -cost.all_flops(cell.config)))
    if not waiting:
        return grid_state(grid, runs, done)
    import ray

    started = _connect(ray, address, options)
    stop, signs, flights = Stop(), _Signs(grid.name, runs, storage, uuid.uuid4().hex[:12]), dict[Any, Flight]()
    attempts = dict.fromkeys((run_id_of(cell.config) for cell in waiting), 0)
    task = ray.remote(max_retries=0, **_needs(ray, options))(_task)
    try:
        with Show(console, grid) as show, tracked(mlflow_uri, grid.name, runs, console) as track:
            shown = 0.0
            while (waiting and not stop.asked) or flights:
                if stop.asked:
                    signs.ask()
                else:
                    for flight in _departures(waiting, AHEAD * _slots(ray, options) - len(flights), grid.name, runs, attempts):
                        flights[task.remote(trainer, flight.cell, options, signs)] = flight
                for reference in ray.wait(list(flights), timeout=REFRESH_SECONDS)[0] if flights else []:
                    flight = flights.pop(reference)
                    record = _landed(ray, reference, flight, attempts)
                    if record is None:
                        waiting.appendleft(flight.cell)
                    else:
                        finish(record, grid.name, runs)
                        signs.drop(record.run_id)
                        done[record.run_id] = record
                    flight.lock.release()
                if not flights and waiting:  # another launcher holds what is left
                    time.sleep(REFRESH_SECONDS)
                    done = dict(grid_state(grid, runs, done).done)
                if time.monotonic() - shown > REFRESH_SECONDS or not flights:
                    show(_state(grid, done, flights, signs))
                    track(done)
                    shown = time.monotonic()
    finally:
        stop.restore()
        if flights:  # an error ends the grid: the others checkpoint first
            signs.ask()
            for reference in ray.wait(list(flights), num_returns=len(flights), timeout=GRACE_SECONDS)[0]:
                with suppress(Exception):  # another one that failed; the first is what the caller hears of
                    if (record := ray.get(reference)) is not None:
                        finish(record, grid.name, runs)
                        signs.drop(record.run_id)
        for flight in flights.values():
            flight.lock.release()
        signs.forget()
        if started:
            ray.shutdown()
    if stop.asked:
        console.print("stopped: every run in training was checkpointed; the same command goes on from there")
        raise SystemExit(EX_INTERRUPTED)
    return grid_state(grid, runs, done)


def _departures(waiting: deque[Cell], free: int, grid: str, runs: Path, attempts: dict[str, int]) -> list[Flight]:
    """Up to `free` of the cells `waiting`, in their order, locked; those that another launcher holds go to the end."""
    flights: list[Flight] = []
    for _ in range(len(waiting)):
        if len(flights) >= free:
            break
        cell = waiting.popleft()
        lock = run_lock(runs, grid, run_id_of(cell.config))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting.append(cell)
            continue
        if (run_directory(runs, grid, run_id_of(cell.config)) / "record.json").exists():  # another launcher's
            lock.release()
        else:
            flights.append(Flight(cell, lock, attempts[run_id_of(cell.config)]))
    return flights


@dataclass(frozen=True)
class _Signs:
    """Where a task finds its checkpoints, and how it learns that it should stop."""

    grid: str
    runs: Path
    storage: str | None
    token: str  # of this launcher

    def work(self, run_id: str) -> Path:
        return work_directory(self.runs, self.grid, run_id)

    def url(self, run_id: str) -> str | None:
        return None if self.storage is None else f"{self.storage.rstrip('/')}/{self.grid}/{run_id}"

    @property
    def _place(self) -> str:
        return self.storage.rstrip("/") + f"/{self.grid}" if self.storage else (self.runs / self.grid / ".work").as_uri()

    def ask(self) -> None:
        """Ask every task of this launcher to stop."""
        remote.mark(f"{self._place}/stop-{self.token}")

    def asked(self) -> bool:
        return remote.marked(f"{self._place}/stop-{self.token}")

    def forget(self) -> None:
        remote.drop(f"{self._place}/stop-{self.token}")

    def drop(self, run_id: str) -> None:
        if url := self.url(run_id):
            remote.drop(url)

    def note(self, run_id: str) -> dict[str, Any]:
        url = self.url(run_id)
        return remote.note(url) if url else progress_note(self.work(run_id))


def _task(trainer: Trainer, cell: Cell, options: Options, signs: _Signs) -> RunRecord | None:
    """Train one run on a node; None when it was stopped and checkpointed."""
    stop, looked, seen = Stop(), 0.0, False

    def stopping() -> bool:
        nonlocal looked, seen
        if time.monotonic() - looked > STOP_CHECK_SECONDS:
            seen, looked = signs.asked(), time.monotonic()
        return seen or stop()

    run_id = run_id_of(cell.config)
    try:
        if stopping():
            return None
        if (url := signs.url(run_id)) is None:
            return trainer(cell, options, signs.work(run_id), stopping)
        with tempfile.TemporaryDirectory(prefix=f"{run_id}-") as scratch, remote.mirrored(Path(scratch), url):
            return trainer(cell, options, Path(scratch), stopping)
    except Interrupted:
        return None
    finally:
        stop.restore()


def _connect(ray: Any, address: str | None, options: Options) -> bool:
    """Join the cluster, or start one here; whether this process joined (and so leaves at the end).

    Raises:
        LaunchError: no cluster answers.
    """
    if ray.is_initialized():
        return False
    quiet = {"include_dashboard": False} if address is None else {}
    size = {"num_cpus": options.workers * options.threads} if address is None and options.device == "cpu" else {}
    try:
        if address and ":" in address:  # Ray ends the whole process where nobody answers
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **quiet, **size)
    except (OSError, ValueError, RuntimeError) as error:
        where = address or "this machine"
        raise LaunchError(f"no Ray cluster at {where} ({first_line(error)}): start one with `ray start --head`") from None
    return True


def _needs(ray: Any, options: Options) -> dict[str, Any]:
    """What a task takes. `auto` takes a GPU where the cluster has any."""
    if options.device == "cpu" or (options.device == "auto" and not ray.cluster_resources().get("GPU")):
        return {"num_cpus": options.threads}
    return {"num_gpus": 1, "num_cpus": 1}


def _slots(ray: Any, options: Options) -> int:
    """Tasks that the cluster, as it is now, can run at once; at least one."""
    has = ray.cluster_resources()
    return max(1, int(min(has.get({"num_cpus": "CPU", "num_gpus": "GPU"}[key], 0.0) / amount
                          for key, amount in _needs(ray, options).items())))


def _landed(ray: Any, reference: Any, flight: Flight, attempts: dict[str, int]) -> RunRecord | None:
    """The record of a task that ended; None when the run must be sent again.

    Raises:
        LaunchError: the run failed for good.
    """
    run_id = run_id_of(flight.cell.config)
    try:
        record: RunRecord | None = ray.get(reference)
        return record
    except ray.exceptions.RayTaskError as error:
        cause = getattr(error, "cause", error)
        message = (str(cause).strip() or type(cause).__name__).splitlines()[-1]
        raise LaunchError(message if _is_ours(cause) else f"{run_id}: {type(cause).__name__}: {message}") from None
    except ray.exceptions.RayError as error:  # its worker or its node died
        attempts[run_id] = flight.attempt + 1
        if attempts[run_id] > RESTARTS:
            raise LaunchError(f"{run_id} lost its worker {attempts[run_id]} times: {str(error).splitlines()[0]}") from None
        return None


def _is_ours(error: BaseException) -> bool:
    return any(base.__name__ == "StudyError" for base in type(error).__mro__)


def _state(grid: Grid, done: dict[str, RunRecord], flights: dict[Any, Flight], signs: _Signs) -> GridState:
    running = {run_id_of(flight.cell.config): signs.note(run_id_of(flight.cell.config)) for flight in flights.values()}
    return GridState(done, running, tuple(cell for cell in grid.cells if run_id_of(cell.config) not in done))
