"""What shifts the loss at the same N and D: unfinished runs, settings that the law knows nothing of.

ln L = ln(E + A/N^alpha + B/D^beta) + X c by robust least squares, X any regressors beside the law.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from study.fit.doubts import Doubt
from study.inference.parameters import Array

SETTINGS = ("vocabulary", "bytes_per_token")  # columns of ours that shift a loss by the token
VALUES = 10  # of a setting, at the most: a column of more is no setting
SIZE_LIKE = 0.8  # rank correlation with N or D above which a number is a size, and no setting
RECURS = 2  # rows that each of its values needs
SIGNIFICANT, LEAST = 5.0, 0.01  # standard errors, and ln L, of a shift that is told
BLOCK, SURE = 0.03, 0.05  # ln L: told, and relied on, where small models have one setting and large ones another: misfit may be it
MOST = 20_000  # rows that are looked at


@dataclass(frozen=True)
class Shifted:
    """c of each regressor, (K,), its standard error, and the residuals of ln L, (R,)."""

    c: Array
    se: Array
    residual: Array


def fit_shifts(table: pd.DataFrame, X: Array) -> Shifted:
    """The law and the shifts c of regressors X (R, K)."""
    n, d, y = (np.log(table[name].to_numpy(dtype=float)) for name in ("N", "D", "loss"))
    n, d, y = n - n.mean(), d - d.mean(), y - y.min()  # in units of the lowest loss

    def residual(x: Array) -> Array:
        terms = np.exp(x[1] - np.exp(x[3]) * n) + np.exp(x[2] - np.exp(x[4]) * d)
        return np.asarray(np.log(np.exp(x[0]) + terms) + X @ x[5:] - y)

    count = X.shape[1]
    start = np.array([-0.3, -1.5, -1.5, -1.0, -1.0, *[0.0] * count])
    low, high = [-20.0] * 3 + [-4.0] * 2 + [-1.0] * count, [5.0] * 3 + [1.5] * 2 + [1.0] * count
    found = optimize.least_squares(residual, start, bounds=(low, high), loss="soft_l1", f_scale=0.01)
    free = max(len(y) - len(start), 1)
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * 2 * found.cost / free
    return Shifted(found.x[5:], np.sqrt(np.diag(covariance)[5:]), -residual(found.x))


def unfinished(table: pd.DataFrame, size: "pd.Series[Any]") -> tuple[float, float]:
    """c of 1 - D / D_last(size), what runs lack that stopped before their size's last, and its standard error."""
    left = 1 - (table["D"] / table.groupby(size)["D"].transform("max")).to_numpy()
    found = fit_shifts(table, left[:, None])
    return float(found.c[0]), float(found.se[0])


def shifted(table: pd.DataFrame, names: Sequence[str]) -> Doubt | None:
    """The setting among the columns `names` that shifts the loss most; none where no shift is told."""
    if not 10 <= len(table) <= MOST:
        return None
    found = [told for name in names if (told := _shift(table, name)) is not None]
    return max(found, key=lambda told: told[0])[1] if found else None


def _shift(table: pd.DataFrame, name: str) -> tuple[float, Doubt] | None:
    values: Any = table[name]
    if name not in SETTINGS and _is_a_size(pd.to_numeric(values, errors="coerce"), table):
        return None
    column = values.map("{:g}".format) if pd.api.types.is_numeric_dtype(values) else values.astype(str)
    counts = column.value_counts()
    if not 2 <= len(counts) <= VALUES or counts.min() < RECURS or table[name].isna().any():
        return None
    of_size = column.groupby(table["N"]).agg(["nunique", "first"])
    within = bool((of_size["nunique"] > 1).any())
    changes = int((of_size["first"] != of_size["first"].shift()).sum()) - 1  # along the sizes, smallest first
    if not within and len(of_size) < len(counts) + 2:
        return None  # as many settings as sizes: the law's own term in N
    base, others = counts.index[0], counts.index[1:]
    found = fit_shifts(table, np.column_stack([(column == value).to_numpy(dtype=float) for value in others]))
    c, se = found.c, found.se
    k = int(np.argmax(np.abs(c)))
    block = not within and changes < len(counts)
    if abs(c[k]) < max(SIGNIFICANT * se[k], BLOCK if block else LEAST):
        return None
    percent = 100 * float(np.expm1(abs(c[k])))
    side = "above" if c[k] > 0 else "below"
    text = f"the losses of {name} = {others[k]} are {percent:.2g} % {side} those of {base} at the same N and D: fit one at a time"
    return float(abs(c[k])), Doubt("setting", text, not block or abs(c[k]) > SURE)


def _is_a_size(values: Any, table: pd.DataFrame) -> bool:
    """Whether numbers rise or fall with N or with D."""
    if values.isna().any() or values.nunique() < 2:
        return False
    return any(abs(values.corr(table[axis], method="spearman")) > SIZE_LIKE for axis in ("N", "D"))
