"""Iterating over tables of runs, typed for what they hold: pandas' own stubs know only that a cell is some scalar."""

import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.record import RunRecord, paired_difference


def each(frame: pd.DataFrame) -> list[Any]:
    """The rows as named tuples."""
    return list(frame.itertuples())


def groups(frame: pd.DataFrame, by: "str | list[str]") -> list[tuple[Any, pd.DataFrame]]:
    """The groups of a column (or of several), by value."""
    return list(frame.groupby(by))


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs that finished; an empty table stays as it is."""
    return frame[frame["status"] == "complete"].reset_index(drop=True) if len(frame) else frame


def least(frame: pd.DataFrame, column: str) -> Any:
    """The row where a column is lowest."""
    return frame.iloc[int(frame[column].to_numpy().argmin())]


def paired_errors(isoflop: pd.DataFrame, records: Mapping[str, RunRecord]) -> list[float]:
    """Standard errors, paired by document, of the loss differences between neighbouring sizes of each budget."""
    losses = [[records[run_id].losses["validation"] for run_id in group.sort_values("N")["run_id"]]
              for _, group in groups(isoflop, "budget")]
    return [paired_difference(a, b)[1] for of_budget in losses for a, b in itertools.pairwise(of_budget)]
