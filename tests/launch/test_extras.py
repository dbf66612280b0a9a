"""Without the extras everything else works, and the message names the one that is missing."""

import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rich.console import Console

from study.errors import StudyError
from study.grids import grid
from study.launch import gpus, ray, storage
from study.launch.local import LaunchError, _environment
from study.launch.team import run_team
from study.launch.track import tracked
from study.launch.worker import Options
from tests.makers import record


@pytest.fixture
def nothing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.extras.find_spec", lambda _: None)


@pytest.mark.usefixtures("nothing_extra")
def test_the_message_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"--ray needs ray, .*install '\.\[cluster\]'"):
        ray.run_grid(grid("smoke"), tmp_path, Options(), console=Console())
    with (pytest.raises(StudyError, match=r"--mlflow-uri needs mlflow, .*install '\.\[track\]'"),
          tracked("sqlite:///x.db", "smoke", tmp_path, Console())):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("nothing_extra")
def test_tracking_is_off_by_default_and_then_does_nothing(tmp_path: Path) -> None:
    with tracked(None, "smoke", tmp_path, Console()) as track:
        track({"L1-d16": record()})
    assert list(tmp_path.iterdir()) == []


def test_ray_s_options_are_for_ray(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study.cli", "run", "--grid", "smoke", "--address", "auto", "--runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "are for --ray" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_importing_the_launchers_loads_no_extra() -> None:
    code = "import sys, study.launch.ray, study.launch.track; print(*{'ray', 'mlflow', 'torch', 'fsspec'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_each_worker_has_its_share_of_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5,6,7")
    devices = gpus.on_gpus("auto")
    assert devices == ("3", "5", "6", "7") and gpus.on_gpus("cpu") == () and gpus.on_gpus("cuda:1") == ()

    def of(options: Options, count: int) -> list[str]:
        return [_environment(options, devices, i)["CUDA_VISIBLE_DEVICES"] for i in range(count)]

    assert of(Options(), 5) == ["3", "5", "6", "7", "3"]
    assert of(Options(devices_per_run=2), 3) == ["3,5", "6,7", "3,5"]
    with pytest.raises(LaunchError, match="has 4 GPUs"):
        of(Options(devices_per_run=5), 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus.gpus() == ()


@pytest.mark.parametrize(("lines", "code", "found"), [("0\n1", 0, ("0", "1")), ("no devices", 9, ()), (None, 0, ())])
def test_without_a_choice_the_gpus_are_those_that_nvidia_smi_lists(lines: str | None, code: int, found: tuple[str, ...],
                                                                   tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if lines is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n[ \"$1\" = --query-gpu=index ] && echo '{lines}'\nexit {code}\n")
        tool.chmod(0o755)
    assert gpus.gpus() == found


def checkpoint_files(work: Path, step: int) -> None:
    work.mkdir(parents=True, exist_ok=True)
    (work / f"{step:09d}.safetensors").write_bytes(b"tensors" * step)
    (work / f"{step:09d}.json").write_text(json.dumps({"step": step}))


def test_a_storage_that_refuses_costs_no_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no credentials")  # storages' own errors are no OSErrors

    monkeypatch.setattr(storage, "push", refuse)
    monkeypatch.setattr(storage, "PUSH_SECONDS", 0.01)
    url = f"file://{tmp_path}/storage"
    with storage.mirrored(tmp_path / "a", url):
        time.sleep(0.1)
    with pytest.raises(ValueError, match="credentials"), storage.mirrored(tmp_path / "a", url):
        raise InterruptedError


@pytest.mark.parametrize("place", [lambda path: f"file://{path}/storage", lambda path: f"memory://{path.name}/storage"])
def test_storage_mirrors_checkpoints(place: Callable[[Path], str], tmp_path: Path) -> None:
    url = place(tmp_path)
    assert storage.note(url) == {}
    with suppress(InterruptedError), storage.mirrored(tmp_path / "a", url):
        checkpoint_files(tmp_path / "a", 10)
        (tmp_path / "a" / ".hidden").touch()
        (tmp_path / "a" / "000000015.json").write_text("{}")  # its tensors are not there: not yet a checkpoint
        (tmp_path / "a" / "progress.json").write_text('{"step": 12}')
        raise InterruptedError
    assert storage.note(url) == {"step": 12}
    with suppress(InterruptedError), storage.mirrored(tmp_path / "b", url):
        assert {path.name for path in (tmp_path / "b").iterdir()} == {"000000010.safetensors", "000000010.json", "progress.json"}
        assert (tmp_path / "b" / "000000010.safetensors").read_bytes() == b"tensors" * 10
        for path in (tmp_path / "b").glob("0*"):
            path.unlink()
        checkpoint_files(tmp_path / "b", 20)
        raise InterruptedError
    checkpoint_files(tmp_path / "late", 5)  # an attempt that was thought dead and stands further back
    storage.push(tmp_path / "late", url)
    storage.pull(url, tmp_path / "c")
    assert {"000000020.json", "000000020.safetensors"} <= {path.name for path in (tmp_path / "c").iterdir()}
    assert "000000010.json" not in {path.name for path in (tmp_path / "c").iterdir()}
    assert not storage.marked(f"{url}/stop")
    storage.mark(f"{url}/stop")
    assert storage.marked(f"{url}/stop")
    storage.drop(url)
    storage.drop(url)
    assert not storage.marked(f"{url}/stop") and storage.note(url) == {}


def test_the_extras_have_a_lock_of_their_own() -> None:
    root = Path(__file__).resolve().parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = (root / "requirements-extras.lock").read_text().splitlines()
    pins = {canonicalize_name(pin.name): pin.specifier for pin in map(Requirement, [x for x in lines if not x.startswith("#")])}
    for wanted in (Requirement(line) for name in ("cluster", "track", "bench") for line in extras[name]):
        (pin,) = pins[canonicalize_name(wanted.name)]
        assert pin.operator == "==" and wanted.specifier.contains(pin.version)
    assert "torch" not in pins


def test_a_team_whose_command_is_wrong_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_team(2, ["--grid", "no-such-grid", "--runs", str(tmp_path)]) == 2
    assert "no-such-grid" in capfd.readouterr().err
