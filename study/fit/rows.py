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

from study.fit.cells import cells_of
from study.fit.curves import GIVEN, NONE, RUN_ID, Found, curves, maybe_curves
from study.fit.doubts import Doubt
from study.fit.reading.headers import read_header
from study.fit.reading.names import EVALUATED, NO_BATCH, PLACES, TUNED
from study.fit.shifts import SETTINGS, shifted
from study.fit.two_units import two_units

CHOICES = ("auto", "best", "all")
FRESH = 1.02  # passes over the text above which it counts as repeated
CELLS = 3  # distinct (N, D) that must be left before rows are set apart
COPIES = 0.5  # share of the rows of shared cells that repeat a loss, above which it is no chance of rounding; and of cells
AGREE = 2e-4  # r.m.s. distance of ln L from a cell's mean, below which its rows are one run: seeds differ by 1e-3 and more
SEEDS = 0.02  # spread of ln L within cells that repeats under other seeds do not have


@dataclass(frozen=True)
class Arranged:
    """The rows to fit, and what was decided."""

    frame: pd.DataFrame
    aside: pd.DataFrame  # rows not fitted, with a column `why`
    notes: tuple[str, ...]
    doubts: tuple[Doubt, ...]


def arrange(frame: pd.DataFrame, other: pd.DataFrame, choice: str = "auto", *, run: str = "name") -> Arranged:
    """Set apart the rows that are no runs of their own. `other` holds the columns of the file that are none of ours.

    run: what the column `run` is: "name" of a run or of its size; "id" of a run by its own name; "given" as runs by the user.

    Where too few cells would be left, all rows are kept and the doubt is severe.
    """
    both = pd.concat([frame.reset_index(drop=True), other.reset_index(drop=True)], axis=1)
    names = [name for name in frame.columns if name != "line"]
    if "run" in names and run != "given" and _numbers_rows(frame["run"]):
        names.remove("run")
    if "run" in names:
        names += {"name": [], "id": [RUN_ID], "given": [RUN_ID, GIVEN]}[run]
    notes: list[str] = []
    doubts: list[Doubt] = []
    aside: list[pd.DataFrame] = []
    named = both.loc[:, ~both.columns.duplicated()]
    for find in (_totals, _repeated_rows, _near_copies, curves, _repeated_text):
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
        best = named.sort_values("loss", kind="stable").groupby(cells_of(named), sort=False).head(1).index
        if len(best) < len(named):
            notes.append(f"the best of each cell: {len(best)} of {len(named)} rows")
            aside.append(named.drop(index=best).assign(why="best"))
            named = named.loc[sorted(best)]
    elif doubt := _sweep(named, other.columns):
        doubts.append(doubt)
    settings = [*(str(name) for name in other.columns if name in named), *(name for name in SETTINGS if name in names)]
    if not any(doubt.severe for doubt in doubts) and (doubt := shifted(named, settings)):
        doubts.append(doubt)
    if not any(doubt.severe for doubt in doubts) and (doubt := two_units(named)):
        doubts.append(doubt)
    if not any(one.kind == "checkpoints" for one in doubts) and (doubt := maybe_curves(named, names)):
        doubts.append(doubt)
    columns = list(frame.columns)
    left_out = pd.concat(aside)[[*columns, "why"]] if aside else frame.iloc[:0].assign(why="")
    return Arranged(named[columns].reset_index(drop=True), left_out.reset_index(drop=True), tuple(notes), tuple(doubts))


def _numbers_rows(run: "pd.Series[Any]") -> bool:
    """Whether a column counts the rows, and names no run."""
    values = pd.to_numeric(run, errors="coerce")
    return len(run) > 1 and bool(((values - values.shift()).iloc[1:] == 1).all())


def _totals(table: pd.DataFrame, names: Sequence[str]) -> Found:
    """A last row of sums or of means."""
    del names
    body, last = table.iloc[:-1], table.iloc[-1]
    if len(body) < CELLS:
        return NONE
    for what, of in (("sums", body[["N", "D"]].sum()), ("means", body[["N", "D"]].mean())):
        if np.allclose(last[["N", "D"]].to_numpy(dtype=float), of.to_numpy(dtype=float), rtol=1e-3):
            return table.index[-1:], "total", "it is no run", f"the last row holds the {what} of N and D of the others"
    return NONE


