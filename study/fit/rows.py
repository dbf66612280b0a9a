"""Which rows of a table are runs of their own: exact repeats, checkpoints of one run, repeated text, sweeps of a cell.

`arrange` sets apart what the law L(N, D) does not describe, and says so. `choice`:

    auto   exact repeats count once; of a run's checkpoints the last is fitted; rows of repeated text are set apart
    best   the same, and of the rows of one (N, D) cell the lowest loss alone
    all    every row is a run
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.fit.doubts import Doubt

CHOICES = ("auto", "best", "all")
FRESH = 1.02  # passes over the text above which it counts as repeated
CELLS = 3  # distinct (N, D) that must be left before rows are set apart
ALONG = 8  # points of one N in even steps of D that look like one curve
MANY = 10  # values of D at one N that may be one
EVEN = 0.05  # of a step: how far it may be from a whole number of the median step


@dataclass(frozen=True)
class Arranged:
    """The rows to fit, and what was decided."""

    frame: pd.DataFrame
    aside: pd.DataFrame  # rows not fitted, with a column `why`
    notes: tuple[str, ...]
    doubts: tuple[Doubt, ...]


def arrange(frame: pd.DataFrame, other: pd.DataFrame, choice: str = "auto") -> Arranged:
    """Set apart the rows that are no runs of their own. `other` holds the columns of the file that are none of ours.

    Where too few cells would be left, all rows are kept and the doubt is severe.
    """
    both = pd.concat([frame.reset_index(drop=True), other.reset_index(drop=True)], axis=1)
    names = [name for name in frame.columns if name != "line"]
    notes: list[str] = []
    doubts: list[Doubt] = []
    aside: list[pd.DataFrame] = []
    named = both.loc[:, ~both.columns.duplicated()]
    for find in (_repeated_rows, _curves, _repeated_text):
        rows, why, kept, counted = find(named, names)
        if not len(rows):
            continue
        left = named.drop(index=rows)
        if choice == "all" or not _enough(left):
            reason = "with --rows all" if choice == "all" else "too few runs would be left without them"
            doubts.append(Doubt(why, f"{counted}: all are fitted as runs of their own, {reason}", choice != "all"))
            continue
        notes.append(f"{counted}: {kept}")
        aside.append(named.loc[rows].assign(why=why))
        named = left
    if choice == "best":
        best = named.sort_values("loss", kind="stable").drop_duplicates(["N", "D"]).index
        if len(best) < len(named):
            notes.append(f"the best of each cell: {len(best)} of {len(named)} rows")
            aside.append(named.drop(index=best).assign(why="best"))
            named = named.loc[sorted(best)]
    elif doubt := _sweep(named, other.columns):
        doubts.append(doubt)
    if doubt := _maybe_curves(named, names):
        doubts.append(doubt)
    columns = list(frame.columns)
    left_out = pd.concat(aside)[[*columns, "why"]] if aside else frame.iloc[:0].assign(why="")
    return Arranged(named[columns].reset_index(drop=True), left_out.reset_index(drop=True), tuple(notes), tuple(doubts))


Found = tuple["pd.Index[Any]", str, str, str]  # rows to set apart, why, what is done, what was seen
NONE: Found = (pd.Index([]), "", "", "")


def _repeated_rows(table: pd.DataFrame, names: Sequence[str]) -> Found:
    del names
    again = table.drop(columns="line").duplicated()
    if not again.any():
        return NONE
    return (table.index[again], "repeats", "each counts once",
            f"{int(again.sum())} rows repeat another in every column, to the last digit")


def _curves(table: pd.DataFrame, names: Sequence[str]) -> Found:
    if "run" in names and _names_runs(table):
        grouped: Any = table.groupby(["run", "N"], dropna=True)
        what = "checkpoints of one run (the same run and N, other D)"
    else:
        grouped = table[table["N"].map(_even(table))].groupby("N")
        what = f"checkpoints along one curve (one N, {ALONG} or more D in even steps)"
        if not grouped.ngroups:
            return NONE
    several = grouped["D"].transform("nunique") > 1
    if not several.any():
        return NONE
    ends = grouped["D"].transform("max")
    rows = several.index[several & (table.loc[several.index, "D"] < ends)]
    runs = int(grouped.ngroups)
    return (rows, "checkpoints", "the last of each is fitted, a decaying rate leaves earlier ones worse than shorter runs",
            f"{len(rows)} of {len(table)} rows are {what}; {runs} curve{'s' * (runs != 1)}")


def _names_runs(table: pd.DataFrame) -> bool:
    """Whether the column `run` names runs, each of one N. A name for each N may be the size's: then D must go in even steps."""
    sizes = table.groupby("run")["N"].nunique()
    if not len(sizes) or float((sizes == 1).mean()) < 0.9:
        return False
    runs_of_a_size = table.groupby("N")["run"].nunique()
    return bool(runs_of_a_size.max() > 1) or sum(_even(table).values()) > len(runs_of_a_size) / 2


