"""Checkpoints of one run among the rows of a table: told by a run's name, by even steps of D, by what unfinished runs lack."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.fit.cells import cells_of, sizes_of
from study.fit.doubts import Doubt
from study.fit.shifts import fit_shifts, unfinished
from study.inference.parameters import Array

ALONG = 8  # points of one size in even steps of D that look like one curve
MANY = 10  # values of D at one size that may be one
STEPS = 4  # the same, in even steps, where most sizes have so many
FEWEST = 3  # the same, where the loss along them falls as that of checkpoints does
EVEN = 0.05  # of a step: how far it may be from a whole number of the median step
SIGNIFICANT, LEAST = 4.0, 0.005  # standard errors, and ln L, of what unfinished runs lack
SURE = 6.0  # standard errors, where sizes have fewer than `STEPS` values: the law's misfit may look like it
ALIKE = 2.0  # the same, where all sizes stop at the same shares of their last D, in even steps
FINISHED, TOLD = 2.0, 3  # the same, below which rows in even steps lack nothing; and the fewest sizes that tell
ROUNDED = 0.01  # of the last D: shares within it are the same
SIZE_NAME = r"(?i)\d+(?:\.\d+)?\s*[kmbt]"  # 70M, which names a size, and not a run
SIZE_WORD = (r"(?i)\d(?:\.\d+)?[kmbt](?![a-z])|^[a-z]?[_-]?\d+$|"
             r"(?:^|[^a-z])(?:nano|micro|mini|tiny|small|base|medium|large|xs|s|m|l|xl|xxl)(?:$|[^a-z])")  # of a size, perhaps
IN_STEP = 1.5  # by which N may vary over numbers that are sizes: 70, 160, 410 of millions
CHECKPOINT = r"(?i)[-_/@:. ]*(?:step|iter|iteration|ckpt|checkpoint)s?[-_= ]?\d+(?:\.\d+)?[kmb]?$"  # at the end of a run's name
RUN_ID = "run id"  # among the names where the column `run` says by its own name that it names runs
GIVEN = "run given"  # where the user says it
HALVES, THIRDS = 6, 4  # runs of two points each, and of three or more, at even shares of their ends, that are no chance
HELD = 2_000  # rows of which such runs are looked for

Found = tuple["pd.Index[Any]", str, str, str]  # rows to set apart, why, what is done, what was seen
NONE: Found = (pd.Index([]), "", "", "")


def curves(table: pd.DataFrame, names: Sequence[str]) -> Found:
    """All rows but the last of each curve, where a name or many even steps of D tell the curves."""
    size = sizes_of(table)
    if "run" in names and _names_runs(run := _runs(table), size, table, names):
        if not _surely(run, table, names) and size.nunique() >= TOLD and not _lack(table, size):
            return NONE  # names of sizes, perhaps: `maybe_curves` says so
        grouped: Any = table.groupby([run, size], dropna=True)
        what = "checkpoints of one run (the same run and N, other D)"
    else:
        along = _along(table, size)
        grouped = table[along.notna()].assign(curve=along).groupby("curve")
        what = f"checkpoints along one curve (one N, {ALONG} or more D in even steps)"
        if not grouped.ngroups:
            return NONE
        if not _lack(table, size) and size.nunique() >= TOLD:
            return NONE  # runs of their own, at even ratios: `maybe_curves` says that they may be none
    several = grouped["D"].transform("nunique") > 1
    if not several.any():
        return NONE
    ends = grouped["D"].transform("max")
    rows = several.index[several & (table.loc[several.index, "D"] < ends)]
    runs = int(grouped.ngroups)
    return (rows, "checkpoints", "the last of each is fitted, since a decaying rate leaves earlier ones worse than shorter runs "
            "(--rows all, if each row ended with a decay of its own)",
            f"{len(rows)} of {len(table)} rows are {what}; {runs} curve{'s' * (runs != 1)}")


def _surely(run: "pd.Series[Any]", table: pd.DataFrame, names: Sequence[str]) -> bool:
    """Whether names are those of runs beyond doubt: the user says so, a checkpoint ended them, or they hold nothing of a size."""
    of_size = run.astype(str).str.contains(SIZE_WORD)
    return GIVEN in names or _ended(run, table) or (RUN_ID in names and not of_size.all())


def _ended(run: "pd.Series[Any]", table: pd.DataFrame) -> bool:
    """Whether a checkpoint ended a name, which `_runs` took off."""
    return bool((run.astype(str) != table["run"].astype(str)).any())


def _lack(table: pd.DataFrame, size: "pd.Series[Any]") -> bool:
    """Whether rows before the last of their size lack something that finished runs do not."""
    rise, se = unfinished(table, size)
    return rise >= FINISHED * se


def maybe_curves(table: pd.DataFrame, names: Sequence[str]) -> Doubt | None:
    """A doubt where the rows of most sizes may be checkpoints, which no column tells.

    It is severe where unfinished rows lack more than a law in N and D says (`shifts.unfinished`), by a stricter or, where all
    sizes stop at the same shares of their last D, a laxer measure. Rows that are named one by one are doubted for that alone.
    """
    size = sizes_of(table)
    D = table.groupby(cells_of(table))["D"].transform("first")
    which = "the column read as run does not tell them apart" if "run" in names else "a column `run` says which"
    each = "run" in names and table["run"].nunique() == len(table)
    if not each and (runs := _of_even_shares(table, size)):
        return Doubt("checkpoints", f"the tokens of each size are those of several runs ({runs} in all) at the same even shares of "
                     f"where they end, as checkpoints are: fit their ends alone ({which})", True)
    middle = float(D.groupby(size).nunique().median())
    if middle < FEWEST:
        return None
    even = D.groupby(size).agg(lambda values: even_steps(values.to_numpy(), STEPS))
    rise, se = unfinished(table, size)
    least = ALIKE if even.all() and _same_shares(D, size) else SIGNIFICANT if middle >= STEPS else SURE
    if rise > least * se and rise > LEAST:
        return Doubt("checkpoints", f"a size has {middle:.0f} values of D at the median, and along them the loss falls "
                     f"{100 * rise:.2g} % more than a law in N and D does, as for checkpoints of a run whose rate decays: fit "
                     f"their ends alone ({which})", True)
    if "run" in names and not each and table["run"].nunique() == size.nunique():
        return Doubt("checkpoints", f"the column read as run names each size once, with {middle:.0f} values of D at the median: if "
                     "they are checkpoints of one run a size, say so with --columns run=...")
    if each or RUN_ID in names or middle < STEPS or (middle < MANY and even.mean() <= 0.5):
        return None
    return Doubt("checkpoints", f"a size has {middle:.0f} values of D at the median: if they are checkpoints of a run, "
                 f"fit their ends alone ({which})")


def even_steps(D: Array, least: int) -> bool:
    """Whether these are `least` or more values in even steps. A checkpoint may be missing: twice the step, or thrice."""
    steps = np.diff(np.unique(D))
    if len(steps) < least - 1:
        return False
    whole = steps / np.median(steps)
    return bool(np.all((np.abs(whole - np.round(whole)) < EVEN) & (whole > 0.5) & (whole < 5)))


def _runs(table: pd.DataFrame) -> "pd.Series[Any]":
    """The column `run`, without the checkpoint that ends a name: 70m-step2000."""
    run = table["run"].astype("string")
    return run.str.replace(CHECKPOINT, "", regex=True).where(run.notna(), table["run"])


def _names_runs(run: "pd.Series[Any]", size: "pd.Series[Any]", table: pd.DataFrame, names: Sequence[str]) -> bool:
    """Whether the column names runs, each of one size.

    A name for each size may be the size's: then D must go in even steps, unless the column is called a run.
    """
    D = table["D"]
    sizes = size.groupby(run).nunique()
    if not len(sizes) or float((sizes == 1).mean()) < 0.9:
        return False
    if GIVEN in names or (RUN_ID in names and not _are_sizes(run, table["N"])):
        return True
    if _ended(run, table):
        return True
    runs_of_a_size = run.groupby(size).nunique()
    many = D[D.groupby(size).transform("size") >= ALONG]
    if not len(many):
        return bool(runs_of_a_size.max() > 1)
    even = many.groupby(size).agg(lambda values: even_steps(values.to_numpy(), ALONG))
    return bool(runs_of_a_size.max() > 1) or int(even.sum()) > len(runs_of_a_size) / 2


def _are_sizes(run: "pd.Series[Any]", N: "pd.Series[Any]") -> bool:
    """Whether names are those of sizes: 70M, or numbers that go with N."""
    values = pd.to_numeric(run, errors="coerce")
    if values.isna().any():
        return bool(run.astype(str).str.fullmatch(SIZE_NAME).all())
    counted = N / values.where(values > 0)
    return bool(counted.notna().all() and counted.max() < IN_STEP * counted.min())


def _along(table: pd.DataFrame, size: "pd.Series[Any]") -> "pd.Series[Any]":
    """The curve of each row, without a column that says it; nan for a row of none.

    Rows of one size in the order of the file, D rising, are a curve where there are many in even steps; else all rows of a
    size. Where most sizes have such a curve, so have the others.
    """
    new = (size != size.shift()) | (table["D"] <= table["D"].shift())
    segment = new.cumsum()
    found = pd.Series(np.nan, index=table.index)
    for at in (segment, size):
        free = found.isna() & (table.groupby(at)["D"].transform("size") >= ALONG)  # many short groups would take minutes
        even = table[free].groupby(at[free])["D"].transform(lambda D: even_steps(D.to_numpy(), ALONG)).astype(bool)
        rows = even.index[even]
        found[rows] = pd.factorize(at[rows])[0] + (0 if found.isna().all() else found.max() + 1)
    sizes = table.groupby(size)["D"].nunique()
    if found.notna().any() and size[found.notna()].nunique() > len(sizes) / 2:
        rest = table.index[found.isna() & size.map(sizes >= ALONG)]
        found[rest] = pd.factorize(size[rest])[0] + found.max() + 1
    return found


def _of_even_shares(table: pd.DataFrame, size: "pd.Series[Any]") -> int:
    """How many runs the rows are of, where each size's are several at the same even shares of their ends; 0 where they are not.

    Halves may be a design that doubles: then the earlier rows must lack what unfinished runs do.
    """
    if len(table) > HELD:
        return 0
    for count in range(MANY, 1, -1):
        shares = pd.Series(np.nan, index=table.index)
        ends: list[float] = []
        several = False
        for _, D in table["D"].groupby(size):
            found = _ends(D.to_numpy(), count)
            if found is None:
                break
            shares[D.index] = D.to_numpy() / found
            ends += [end for end in np.unique(found) for _ in range(int(np.sum(found == end)) // count)]
            several |= len(np.unique(found)) > 1
        if shares.isna().any() or not several or len(ends) < (HALVES if count == 2 else THIRDS):
            continue
        told = fit_shifts(table, np.asarray(1 - shares, dtype=np.float64)[:, None]) if count == 2 else None
        if told is None or told.c[0] > SIGNIFICANT * told.se[0]:
            return len(ends)
    return 0


def _ends(D: Array, count: int) -> Array | None:
    """The end of each row's run, where the rows are runs at `count` even shares of their ends; None where some are left over."""
    ends, free = np.full(len(D), np.nan), np.ones(len(D), dtype=bool)
    if len(D) % count:
        return None
    while free.any():
        end = float(D[free].max())
        for share in np.arange(count, 0, -1) / count:
            near = np.flatnonzero(free & (np.abs(D / end - share) < ROUNDED))
            if not len(near):
                return None
            at = near[np.argmin(np.abs(D[near] / end - share))]
            ends[at], free[at] = end, False
    return ends


def _same_shares(D: "pd.Series[Any]", size: "pd.Series[Any]") -> bool:
    """Whether all sizes have the same D as shares of their last."""
    shares = [np.unique(values.to_numpy()) / values.max() for _, values in D.groupby(size)]
    return len(shares) > 1 and all(len(one) == len(shares[0]) and np.allclose(one, shares[0], atol=ROUNDED) for one in shares)
