"""What a kit does on the machine it was sent to: check, measure, train until the time ends, and leave one archive.

torch and NumPy alone. A run that cannot end in time is not begun, one that is cut off leaves nothing, and the archive is written
anew after each record: whatever ends the process, what was finished is there.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from study.config import RunConfig
from study.errors import Interrupted, StudyError
from study.kit.archive import write_archive
from study.kit.speed import agreement, measure, on_stream, seconds_of, warm
from study.kit.streams import KitError, open_streams, packed
from study.record import RunRecord, write_record
from study.training.device import describe, pick
from study.training.language import language
from study.training.loop import train
from study.training.task import Task

LEAVE_SECONDS = 15.0  # at the end, for the archive
WARM_SECONDS = 150.0  # for compiling all shapes at once, each in a process of its own


@dataclass(frozen=True)
class Kit:
    """A kit at work."""

    body: dict[str, Any]
    tasks: dict[str, Task]
    device: torch.device
    archive: Path
    work: Path  # where records are written before they are archived
    end: float  # of training, by time.monotonic
    began: float
    speed: dict[str, Any] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)  # of each run: done, stopped, failed or no time
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, line: str) -> None:
        """A line with the seconds since the start."""
        print(f"{time.monotonic() - self.began:6.1f} s  {line}", flush=True)

    def save(self) -> None:
        """Archive what there is.

        Raises:
            KitError: the disk refused.
        """
        with self.lock:
            log = {"speed": self.speed, "runs": self.states, "seconds": time.monotonic() - self.began}
            try:
                write_archive(self.archive, self.work, self.body, log)
            except OSError as error:
                raise KitError(f"cannot write {self.archive}: {error.strerror or error}; records are in {self.work}") from None


def main(folder: Path, arguments: Sequence[str]) -> int:
    """Run the kit in `folder`; 0 when every run is recorded, 75 when time ended first, 1 when a run failed, 2 for bad input."""
    parser = argparse.ArgumentParser(description="Train the runs of this kit until the time ends.")
    parser.add_argument("--out", type=Path, required=True, help="the folder that receives records.tar.gz")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--at-once", type=int, default=0, help="runs that share the device (default: what is measured to be best)")
    parser.add_argument("--warm", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    began = time.monotonic()
    torch.set_num_threads(1)
    try:
        body, device = _read(folder, options.out), pick(options.device)
        shapes = _shapes(body, device)
        if options.warm is not None:
            warm(shapes[options.warm], device)
            return 0
        work = Path(tempfile.mkdtemp(prefix="kit-"))
        with _warming(folder, options.out, device, len(shapes), work) as warming:
            kit = Kit(body, _tasks(folder, body), device, options.out / "records.tar.gz", work,
                      began + 60 * options.minutes - LEAVE_SECONDS, began)
            kit.say(f"{len(body['cells'])} runs on {describe(device)}; {len(shapes)} shapes are being compiled")
            _prepare(kit, warming, options.at_once)
        _train_all(kit, options.at_once or kit.speed["chosen"])
        kit.save()
        shutil.rmtree(work, ignore_errors=True)  # all of it is in the archive; kept where that could not be written
    except StudyError as error:
        print(f"study: {error}", file=sys.stderr)
        return 2
    states = [state["state"] for state in kit.states.values()]
    kit.say(", ".join(f"{states.count(name)} {name}" for name in ("done", "stopped", "no time", "failed") if name in states))
    return 1 if "failed" in states else 0 if states.count("done") == len(kit.body["cells"]) else 75


def _read(folder: Path, out: Path) -> dict[str, Any]:
    try:
        body: dict[str, Any] = json.loads((folder / "kit.json").read_text())
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise KitError(f"cannot begin: {error}") from None
    return body


def _tasks(folder: Path, body: dict[str, Any]) -> dict[str, Task]:
    """What each corpus's runs train on."""
    return {name: language(open_streams(folder, corpus["facts"], {each: packed(one) for each, one in corpus["streams"].items()}))
            for name, corpus in body["corpora"].items()}


def _configs(body: dict[str, Any]) -> list[RunConfig]:
    return [RunConfig.from_dict(cell["config"]) for cell in body["cells"]]


def _shapes(body: dict[str, Any], device: torch.device) -> list[RunConfig]:
    """A run of each shape that is compiled, none on a CPU."""
    if device.type != "cuda":
        return []
    return list({config.shape: config for config in _configs(body) if config.compiled}.values())


