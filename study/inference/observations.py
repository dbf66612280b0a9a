"""A table of runs as the arrays a model reads, with the checks no fit can do without."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from study.counts import config_counts
from study.errors import StudyError
from study.grids.design import Grid
from study.inference.parameters import Array
from study.inference.spec import BYTES_PER_TOKEN, ModelSpec, SpecError

N_COLUMNS = {"multiplying": "N", "non_embedding": "N_non_embedding", "total": "N_total"}
LARGEST = 1e100  # of any count: the product of two and a power of it are still numbers
BUDGET_BINS = 9  # of equal width in log10 C, where a table names no budgets


class TooFewRunsError(StudyError):
    """Fewer runs, or fewer distinct (N, D) cells, than any law of two terms needs."""


class DegenerateDesignError(StudyError):
    """All runs share one N or one D: one of the two terms cannot be seen at all."""


class BadValueError(StudyError):
    """A value that is not a positive number below 1e100."""


class PriorDominatedWarning(UserWarning):
    """Some directions of the posterior are the prior's."""


@dataclass(frozen=True)
class Observations:
    """Rows of a table under one spec, arrays of shape (R,)."""

    N: Array
    D: Array
    C: Array  # FLOP, in the spec's convention
    loss: Array  # nats a token
    group: NDArray[np.int64]  # index into `groups`; all 0 without groups
    groups: tuple[str, ...]
    repeats: Array  # runs behind the row: 1 until `reduce_repeats`

    def __len__(self) -> int:
        return len(self.N)

    @property
    def cells(self) -> NDArray[np.int64]:
        """Index of each row's distinct (N, D) cell: rows of one cell are repeats."""
        _, index = np.unique(np.column_stack([self.N, self.D]), axis=0, return_inverse=True)
        return np.asarray(index).reshape(-1)


def observations(table: pd.DataFrame, spec: ModelSpec) -> Observations:
    """The rows of `table` (columns of `study.table`, or at least N, D, loss) under a spec's conventions.

    Raises:
        SpecError: the table lacks a column the spec needs.
        BadValueError: a value is not a positive number below `LARGEST`.
    """
    N = _numbers(table, N_COLUMNS[spec.n_convention])
    D, loss = _numbers(table, "D"), _numbers(table, "loss")
    C = _numbers(table, "C_exact") if spec.c_convention == "exact" else 6.0 * N * D
    labels = group_labels(table, spec, C)
    groups, group = np.unique(labels, return_inverse=True)
    return Observations(N, D, C, loss, np.asarray(group, dtype=np.int64).reshape(-1), tuple(str(name) for name in groups),
                        np.ones_like(N))


def group_labels(table: pd.DataFrame, spec: ModelSpec, C: Array) -> NDArray[np.str_]:
    """The label of each row's group. A budget effect without a budget column uses nine equal bins of log10 C.

    Raises:
        SpecError: a width or a run effect without its column.
    """
    if spec.group is None:
        return np.full(len(table), "all")
    if spec.group == "run" and "run" in table.columns:
        return np.asarray(table["run"].astype(str), dtype=np.str_)
    if spec.group in table.columns:
        return np.asarray([f"{value:g}" for value in _numbers(table, spec.group)])
    if spec.group in ("width", "run"):
        raise SpecError(f"a {spec.group} effect needs a {spec.group} column: add one, or fit with group=None")
    edges, bins = budget_bins(C)
    # named by their ends: the bins of another table are other groups
    return np.asarray([f"bin {index + 1}, {edges[index]:.4g} to {edges[index + 1]:.4g} FLOP" for index in bins])


def budget_bins(C: Array) -> tuple[Array, NDArray[np.intp]]:
    """Nine bins of equal width in log10 C: their ten edges (FLOP), and the bin of each row, 0 to 8. All of one C are in bin 0."""
    edges = np.geomspace(C.min(), C.max(), BUDGET_BINS + 1)
    if np.ptp(np.log(C)) < 1e-6:
        return edges, np.zeros(len(C), dtype=np.intp)
    return edges, np.clip(np.digitize(C, edges) - 1, 0, BUDGET_BINS - 1)