def _even(table: pd.DataFrame) -> dict[float, bool]:
    """Which N have many D in even steps."""
    out = {}
    for N, group in table.groupby("N"):
        steps = np.diff(np.unique(group["D"].to_numpy()))
        whole = steps / np.median(steps) if len(steps) else steps  # a checkpoint may be missing: twice the step, or thrice
        even = bool(np.all((np.abs(whole - np.round(whole)) < EVEN) & (whole > 0.5) & (whole < 5)))
        out[float(N)] = len(steps) >= ALONG - 1 and even  # type: ignore[arg-type]
    return out


def _repeated_text(table: pd.DataFrame, names: Sequence[str]) -> Found:
    passes = np.ones(len(table))
    columns = []
    if "unique" in names:
        unique = table["unique"].to_numpy(dtype=float)
        passes = np.fmax(passes, table["D"].to_numpy() / np.where(unique > 0, unique, np.nan))
        columns.append("unique tokens")
    if "epochs" in names:
        passes = np.fmax(passes, table["epochs"].to_numpy(dtype=float))
        columns.append("epochs")
    rows = table.index[passes > FRESH]
    if not len(rows):
        return NONE
    most = float(np.nanmax(passes))
    return (rows, "repeated text", "they are set apart, since a repeated token is worth less and the law has no term for it",
            f"{len(rows)} of {len(table)} rows repeat their text, up to {most:.3g} times (by {' and '.join(columns)})")


def _sweep(table: pd.DataFrame, others: "pd.Index[str]") -> Doubt | None:
    cells = table.groupby(["N", "D"])
    if cells.ngroups == len(table):
        return None
    varying = []
    for name in others:
        column = table[name]
        recurs = column.nunique() <= len(table) / 2  # a setting that recurs over cells, not an outcome
        if recurs and (cells[name].nunique(dropna=False) > 1).any():
            varying.append(str(name))
    if not varying:
        return None
    spread = cells["loss"].agg(lambda loss: float(np.log(loss.max() / loss.min()))).max()
    repeated = int((cells.size() > 1).sum())
    what = f"{repeated} cells (N, D) hold several runs that differ in {', '.join(varying)}"
    return Doubt("sweep", f"{what}, by up to {100 * float(np.expm1(spread)):.2g} % of the loss: all are fitted as equals; "
                 "--rows best fits the best of each cell", True)


def _maybe_curves(table: pd.DataFrame, names: Sequence[str]) -> Doubt | None:
    if "run" in names and table["run"].nunique() == len(table):
        return None
    per_size = table.groupby("N")["D"].nunique()
    if float(per_size.median()) < MANY:
        return None
    return Doubt("checkpoints", f"a size has {per_size.median():.0f} values of D at the median: if they are checkpoints of a run, "
                 "fit their ends alone (a column `run` says which)")


def _enough(table: pd.DataFrame) -> bool:
    cells = table.drop_duplicates(["N", "D"])
    return len(cells) >= CELLS and cells["N"].nunique() > 1 and cells["D"].nunique() > 1
