"""The launcher: kill -9 and SIGTERM at the worst moments, then the same command: the records of an undisturbed run."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from filelock import Timeout
from rich.console import Console

from study.cost import all_flops
from study.counts import exact_flops
from study.data.tokens import prepare
from study.grids import grid
from study.launch import local
from study.launch.local import LaunchError, writable
from study.launch.show import duration
from study.launch.state import GridState, grid_state, run_lock
from study.launch.worker import Options
from study.record import RunRecord, read_runs

SMOKE = grid("smoke")
RUN = [sys.executable, "-m", "study.cli", "run", "--grid", "smoke", "--workers", "2", "--checkpoint-seconds", "0.2", "--runs"]

# A worker that kills itself with SIGKILL in the middle of writing the file whose name contains argv[1], once.
SUICIDAL = """
import os, signal, sys
from pathlib import Path
import study.record as record
import study.training.checkpoint as checkpoint
target, mark = sys.argv.pop(1), Path(sys.argv.pop(1))
whole = record.write_atomic
def write_atomic(path, data):
    if target in path.name and not mark.exists():
        mark.touch()
        (path.parent / f".{path.name}.cut").write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    whole(path, data)
record.write_atomic = checkpoint.write_atomic = write_atomic
from study.launch.worker import main
main()
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[RunRecord]:
    prepare("sotu")
    runs = tmp_path_factory.mktemp("undisturbed")
    done = subprocess.run([*RUN, str(runs)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 runs of smoke recorded" in done.stdout.replace("\n", " ")
    return read_runs(runs / "smoke")


def assert_equal_but_for_time(runs: Path, expected: list[RunRecord]) -> None:
    found = read_runs(runs / "smoke")
    assert [r.run_id for r in found] == [r.run_id for r in expected] and len(found) == len(SMOKE.cells)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.config, ours.status, ours.losses, ours.curve) == (theirs.config, theirs.status, theirs.losses, theirs.curve)
        assert (ours.parameters, ours.flops_6nd, ours.flops_exact) == (theirs.parameters, theirs.flops_6nd, theirs.flops_exact)


def wait_for(what: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def finish(runs: Path) -> None:
    again = subprocess.run([*RUN, str(runs)], capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_launcher_is_killed_mid_step(number: signal.Signals, undisturbed: list[RunRecord], tmp_path: Path) -> None:
    launcher = subprocess.Popen([*RUN, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any((tmp_path / "smoke" / ".work").glob("*/progress.json")))
    workers = psutil.Process(launcher.pid).children(recursive=True)
    launcher.send_signal(number)
    launcher.communicate(timeout=60)
    assert launcher.returncode == (75 if number == signal.SIGTERM else -9)
    if number == signal.SIGTERM:
        assert list((tmp_path / "smoke" / ".work").glob("*/*.safetensors")), "asked to stop, a worker leaves a checkpoint"
    assert len(workers) >= 2
    wait_for(lambda: not any(worker.is_running() for worker in workers), 60.0)  # orphans stop by themselves
    finish(tmp_path)
    assert_equal_but_for_time(tmp_path, undisturbed)
    assert any(record.timing.resumed for record in read_runs(tmp_path / "smoke"))


@pytest.mark.slow
@pytest.mark.parametrize("file", ["safetensors", "curve.csv", "record.json"])
def test_a_worker_is_killed_in_the_middle_of_a_write(file: str, undisturbed: list[RunRecord], tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUICIDAL, file, str(tmp_path / "mark"), "--grid", "smoke", "--runs", str(tmp_path),
               "--checkpoint-seconds", "0.2"]
    died = subprocess.run(command, capture_output=True, timeout=120, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert (tmp_path / "mark").exists()
    finish(tmp_path)
    assert_equal_but_for_time(tmp_path, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_is_replaced(undisturbed: list[RunRecord], tmp_path: Path, workers: int) -> None:
    command = [*RUN, str(tmp_path), "--workers", str(workers)]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any((tmp_path / "smoke" / ".work").glob("*/progress.json")))
    found = subprocess.run(["pgrep", "-P", str(launcher.pid), "-f", "launch.worker"], capture_output=True, text=True, check=True)
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    _, error = launcher.communicate(timeout=300)
    assert launcher.returncode == 0, error
    assert_equal_but_for_time(tmp_path, undisturbed)


@pytest.mark.slow
def test_two_launchers_share_a_grid(undisturbed: list[RunRecord], tmp_path: Path) -> None:
    launchers = [subprocess.Popen([*RUN, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                 for _ in range(2)]
    for launcher in launchers:
        _, error = launcher.communicate(timeout=300)
        assert launcher.returncode == 0, error  # a run trained twice would be "written once" and exit 2
    assert_equal_but_for_time(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_done_run_is_never_repeated_and_only_trains_one(undisturbed: list[RunRecord], tmp_path: Path) -> None:
    one = undisturbed[1].run_id
    done = subprocess.run([*RUN, str(tmp_path), "--only", one], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "smoke" / one / "record.json").stat().st_mtime_ns
    state = grid_state(SMOKE, tmp_path)
    assert list(state.done) == [one] and len(state.left) == 2 and state.work_per_second
    finish(tmp_path)
    assert (tmp_path / "smoke" / one / "record.json").stat().st_mtime_ns == written
    assert_equal_but_for_time(tmp_path, undisturbed)


def test_a_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LaunchError, match="cannot write"):
        writable(tmp_path / "file" / "runs")


def test_a_checkpoint_that_was_not_written_is_not_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is asked to stop and cannot: the launcher says why and leaves with the error."""
    fails = ("import pathlib, signal, sys, time\n"
             "def left(*_):\n    print('study: cannot write a checkpoint', file=sys.stderr)\n    sys.exit(2)\n"
             "signal.signal(signal.SIGTERM, left)\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(60)\n")
    ready, start = tmp_path / "ready", local._start

    def begin(_: list[str], environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
        return start([sys.executable, "-c", fails, str(ready)], environment, log)

    def ask() -> None:
        wait_for(ready.exists)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(local, "_start", begin)
    threading.Thread(target=ask, daemon=True).start()
    with pytest.raises(LaunchError, match="cannot write a checkpoint"):
        local.run_grid(SMOKE, tmp_path / "runs", Options(), console=Console(quiet=True))


def test_workers_that_die_again_and_again_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, starts = local._start, []

    def begin(_: list[str], environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
        starts.append(log)
        return start(["sh", "-c", "echo out of memory >&2; exit 1"], environment, log)

    monkeypatch.setattr(local, "_start", begin)
    monkeypatch.setattr(local, "REFRESH_SECONDS", 0.01)
    with pytest.raises(LaunchError, match="ended with code 1: out of memory"):
        local.run_grid(SMOKE, tmp_path / "runs", Options(workers=2), console=Console(quiet=True))
    assert len(starts) == 2 + local.RESTARTS


def test_state_sees_who_holds_a_run(tmp_path: Path) -> None:
    run_id = SMOKE.cells[0].config.run_id
    assert grid_state(SMOKE, tmp_path).running == {}
    holder = subprocess.Popen([sys.executable, "-c", f"""
import sys, pathlib
from study.launch.state import run_lock
lock = run_lock(pathlib.Path({str(tmp_path)!r}), "smoke", {run_id!r}); lock.acquire()
print("held", flush=True); sys.stdin.read()"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    assert set(grid_state(SMOKE, tmp_path).running) == {run_id}
    with pytest.raises(Timeout):
        run_lock(tmp_path, "smoke", run_id).acquire(timeout=0)
    holder.communicate("")
    assert grid_state(SMOKE, tmp_path).running == {}


def test_the_time_left_is_reckoned_with_evaluations() -> None:
    ids = [cell.config.run_id for cell in SMOKE.cells]
    fresh = GridState({}, {}, SMOKE.cells)
    halfway = GridState({}, {ids[0]: {"step": 5, "steps": 10}}, SMOKE.cells)
    first = SMOKE.cells[0].config
    assert fresh.flops_left == sum(exact_flops(cell.config) for cell in SMOKE.cells)
    assert fresh.work_left > 1.2 * fresh.flops_left
    assert fresh.work_left - halfway.work_left == pytest.approx(all_flops(first) / 2)
    assert fresh.work_per_second is None


def test_durations_read_well() -> None:
    assert [duration(s) for s in (41.6, 200, 7500)] == ["42 s", "3 min 20 s", "2 h 05 min"]
