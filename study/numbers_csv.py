"""Rows of numbers as CSV by the standard library: training needs no pandas. A nan is an empty field."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path


def to_csv(columns: Sequence[str], rows: Sequence[dict[str, float]]) -> bytes:
    """The columns' names, then a line a row; floats are spelled so that they are read back to the bit."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_spelled(row[name]) for name in columns] for row in rows])
    return file.getvalue().encode()


def from_csv(path: Path) -> list[dict[str, float]]:
    """The rows of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: a line is cut short or too long, or a field is no number.
    """
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    names = lines[0] if lines else []
    return [{name: float(field or "nan") for name, field in zip(names, line, strict=True)} for line in lines[1:]]


def _spelled(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if math.isnan(value) else repr(float(value))
