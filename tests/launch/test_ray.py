"""Three local Ray nodes train the quick grid while a worker and then a whole node are killed; stops; storage; errors.

Needs the extra `cluster`: `make test-extras`.
"""

import json
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from test_local import wait_for

from study.data.tokens import prepare
from study.grids import grid
from study.record import RunRecord, read_runs

# of `quick`: a run of seconds may end before a stop is seen
LONGEST = [cell.config.run_id for cell in sorted(grid("quick").cells, key=lambda cell: cell.config.tokens)[-2:]]
RAY = [sys.executable, "-m", "study.cli", "run", "--ray", "--workers", "2", "--checkpoint-seconds", "0.2"]

# Three nodes of one slot each; a worker in the middle of a run is killed, then the node of another such run.
DISTURBED = """
import json, sys, threading, time
from pathlib import Path
import psutil, ray
from ray.cluster_utils import Cluster
from rich.console import Console
from study.grids import grid
from study.launch.ray import run_grid
from study.launch.worker import Options

name, runs, said = sys.argv[1], Path(sys.argv[2]), {}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
ray.init(address=cluster.address, log_to_driver=False)

def training():
    found = []
    for process in psutil.Process().children(recursive=True):  # of this cluster alone
        try:
            found += [process] if process.cmdline()[:1] == ["ray::_task"] else []
        except psutil.Error:
            pass
    return found

def midway():  # whatever is in training has a checkpoint
    works = [p for p in (runs / name / ".work").glob("*") if p.is_dir()]
    return len(works) >= 2 and all(list(p.glob("*.safetensors")) for p in works)

def kill():
    raylet = nodes[-1].all_processes["raylet"][0].process.pid
    here = lambda last: [p for p in training() if (p.ppid() == raylet) == last]
    while not (midway() and here(False)):
        time.sleep(0.02)
    victim = here(False)[0]
    said["worker"] = victim.pid
    victim.kill()
    while not (midway() and here(True)):
        time.sleep(0.02)
    said["recorded"] = len(list((runs / name).glob("[!.]*/record.json")))
    cluster.remove_node(nodes[-1], allow_graceful=False)
    said["node"] = nodes[-1].node_id

thread = threading.Thread(target=kill, daemon=True)
thread.start()
state = run_grid(grid(name), runs, Options(checkpoint_seconds=0.2), console=Console(file=sys.stderr, width=200))
thread.join(60.0)
end = time.monotonic() + 120
while sum(node["Alive"] for node in ray.nodes()) > 2 and time.monotonic() < end:  # the head node hears of it late
    time.sleep(0.5)
said |= {"alive": sum(node["Alive"] for node in ray.nodes()), "done": len(state.done), "resumed": sum(
    record.timing.resumed for record in state.done.values())}
(runs / "said.json").write_text(json.dumps(said))
ray.shutdown()
cluster.shutdown()
"""


def assert_equal_but_for_time_and_host(found: list[RunRecord], expected: list[RunRecord]) -> None:
    assert [r.run_id for r in found] == [r.run_id for r in expected]
    for ours, theirs in zip(found, expected, strict=True):
        for field in fields(RunRecord):
            if field.name == "provenance":
                for part in fields(ours.provenance):
                    if part.name not in ("host", "started", "finished", "git_commit", "git_dirty"):
                        assert getattr(ours.provenance, part.name) == getattr(theirs.provenance, part.name)
            elif field.name not in ("timing", "dollars"):
                assert getattr(ours, field.name) == getattr(theirs, field.name), field.name


