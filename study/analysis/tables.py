"""Iterating over tables of runs, typed for what they hold: pandas' own stubs know only that a cell is some scalar."""

from typing import Any

import pandas as pd


def each(frame: pd.DataFrame) -> list[Any]:
    """The rows as named tuples."""
    return list(frame.itertuples())


def groups(frame: pd.DataFrame, by: "str | list[str]") -> list[tuple[Any, pd.DataFrame]]:
    """The groups of a column (or of several), by value."""
    return list(frame.groupby(by))


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs that finished; an empty table stays as it is."""
    return frame[frame["status"] == "complete"].reset_index(drop=True) if len(frame) else frame


def loss_by_run(frame: pd.DataFrame) -> dict[str, float]:
    """Run id -> loss of the runs that finished, nats a token."""
    rows = complete(frame)
    return dict(zip(rows["run_id"], rows["loss"].astype(float), strict=True)) if len(rows) else {}


def lowest(frame: pd.DataFrame, column: str) -> Any:
    """The row where a column is lowest."""
    return frame.iloc[int(frame[column].to_numpy().argmin())]
