"""Samples that several processes need, drawn by the first of them and read by the others."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from filelock import FileLock

from study.inference.parameters import Array

VARIABLE = "STUDY_FITS"  # names the folder of one render, in which its articles share their fits by NUTS
Samples: TypeAlias = tuple[dict[str, Array], dict[str, Array]]  # draws and statistics, by name


def folder() -> Path | None:
    """The folder that $STUDY_FITS names, or None."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def digest(settings: object, data: Mapping[str, Array]) -> str:
    """sha256 over everything that determines the samples: settings with a full repr, and arrays."""
    found = hashlib.sha256(repr(settings).encode())
    for name, values in sorted(data.items()):
        found.update(f"\0{name} {values.dtype} {values.shape}\0".encode() + np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def shared(where: Path | None, name: str, draw: Callable[[], Samples]) -> Samples:
    """What `draw` returns; with a folder, the first process that asks for `name` draws and the others wait for it and read."""
    if where is None:
        return draw()
    path = where / f"{name}.npz"
    with FileLock(where / f"{name}.lock"):
        if path.exists():
            with np.load(path, allow_pickle=False) as kept:
                parts = {part: {key[2:]: kept[key] for key in kept.files if key.startswith(part)} for part in ("0/", "1/")}
            return parts["0/"], parts["1/"]
        draws, stats = draw()
        arrays: dict[str, Any] = {f"{k}/{key}": values for k, part in enumerate((draws, stats)) for key, values in part.items()}
        np.savez(path.with_suffix(".part.npz"), **arrays)
        path.with_suffix(".part.npz").replace(path)
    return draws, stats
