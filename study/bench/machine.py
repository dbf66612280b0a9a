"""What a measurement says of the machine it was made on, and how its file is written."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from study.errors import StudyError
from study.provenance import cpu_model, git_state, lock_sha256
from study.record import write_json

IDLE = 0.1  # share of the processors' time, while nothing is being measured, below which a machine counts as idle


class BenchError(StudyError):
    """A measurement that cannot be made here."""


def machine(*packages: str) -> dict[str, Any]:
    """The processor, how busy others keep it, Python, the versions of `packages` and the code's commit.

    Call it while this process is idle: it watches the others for a second. (A load average would count our own work for minutes.)
    """
    commit, dirty = git_state()
    busy = psutil.cpu_percent(interval=1.0) / 100
    return {"cpu": cpu_model(), "cores": os.cpu_count(), "busy": round(busy, 3), "idle": busy < IDLE,
            "python": platform.python_version(), "system": platform.platform(),
            "versions": {name: _version(name) for name in packages},
            "git_commit": commit, "git_dirty": dirty, "lock_sha256": lock_sha256()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def write(path: Path, body: dict[str, Any]) -> Path:
    """Write a measurement as JSON, whole or not at all.

    Raises:
        BenchError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, body)
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror or error}; choose another folder with --out") from None
    return path