def reduce_repeats(rows: Observations) -> tuple[Observations, float, float]:
    """One row a distinct cell, its loss the geometric mean of the repeats; and the spread inside cells of ln L.

    Returns:
        The reduced rows, the sum of squares inside cells, and its degrees of freedom (rows minus cells).

    Raises:
        SpecError: no cell was repeated, so the noise between seeds cannot be seen.
    """
    cells = rows.cells
    count = np.bincount(cells).astype(float)
    if len(count) == len(rows):
        raise SpecError("noise between seeds needs repeats of a cell: none was run twice")
    first = np.unique(cells, return_index=True)[1]
    mean = np.bincount(cells, np.log(rows.loss)) / count
    spread = float(((np.log(rows.loss) - mean[cells]) ** 2).sum())
    reduced = Observations(rows.N[first], rows.D[first], rows.C[first], np.exp(mean), rows.group[first], rows.groups, count)
    return reduced, spread, float(len(rows) - len(count))


def geometric_mean(values: ArrayLike) -> float:
    """exp(mean ln x): the reference of a column."""
    return float(np.exp(np.log(np.asarray(values, dtype=float)).mean()))


def reference(rows: Observations, N0: float | None = None, D0: float | None = None) -> tuple[float, float]:
    """(N0, D0) as given, else the geometric means of the rows."""
    return (geometric_mean(rows.N) if N0 is None else N0, geometric_mean(rows.D) if D0 is None else D0)


def grid_reference(grid: Grid, spec: ModelSpec) -> tuple[float, float]:
    """(N0, D0) of a design: geometric means over all its fit cells, so that every subset of runs shares one prior."""
    cells = [cell.config for cell in grid.of("fit")]
    return (geometric_mean([config_counts(config).by(spec.n_convention) for config in cells]),
            geometric_mean([config.tokens for config in cells]))


def bytes_per_token_of(table: pd.DataFrame) -> float:
    """Mean bytes a token of the table's runs; 4.3 where it does not say."""
    if "bytes_per_token" in table.columns and table["bytes_per_token"].notna().all() and len(table):
        return float(table["bytes_per_token"].mean())
    return BYTES_PER_TOKEN


def check_design(rows: Observations) -> None:
    """Refuse what no prior can mend; warn where some directions of the posterior are the prior's.

    Raises:
        TooFewRunsError: fewer than 3 rows, or fewer than 3 distinct (N, D) cells.
        DegenerateDesignError: one N, one D or one loss for all rows.
    Warns:
        PriorDominatedWarning: ln N and ln D are collinear.
    """
    cells = len(np.unique(rows.cells))
    if len(rows) < 3:
        raise TooFewRunsError(f"{len(rows)} run{'s' * (len(rows) != 1)} to fit: at least 3 are needed, "
                              "with different N and D")
    for name, values in (("N", rows.N), ("D", rows.D)):
        if np.ptp(np.log(values)) < 1e-9:
            raise DegenerateDesignError(f"every run has the same {name} = {values[0]:g}: add runs that vary {name}")
    if np.ptp(rows.loss) == 0:
        raise DegenerateDesignError(f"every run has the same loss, {rows.loss[0]:g}: a law cannot be fitted to it")
    if cells < 3:
        raise TooFewRunsError(f"{cells} distinct (N, D) cells: at least 3 are needed, repeats of a cell do not count")
    if line := collinear(rows):
        warnings.warn(f"ln N and ln D lie on one line ({line}): the runs say nothing across it, so alpha and beta, and E against "
                      "the two terms, are left to the prior", PriorDominatedWarning, stacklevel=3)


def collinear(rows: Observations) -> str:
    """The line of a design whose ln N and ln D are collinear, in words; "" when they vary independently."""
    n, d = np.log(rows.N), np.log(rows.D)
    if abs(float(np.corrcoef(n, d)[0, 1])) < 1 - 1e-4:
        return ""
    slope = float(np.polyfit(n, d, 1)[0])
    return "N D is constant, a single isoFLOP" if abs(slope + 1) < 0.02 else f"D is proportional to N^{slope:.2f}"


def _numbers(table: pd.DataFrame, column: str) -> Array:
    if column not in table.columns:
        raise SpecError(f"the table has no column {column}: it has {', '.join(map(str, table.columns))}")
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~((values > 0) & (values < LARGEST)))
    if len(bad):
        shown = str(table[column].iloc[bad[0]])
        raise BadValueError(f"column {column}, row {bad[0] + 1}: {shown} is not a positive number below {LARGEST:g}")
    return values