@contextmanager
def _warming(folder: Path, out: Path, device: torch.device, count: int, work: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Compile every shape at once, into the cache on disk: compiled one after another here they would take minutes.

    What still compiles at the end, or where anything fails, is killed.
    """
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(work / "compiled")
    environment = {**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": "2"}
    command = [sys.executable, str(folder / "run.py"), "--out", str(out), "--device", str(device), "--warm"]
    warming = [subprocess.Popen([*command, str(i)], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for i in range(count)]
    try:
        yield warming
    finally:
        for process in warming:
            process.kill()


def _prepare(kit: Kit, warming: Sequence[subprocess.Popen[bytes]], at_once: int) -> None:
    """Check the device, wait for the compilations, measure.

    Raises:
        KitError: losses differ from the reference by more than their tolerance, or the disk refused.
    """
    configs = _configs(kit.body)
    with on_stream(kit.device):
        kit.speed["checks"] = agreement(kit.device, compiled=configs[0].compiled)
    for name, check in kit.speed["checks"].items():
        kit.say(f"{name}: losses differ by {check['difference']:.2g}, at most {check['tolerance']:g} allowed")
    if failed := [name for name, check in kit.speed["checks"].items() if not check["passed"]]:
        raise KitError(f"the check of {' and of '.join(failed)} failed: losses of this device are not to be trusted, nothing was "
                       "trained")
    limit = time.monotonic() + WARM_SECONDS
    for process in warming:
        try:
            process.wait(max(0.0, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            continue  # `_warming` kills it
    kit.speed["warm"] = [process.poll() for process in warming]
    kit.say(f"compiled: exit codes {kit.speed['warm']}")
    counts = {} if not at_once else {"at_once": sorted({1, at_once})}
    seconds = {} if kit.device.type == "cuda" else {"seconds": 0.2}
    kit.speed.update(measure(configs, lambda config: kit.tasks[config.corpus], kit.device, **counts, **seconds))  # type: ignore[arg-type]
    for row in kit.speed["alone"]:
        kit.say(f"width {row['width']}, {row['layers']} layers, batch {row['batch_tokens']}: MFU {row['mfu']:.1%} alone")
    for row in kit.speed["together"]:
        kit.say(f"{row['at_once']} at once of width {kit.speed['of_width']}: MFU {row['mfu']:.1%}")
    kit.save()


def _train_all(kit: Kit, at_once: int) -> None:
    waiting = list(zip([cell["grid"] for cell in kit.body["cells"]], _configs(kit.body), strict=True))
    sys.setswitchinterval(5e-4)  # a thread that compiles must not keep the others' replays waiting

    def work() -> None:
        while True:
            with kit.lock:
                if not waiting:
                    return
                grid, config = waiting.pop(0)
            needs, left = seconds_of(config, kit.speed, at_once), kit.end - time.monotonic()
            if needs > left:
                _note(kit, grid, config, "no time", f"needs {needs:.0f} s of {max(left, 0.0):.0f}")
                continue
            try:
                kit.say(f"{config.run_id} begins, {needs:.0f} s expected")
                with on_stream(kit.device):
                    record = train(config, kit.tasks[config.corpus], kit.device, captured=True,
                                   stop=lambda: time.monotonic() > kit.end)
                write_record(kit.work / grid / record.run_id, _from(record, kit.body))
                loss = record.losses["validation"].nats_per_token if record.losses else float("nan")
                _note(kit, grid, config, "done", f"{loss:.4f} nats, MFU {record.timing.mfu:.1%} of {at_once} at once")
            except Interrupted as stopped:
                _note(kit, grid, config, "stopped", str(stopped))
            except Exception as error:  # one run's failure must not cost the others their time
                _note(kit, grid, config, "failed", f"{type(error).__name__}: {error}"[:500])
            else:
                try:
                    kit.save()
                except KitError as error:  # the record is there, and the archive is written again after the next and at the end
                    kit.say(str(error))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:  # a run looks at the clock every second; a thread that hangs in a compilation is left behind
        thread.join(max(1.0, kit.end + LEAVE_SECONDS / 2 - time.monotonic()))


def _note(kit: Kit, grid: str, config: RunConfig, state: str, why: str) -> None:
    with kit.lock:
        kit.states[f"{grid}/{config.run_id}"] = {"state": state, "why": why, "at": round(time.monotonic() - kit.began, 1)}
    kit.say(f"{config.run_id} {state}: {why}")


def _from(record: RunRecord, body: dict[str, Any]) -> RunRecord:
    """The record with the commit that the kit was packed from: there is no checkout there."""
    return replace(record, provenance=replace(record.provenance, git_commit=body["git_commit"], git_dirty=body["git_dirty"]))
