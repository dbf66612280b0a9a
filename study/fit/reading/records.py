"""A table written as JSON: a list of objects, lines of objects, or one object that holds the rows somewhere."""

import json
from typing import Any

import pandas as pd

from study.errors import first_line
from study.fit.reading.columns import name_runs
from study.fit.reading.raw import RawTable, TableError, from_frame


def from_json(name: str, text: str) -> RawTable:
    """The cells of a JSON text.

    Raises:
        TableError: it is none, or holds no rows.
    """
    text = text.strip("\ufeff \t\r\n")
    try:
        objects = _objects(text)
        understood = "JSON" if len(objects) == 1 else "JSON lines"
        rows = objects if len(objects) > 1 else _rows(objects[0])
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise ValueError("it is not a list of objects")
    except (ValueError, TypeError, RecursionError) as error:
        raise TableError(f"{name} is not a readable JSON table: {first_line(error)}") from None
    return from_frame(name, pd.json_normalize(rows), understood)


def _objects(text: str) -> list[Any]:
    """The values that stand one after another, on a line each or over several."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def _rows(whole: Any) -> list[Any]:
    """The rows of one value: a list, or under a key, as columns, by row or by column of an index, or as pandas splits a frame."""
    if isinstance(whole, list):
        if whole and all(isinstance(row, list) for row in whole):  # the first is the header
            return [dict(zip(map(str, whole[0]), row, strict=True)) for row in whole[1:]]
        return whole
    values = list(whole.values())
    lists = [value for value in values if isinstance(value, list)]
    if found := {key: value for key, value in whole.items() if isinstance(value, list) and value and isinstance(value[0], dict)}:
        of_runs = [key for key, value in found.items() if name_runs([str(name) for name in pd.json_normalize(value[:1]).columns])]
        if len(of_runs) > 1:
            raise ValueError(f"{' and '.join(of_runs)} each hold runs: keep one")
        return list(found[of_runs[0]] if of_runs else next(iter(found.values())))
    if {"columns", "data"} <= whole.keys():
        return [dict(zip(whole["columns"], row, strict=True)) for row in whole["data"]]
    if values and len(lists) == len(values):
        return list(pd.DataFrame(whole).to_dict("records"))
    if len(values) > 1 and all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values):
        if all(key.isdigit() for key in values[0]):  # columns of rows
            return list(pd.DataFrame(whole).to_dict("records"))
        return values
    tables = [value for value in values if isinstance(value, dict) and _holds_rows(value)]
    return _rows(tables[0]) if len(tables) == 1 and not lists else [whole]


def _holds_rows(inner: dict[str, Any]) -> bool:
    """Whether an object under a key of another is a table: of lists, or of objects."""
    return bool(inner) and all(isinstance(value, list | dict) for value in inner.values())
