"""Draws divided among threads: a large table's draws on every core, a small one's on one."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from study.inference.parameters import Array

LEAST = 500_000  # draws x rows of a thread: a tenth of a second


def in_parts(function: Callable[..., tuple[Array, ...]], rows: int, *columns: Array) -> tuple[Array, ...]:
    """function(*columns) of columns (M, ...), whose results (M, ...) depend on their own draw alone.

    rows: of the table, which each draw reads. `function` must release the interpreter's lock, as compiled kernels do. The bits
    are those of one call.
    """
    draws = len(columns[0])
    parts = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, draws * rows // LEAST)
    if parts < 2:
        return function(*columns)
    with ThreadPoolExecutor(parts) as threads:
        found = threads.map(function, *(np.array_split(column, parts) for column in columns))
        return tuple(np.concatenate(values) for values in zip(*found, strict=True))
