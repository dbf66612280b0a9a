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
from study.fit.shifts import shifted, unfinished
from study.fit.two_units import two_units
from study.inference.parameters import Array

CHOICES = ("auto", "best", "all")
FRESH = 1.02  # passes over the text above which it counts as repeated
SETTINGS = ("vocabulary", "bytes_per_token")  # of ours, that shift a loss by the token
CELLS = 3  # distinct (N, D) that must be left before rows are set apart
ALONG = 8  # points of one N in even steps of D that look like one curve
MANY = 10  # values of D at one N that may be one
STEPS = 4  # the same, where most sizes have so many
EVEN = 0.05  # of a step: how far it may be from a whole number of the median step
COPIES = 0.5  # share of the rows of shared cells that repeat a loss, above which it is no chance of rounding
SAME = 0.005  # relative distance in D below which two runs are of one cell
SEEDS = 0.02  # spread of ln L within cells that repeats under other seeds do not have
SIGNIFICANT, LEAST = 4.0, 0.005  # standard errors, and ln L, of what unfinished runs lack
SIZE_NAME = r"(?i)\d+(?:\.\d+)?\s*[kmbt]?"  # 70M, which names a size, and not a run
RUN_ID = "run id"  # among the names where the column `run` says by its own name that it names runs


@dataclass(frozen=True)
class Arranged:
    """The rows to fit, and what was decided."""

    frame: pd.DataFrame
    aside: pd.DataFrame  # rows not fitted, with a column `why`
    notes: tuple[str, ...]
    doubts: tuple[Doubt, ...]


def arrange(frame: pd.DataFrame, other: pd.DataFrame, choice: str = "auto", *, run_id: bool = False) -> Arranged:
    """Set apart the rows that are no runs of their own. `other` holds the columns of the file that are none of ours.

    run_id: the column `run` is called a run, not a name or a model, which may be the size's.

    Where too few cells would be left, all rows are kept and the doubt is severe.
    """
    both = pd.concat([frame.reset_index(drop=True), other.reset_index(drop=True)], axis=1)
    names = [name for name in frame.columns if name != "line"]
    if "run" in names and _numbers_rows(frame["run"]):
        names.remove("run")
    names += [RUN_ID] * (run_id and "run" in names)
    notes: list[str] = []
    doubts: list[Doubt] = []
    aside: list[pd.DataFrame] = []
    named = both.loc[:, ~both.columns.duplicated()]
    for find in (_totals, _repeated_rows, _curves, _repeated_text):
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
    if not any(one.kind == "checkpoints" for one in doubts) and (doubt := _maybe_curves(named, names)):
        doubts.append(doubt)
    columns = list(frame.columns)
    left_out = pd.concat(aside)[[*columns, "why"]] if aside else frame.iloc[:0].assign(why="")
    return Arranged(named[columns].reset_index(drop=True), left_out.reset_index(drop=True), tuple(notes), tuple(doubts))


Found = tuple["pd.Index[Any]", str, str, str]  # rows to set apart, why, what is done, what was seen
NONE: Found = (pd.Index([]), "", "", "")


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
    del names
    whole = table.drop(columns="line").duplicated()
    if not whole.any():
        # an id or a seed differs, and N, D and the loss do not: repeats, where they are more than rounding makes by chance
        same = table.duplicated(["N", "D", "loss"])
        several = table.groupby(["N", "D"])["loss"].transform("size") > 1
        if int(same.sum()) < COPIES * int(several.sum()):
            return NONE
        return (table.index[same], "repeats", "each counts once",
                f"{int(same.sum())} rows repeat the N, D and loss of another, to the last digit")
    return (table.index[whole], "repeats", "each counts once",
            f"{int(whole.sum())} rows repeat another in every column, to the last digit")


def _curves(table: pd.DataFrame, names: Sequence[str]) -> Found:
    if "run" in names and _names_runs(table, RUN_ID in names):
        grouped: Any = table.groupby(["run", "N"], dropna=True)
        what = "checkpoints of one run (the same run and N, other D)"
    else:
        along = _along(table)
        grouped = table[along.notna()].assign(curve=along).groupby("curve")
        what = f"checkpoints along one curve (one N, {ALONG} or more D in even steps)"
        if not grouped.ngroups:
            return NONE
    several = grouped["D"].transform("nunique") > 1
    if not several.any():
        return NONE
    ends = grouped["D"].transform("max")
    rows = several.index[several & (table.loc[several.index, "D"] < ends)]
    runs = int(grouped.ngroups)
    return (rows, "checkpoints", "the last of each is fitted, since a decaying rate leaves earlier ones worse than shorter runs "
            "(--rows all, if each row ended with a decay of its own)",
            f"{len(rows)} of {len(table)} rows are {what}; {runs} curve{'s' * (runs != 1)}")


