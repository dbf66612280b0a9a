"""What a measurement says of the machine it was made on, and how its file is written."""

import json
import math
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.provenance import cpu_model, git_state, lock_sha256
from study.record import write_atomic

IDLE = 0.5  # load average of the last minute below which a machine counts as idle


class BenchError(StudyError):
    """A measurement that cannot be made here."""


def machine(*packages: str) -> dict[str, Any]:
    """The processor, its load now, Python, the versions of `packages` and the code's commit."""
    commit, dirty = git_state()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    return {"cpu": cpu_model(), "cores": os.cpu_count(), "load_average": round(load, 2), "idle": load < IDLE,
            "python": platform.python_version(), "system": platform.platform(),
            "versions": {name: _version(name) for name in packages},
            "git_commit": commit, "git_dirty": dirty, "lock_sha256": lock_sha256()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def geometric_mean(values: Iterable[float]) -> float:
    """exp of the mean logarithm of positive values."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def write(path: Path, body: dict[str, Any]) -> Path:
    """Write a measurement as JSON, whole or not at all.

    Raises:
        BenchError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, (json.dumps(body, indent=1) + "\n").encode())
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror or error}; choose another folder with --out") from None
    return path
