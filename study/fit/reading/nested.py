"""Cells that hold a dictionary as text, as an export by W&B's API has them: a column a key."""

import ast
import json
import re
from collections import Counter
from typing import Any

import pandas as pd

from study.fit.reading.raw import RawTable, cell_text

UNKNOWN = re.compile(r"(?<=[:,\[ ])-?(?:nan|inf)(?=[,}\] ])")  # as Python prints them, and no literal of its own


def unfolded(raw: RawTable) -> RawTable:
    """The table with each column of dictionaries replaced by the columns of their keys; all others as they are.

    A column is named by its key, or column.key where another has that name.
    """
    found = {index: keys for index in range(len(raw.header)) if (keys := _keys(raw.cells[index])) is not None}
    if not found:
        return raw
    plain = Counter(name for index, name in enumerate(raw.header) if index not in found)
    plain.update(str(key) for keys in found.values() for key in keys)
    pieces: list[tuple[str, pd.Series[Any]]] = []
    for index, name in enumerate(raw.header):
        if index not in found:
            pieces.append((name, raw.cells[index]))
            continue
        for key, values in found[index].items():
            pieces.append((str(key) if plain[str(key)] == 1 else f"{name}.{key}", values.map(cell_text)))
    cells = pd.concat([values for _, values in pieces], axis=1).set_axis(range(len(pieces)), axis=1)
    return RawTable(cells, tuple(name for name, _ in pieces), raw.lines, raw.understood)


def _keys(cells: "pd.Series[Any]") -> pd.DataFrame | None:
    """A column a key, a row a cell; None where a cell is no dictionary of literals."""
    filled = cells.dropna()
    if filled.empty or not filled.map(lambda cell: isinstance(cell, str) and cell[:1] == "{" and cell[-1:] == "}").all():
        return None
    found = [{} if pd.isna(cell) else _dictionary(cell) for cell in cells]
    if any(one is None for one in found) or not any(found):
        return None
    return pd.json_normalize(found).set_axis(cells.index, axis=0)  # type: ignore[arg-type]


def _dictionary(text: str) -> dict[str, Any] | None:
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text if read is json.loads else UNKNOWN.sub("None", text))
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        if isinstance(found, dict):
            return {str(key): value for key, value in found.items()}
    return None