@pytest.mark.parametrize("name", ["smoke", pytest.param("quick", marks=pytest.mark.slow)])
def test_a_worker_and_a_node_are_killed(name: str, tmp_path: Path) -> None:
    prepare("sotu")
    code = [sys.executable, "-c", DISTURBED, name, str(tmp_path / "ray")]
    done = subprocess.run(code, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads((tmp_path / "ray" / "said.json").read_text())
    assert said["worker"] and said["node"] and said["alive"] == 2, f"a worker and a node were to be killed: {said}"
    assert said["recorded"] < said["done"], "the node was to be killed in the middle of the grid"
    assert said["resumed"] >= 1, "what was killed was to go on from its checkpoint"
    local = [sys.executable, "-m", "study.cli", "run", "--grid", name, "--workers", "2", "--runs", str(tmp_path / "local")]
    subprocess.run(local, check=True, capture_output=True, timeout=3000)
    expected = read_runs(tmp_path / "local" / name)
    assert len(expected) == len(grid(name).cells) == said["done"]
    assert_equal_but_for_time_and_host(read_runs(tmp_path / "ray" / name), expected)
    assert done.stderr.count(" complete loss ") == len(expected), "each run was to be said to be done once"
    assert not [path for path in (tmp_path / "ray" / name / ".work").iterdir() if path.suffix != ".lock"]


def test_sigterm_checkpoints_and_the_rerun_goes_on(tmp_path: Path) -> None:
    some = ["--grid", "quick", *(word for run_id in LONGEST for word in ("--only", run_id)), "--runs", str(tmp_path)]
    launcher = subprocess.Popen([*RAY, *some], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any((tmp_path / "quick" / ".work").glob("*/progress.json")))
    launcher.send_signal(signal.SIGTERM)
    _, error = launcher.communicate(timeout=200)
    assert launcher.returncode == 75, error
    kept = {path.parent.name for path in (tmp_path / "quick" / ".work").glob("*/*.safetensors")}
    assert kept and kept <= set(LONGEST) and not read_runs(tmp_path / "quick")
    local = [word for word in RAY if word != "--ray"]  # the launchers share one layout: what Ray began, local workers end
    again = subprocess.run([*local, *some], capture_output=True, text=True, timeout=900, check=False)
    assert again.returncode == 0, again.stderr
    records = read_runs(tmp_path / "quick")
    assert len(records) == 2 and {r.run_id for r in records if r.timing.resumed} == kept


def test_sigterm_to_every_process(tmp_path: Path) -> None:
    """The whole machine is reclaimed: launcher, tasks and all. The next command ends the grid."""
    import psutil

    command = [*RAY, "--grid", "smoke", "--runs", str(tmp_path)]
    launcher = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: any((tmp_path / "smoke" / ".work").glob("*/progress.json")))
    family = psutil.Process(launcher.pid).children(recursive=True)
    tasks = [process for process in family if process.cmdline()[:1] == ["ray::_task"]]
    assert tasks
    for process in (*tasks, psutil.Process(launcher.pid)):
        process.send_signal(signal.SIGTERM)
    assert launcher.wait(timeout=200) == 75
    assert list((tmp_path / "smoke" / ".work").glob("*/*.safetensors"))
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    assert len(read_runs(tmp_path / "smoke")) == 3


def test_checkpoints_on_storage_need_no_shared_folder(tmp_path: Path) -> None:
    longer = [cell.config.run_id for cell in grid("quick").cells if cell.config.seed > 0]  # ten seconds or more each
    command = [*RAY, "--grid", "quick", "--runs", str(tmp_path / "runs"), "--storage", f"file://{tmp_path}/storage"]
    command += [word for run_id in longer for word in ("--only", run_id)]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any((tmp_path / "storage" / "quick").glob("*/0*.json")))
    launcher.send_signal(signal.SIGTERM)
    launcher.communicate(timeout=200)
    assert launcher.returncode == 75
    assert not list((tmp_path / "runs" / "quick" / ".work").glob("*/*.safetensors"))
    kept = {path.parent.name for path in (tmp_path / "storage" / "quick").glob("*/*.safetensors")}
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    records = read_runs(tmp_path / "runs" / "quick")
    assert kept and {record.run_id for record in records if record.timing.resumed} == kept
    assert sorted(record.run_id for record in records) == sorted(longer)
    assert list((tmp_path / "storage" / "quick").iterdir()) == []


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    away = subprocess.run([*RAY, "--grid", "smoke", "--runs", str(tmp_path), "--address", "127.0.0.1:1"], capture_output=True,
                          text=True, timeout=300, check=False)
    assert away.returncode == 2 and "no Ray cluster at 127.0.0.1:1" in away.stderr.replace("\n", " ")
    several = subprocess.run([*RAY, "--grid", "smoke", "--runs", str(tmp_path), "--devices-per-run", "2"], capture_output=True,
                             text=True, timeout=300, check=False)
    assert several.returncode == 2 and "one device" in several.stderr
