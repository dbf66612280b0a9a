"""SIGTERM to every process at once, as when a machine is reclaimed; and runs that several processes train together."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from test_local import finish, wait_for

from study.data.tokens import prepare
from study.grids import grid
from study.record import read_runs

RUN = [sys.executable, "-m", "study.cli", "run", "--grid", "smoke", "--checkpoint-seconds", "0.2"]
WORKER = [sys.executable, "-m", "study.launch.worker", "--grid", "smoke", "--checkpoint-seconds", "0.2"]
IDS = sorted(cell.config.run_id for cell in grid("smoke").cells)


def begun(runs: Path) -> bool:
    return any((runs / "smoke" / ".work").glob("*/progress.json"))


@pytest.mark.slow
def test_sigterm_to_every_process_of_a_grid(tmp_path: Path) -> None:
    prepare("sotu")
    launcher = subprocess.Popen([*RUN, "--workers", "2", "--runs", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
    wait_for(lambda: begun(tmp_path))
    everyone = [psutil.Process(launcher.pid), *psutil.Process(launcher.pid).children(recursive=True)]
    assert len(everyone) == 3
    for process in everyone:
        process.send_signal(signal.SIGTERM)
    out, error = launcher.communicate(timeout=120)
    assert launcher.returncode == 75, error
    assert "the same command goes on from there" in " ".join(out.split())
    kept = {path.parent.name for path in (tmp_path / "smoke" / ".work").glob("*/*.safetensors")}
    assert kept
    finish(tmp_path)
    records = read_runs(tmp_path / "smoke")
    assert [record.run_id for record in records] == IDS
    assert {record.run_id for record in records if record.timing.resumed} == kept, "what was checkpointed was gone on with"


@pytest.mark.slow
def test_a_worker_leaves_with_its_code(tmp_path: Path) -> None:
    prepare("sotu")
    worker = subprocess.Popen([*WORKER, "--runs", str(tmp_path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: begun(tmp_path))
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=120)
    assert worker.returncode == 75 and "run again to go on" in said
    assert list((tmp_path / "smoke" / ".work").glob("*/*.safetensors"))


@pytest.mark.slow
def test_two_processes_train_each_run_of_a_grid(tmp_path: Path) -> None:
    """Stopped, and gone on with by two; then compared with what one process trains."""
    prepare("sotu")
    command = [*RUN, "--workers", "1", "--devices-per-run", "2", "--runs", str(tmp_path / "two")]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: begun(tmp_path / "two"))
    launcher.send_signal(signal.SIGTERM)
    _, error = launcher.communicate(timeout=120)
    assert launcher.returncode == 75, error
    assert list((tmp_path / "two" / "smoke" / ".work").glob("*/*.safetensors"))
    again = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert again.returncode == 0, again.stderr
    finish(tmp_path / "one")
    pairs = list(zip(read_runs(tmp_path / "two" / "smoke"), read_runs(tmp_path / "one" / "smoke"), strict=True))
    assert [two.run_id for two, _ in pairs] == IDS and any(two.timing.resumed for two, _ in pairs)
    for two, one in pairs:
        assert two.provenance.device == "2 x cpu"
        assert two.losses["validation"].nats_per_token == pytest.approx(one.losses["validation"].nats_per_token, rel=2e-3)
        assert two.curve[0].train_loss == pytest.approx(one.curve[0].train_loss, rel=1e-5)