def _names_runs(table: pd.DataFrame, run_id: bool) -> bool:
    """Whether the column `run` names runs, each of one N.

    A name for each N may be the size's: then D must go in even steps, unless the column is called a run.
    """
    sizes = table.groupby("run")["N"].nunique()
    if not len(sizes) or float((sizes == 1).mean()) < 0.9:
        return False
    if run_id and not table["run"].astype(str).str.fullmatch(SIZE_NAME).all():
        return True
    runs_of_a_size = table.groupby("N")["run"].nunique()
    if not len(many := table[table.groupby("N")["D"].transform("size") >= ALONG]):
        return bool(runs_of_a_size.max() > 1)
    even = many.groupby("N")["D"].agg(lambda D: _even(D.to_numpy(), ALONG))
    return bool(runs_of_a_size.max() > 1) or int(even.sum()) > len(runs_of_a_size) / 2


def _along(table: pd.DataFrame) -> "pd.Series[Any]":
    """The curve of each row, without a column that says it; nan for a row of none.

    Rows of one N in the order of the file, D rising, are a curve where there are many in even steps; else all rows of an N.
    Where most sizes have such a curve, so have the others.
    """
    new = (table["N"] != table["N"].shift()) | (table["D"] <= table["D"].shift())
    segment = new.cumsum()
    found = pd.Series(np.nan, index=table.index)
    for at in (segment, table["N"]):
        free = found.isna() & (table.groupby(at)["D"].transform("size") >= ALONG)  # many short groups would take minutes
        even = table[free].groupby(at[free])["D"].transform(lambda D: _even(D.to_numpy(), ALONG)).astype(bool)
        rows = even.index[even]
        found[rows] = pd.factorize(at[rows])[0] + (0 if found.isna().all() else found.max() + 1)
    sizes = table.groupby("N")["D"].nunique()
    if found.notna().any() and table.loc[found.notna(), "N"].nunique() > len(sizes) / 2:
        rest = table.index[found.isna() & table["N"].map(sizes >= ALONG)]
        found[rest] = pd.factorize(table.loc[rest, "N"])[0] + found.max() + 1
    return found


def _even(D: Array, least: int) -> bool:
    """Whether these are `least` or more values in even steps. A checkpoint may be missing: twice the step, or thrice."""
    steps = np.diff(np.unique(D))
    if len(steps) < least - 1:
        return False
    whole = steps / np.median(steps)
    return bool(np.all((np.abs(whole - np.round(whole)) < EVEN) & (whole > 0.5) & (whole < 5)))


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
    cell = cells_of(table)
    cells = table.groupby(cell)
    if cells.ngroups == len(table):
        return None
    varying = []
    for name in others:
        column = table[name]
        recurs = column.nunique() <= len(table) / 2  # a setting that recurs over cells, not an outcome
        if recurs and (cells[name].nunique(dropna=False) > 1).any():
            varying.append(str(name))
    ln_loss = np.log(table["loss"])
    spread = float(ln_loss.groupby(cell).agg(np.ptp).max())
    within = float(np.sqrt(((ln_loss - ln_loss.groupby(cell).transform("mean"))**2).sum() / max(len(table) - cells.ngroups, 1)))
    if not varying and within < SEEDS:
        return None
    repeated = int((cells.size() > 1).sum())
    why = f"that differ in {', '.join(varying)}," if varying else "that no column tells apart, and differ"
    what = f"{repeated} cells (N, D) hold several runs {why} by up to {100 * float(np.expm1(spread)):.2g} % of the loss"
    more = "" if varying else ", more than seeds do"
    return Doubt("sweep", f"{what}{more}: all are fitted as equals; --rows best fits the best of each cell", True)


def cells_of(table: pd.DataFrame) -> "pd.Series[Any]":
    """The (N, D) cell of each row: D within `SAME` of the next are one, as whole numbers of batches make them."""
    order = table.sort_values(["N", "D"], kind="stable")
    new = (order["N"] != order["N"].shift()) | (order["D"] > (1 + SAME) * order["D"].shift())
    return new.cumsum().reindex(table.index)


def _maybe_curves(table: pd.DataFrame, names: Sequence[str]) -> Doubt | None:
    if "run" in names and (RUN_ID in names or table["run"].nunique() == len(table)):
        return None
    D = table.groupby(cells_of(table))["D"].transform("first")
    per_size = D.groupby(table["N"]).nunique()
    middle = float(per_size.median())
    if middle < STEPS:
        return None
    which = "the column read as run does not tell them apart" if "run" in names else "a column `run` says which"
    rise, se = unfinished(table)
    if rise > SIGNIFICANT * se and rise > LEAST:
        return Doubt("checkpoints", f"a size has {middle:.0f} values of D at the median, and along them the loss falls "
                     f"{100 * rise:.2g} % more than a law in N and D does, as for checkpoints of a run whose rate decays: fit "
                     f"their ends alone ({which})", True)
    steps = D.groupby(table["N"]).agg(lambda values: _even(values.to_numpy(), STEPS))
    if middle < MANY and steps.mean() <= 0.5:
        return None
    return Doubt("checkpoints", f"a size has {middle:.0f} values of D at the median: if they are checkpoints of a run, "
                 f"fit their ends alone ({which})")


def _enough(table: pd.DataFrame) -> bool:
    cells = table.drop_duplicates(["N", "D"])
    return len(cells) >= CELLS and cells["N"].nunique() > 1 and cells["D"].nunique() > 1