def _repeated_rows(table: pd.DataFrame, names: Sequence[str]) -> Found:
    whole = table.drop(columns="line").duplicated()
    # N, D and the loss are those of another: repeats, unless so few rounded losses of other seeds may be equal by chance
    same = table.duplicated(["N", "D", "loss"])
    several = table.groupby(["N", "D"])["loss"].transform("size") > 1
    by_chance = int(same.sum()) < COPIES * int(several.sum())
    if not whole.any() or (by_chance and _coarse(table["loss"]) and not {"run", "seed"} & set(names)):
        if by_chance or not same.any():
            return NONE
        return (table.index[same], "repeats", "each counts once",
                f"{int(same.sum())} rows repeat the N, D and loss of another, to the last digit")
    return (table.index[whole], "repeats", "each counts once",
            f"{int(whole.sum())} rows repeat another in every column, to the last digit")


def _coarse(loss: "pd.Series[float]") -> bool:
    """Whether losses have three decimals at the most, so that two seeds may be equal by rounding."""
    return bool(np.allclose(loss, loss.round(3), rtol=0, atol=1e-9))


def _near_copies(table: pd.DataFrame, names: Sequence[str]) -> Found:
    """Rows of a cell whose losses agree better than seeds do, where most cells have such rows: one file twice, rounded anew."""
    del names
    cell, ln_loss = cells_of(table), np.log(table["loss"])
    several = cell.duplicated(keep=False)
    if int(cell[several].nunique()) < COPIES * cell.nunique():
        return NONE
    off = (ln_loss - ln_loss.groupby(cell).transform("mean"))[several]
    if float(np.sqrt((off**2).mean())) > AGREE:
        return NONE
    rows = table.index[cell.duplicated()]
    return (rows, "repeats", "each counts once",
            f"{len(rows)} rows have the N and D of another, and its loss more nearly than another seed would")


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
    if "fresh" in names:
        fresh = table["fresh"].to_numpy(dtype=float)
        passes = np.fmax(passes, 1 / np.where((fresh > 0) & (fresh <= 1), fresh, np.nan))
        columns.append("the share that is unique")
    rows = table.index[passes > FRESH]
    if not len(rows):
        return NONE
    most = float(np.nanmax(passes))
    return (rows, "repeated text", "they are set apart, since a repeated token is worth less and the law has no term for it",
            f"{len(rows)} of {len(table)} rows repeat their text, up to {most:.3g} times (by {' and '.join(columns)})")


def _sweep(table: pd.DataFrame, others: "pd.Index[str]") -> Doubt | None:
    """A doubt where cells hold several runs, unless they differ as seeds do and in no setting that is tuned."""
    cell = cells_of(table)
    cells = table.groupby(cell)
    if cells.ngroups == len(table):
        return None
    ln_loss = np.log(table["loss"])
    spread = float(ln_loss.groupby(cell).agg(np.ptp).max())
    within = float(np.sqrt(((ln_loss - ln_loss.groupby(cell).transform("mean"))**2).sum() / max(len(table) - cells.ngroups, 1)))
    repeated = int((cells.size() > 1).sum())
    varying = [str(name) for name in others if (cells[name].nunique(dropna=False) > 1).any()]
    recur = [name for name in varying if table[name].nunique() <= len(table) / 2]  # settings recur over cells, outcomes do not
    if long := next((name for name in recur if read_header(name).plain in EVALUATED), ""):
        return Doubt("sweep", f"{repeated} cells (N, D) hold a loss for each {long} ({_some(table[long])}): keep the rows of one, "
                     "and fit one at a time", True)
    tuned = [name for name in varying if _words(name) & TUNED and not _words(name) & NO_BATCH]
    settings = [name for name in varying if name in tuned or (name in recur and not _words(name) & PLACES)]
    named = settings if within >= SEEDS else tuned
    if not named and within < SEEDS:
        return None
    why = f"that differ in {', '.join(named)}," if named else "that no column tells apart, and differ"
    what = f"{repeated} cells (N, D) hold several runs {why} by up to {100 * float(np.expm1(spread)):.2g} % of the loss"
    more = "" if named else ", more than seeds do"
    return Doubt("sweep", f"{what}{more}: all are fitted as equals; --rows best fits the best of each cell", True)


def _words(name: str) -> frozenset[str]:
    return read_header(name).words


def _some(column: "pd.Series[Any]") -> str:
    values = [str(value) for value in column.unique()]
    return ", ".join(values[:3]) + (" and others" if len(values) > 3 else "")


def _enough(table: pd.DataFrame) -> bool:
    cells = table.drop_duplicates(["N", "D"])
    return len(cells) >= CELLS and cells["N"].nunique() > 1 and cells["D"].nunique() > 1
