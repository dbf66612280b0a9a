"""The cells of a table as text under its header, before anything is read from them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError

MOST = 200_000  # rows that are read at all
SHOWN = 12  # names that a message lists


class TableError(StudyError):
    """A table that cannot be read, or whose columns or values are not those of runs."""


@dataclass(frozen=True)
class RawTable:
    """Cells as text; empty ones are nan."""

    cells: pd.DataFrame  # columns 0, 1, ...: names may repeat
    header: tuple[str, ...]
    lines: "pd.Series[Any]"  # of the file, one a row
    understood: str  # "CSV, semicolons"


def check_rows(name: str, rows: int) -> None:
    """Refuse more rows than are read.

    Raises:
        TableError: more than `MOST`.
    """
    if rows > MOST:
        raise TableError(f"{name} has {rows:,} rows, more than the {MOST:,} that are read: keep one row a run, its last "
                         "checkpoint, or a random sample")


def listed(names: Sequence[str]) -> str:
    """Names of columns for a message, the first dozen of many."""
    shown = ", ".join(name or "(no name)" for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def from_frame(name: str, frame: pd.DataFrame, understood: str) -> RawTable:
    """The cells of a data frame. Raises TableError: it has more than `MOST` rows."""
    check_rows(name, len(frame))
    cells = pd.DataFrame({index: frame.iloc[:, index].astype(object).map(cell_text) for index in range(len(frame.columns))})
    full = cells.notna().any(axis=1)
    lines = pd.Series(range(1, len(cells) + 1))[full.to_numpy()].reset_index(drop=True)
    return RawTable(cells[full].reset_index(drop=True), tuple(str(column).strip() for column in frame.columns), lines, understood)


def cell_text(value: Any) -> Any:
    """A value as the text of a cell; None where it is missing."""
    if isinstance(value, list | dict | np.ndarray):
        return json.dumps(value, default=lambda inner: inner.tolist() if isinstance(inner, np.ndarray) else str(inner))
    return None if pd.isna(value) else str(value)
