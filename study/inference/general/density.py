"""The log posterior of any law in unconstrained coordinates, many points at once.

    ln y_i = ln mean(theta, x_i) + noise
    noise: Student-t of scale s and nu degrees of freedom; with groups normal of scale s, and the rows of a group share
    u ~ Normal(0, tau), integrated out in closed form (points of one curve are not independent)

Coordinates x, shape (M, K): by symbol, ln s, and ln nu or ln tau. A symbol's coordinate is its logarithm, but in a law of terms
(`Law.terms`) E's is ln L0, L0 = E + sum t, and t's is ln(alpha t): d(ln E, ln t) / d(ln L0, ln alpha t) has determinant L0 / E.
Priors of s, nu and tau are the joint law's.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from study.inference.fast.kernels import HALF_LN_2PI
from study.inference.observations import geometric_mean
from study.inference.parameters import Array
from study.inference.priors import NOISE, NU, TAU
from study.laws.law import Law, LawError


@dataclass(frozen=True)
class Problem:
    """A law and the rows of a table it is fitted to."""

    law: Law
    columns: dict[str, Array]  # ln(x / x0) by column, (R,)
    y: Array  # ln(response / scale), (R,)
    reference: dict[str, float]  # x0 by column
    scale: float  # of the response
    group: NDArray[np.int64] | None  # (R,) index into `groups`
    groups: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the coordinates."""
        return (*self.law.symbols, "s", "nu" if self.group is None else "tau")

    def theta(self, x: Array) -> dict[str, Array]:
        """Symbols, each of shape (M,)."""
        return {name: np.exp(value) for name, value in log_symbols(self.law, x.T)[0].items()}

    def log_mean(self, x: Array, columns: dict[str, Array] | None = None) -> Array:
        """ln of the mean, (M, R); what is not a positive number is nan."""
        with np.errstate(all="ignore"):
            theta = {name: value[:, None] for name, value in self.theta(x).items()}
            return np.asarray(np.log(self.law.at(theta, columns if columns is not None else self.columns)))

    def log_prior(self, x: Array) -> Array:
        """(M,)."""
        with np.errstate(all="ignore"):
            logs, log_determinant = log_symbols(self.law, x.T)
        total, last = np.zeros(len(x)) + log_determinant, x[:, -1]
        for value, mu, sigma in ((x[:, -2], *NOISE), *((logs[name], p.mu, p.sigma) for name, p in self.law.priors.items())):
            total += -0.5 * ((value - mu) / sigma) ** 2 - math.log(sigma) - HALF_LN_2PI
        if self.group is None:
            shape, rate = NU
            return total + shape * (last + math.log(rate)) - rate * np.exp(last) - float(special.gammaln(shape))
        return total + last - 0.5 * (np.exp(last) / TAU) ** 2 + math.log(2.0 / TAU) - HALF_LN_2PI

    def pointwise(self, x: Array) -> Array:
        """Log density of each ln y, (M, R).

        Raises:
            LawError: rows share errors, so there is no density of one row alone.
        """
        if self.group is not None:
            raise LawError("rows that share a group's error have no pointwise likelihood: fit without a group")
        s, nu = np.exp(x[:, -2, None]), np.exp(np.clip(x[:, -1, None], -20.0, 20.0))
        z = (self.y - self.log_mean(x)) / s
        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - np.log(s)
        return np.asarray(constant - 0.5 * (nu + 1) * np.log1p(z * z / nu))

    def log_likelihood(self, x: Array) -> Array:
        """(M,), group effects integrated out."""
        if self.group is None:
            return np.asarray(self.pointwise(x).sum(axis=1))
        s2, t2 = np.exp(2 * x[:, -2, None]), np.exp(2 * x[:, -1, None])
        return np.asarray(log_marginal(self.y - self.log_mean(x), s2, t2, self.member))

    def log_posterior(self, x: Array) -> Array:
        """(M,); -inf where the law gives no positive number."""
        with np.errstate(all="ignore"):
            value = self.log_likelihood(x) + self.log_prior(x)
        return np.where(np.isfinite(value), value, -np.inf)

    def effects(self, x: Array, rng: np.random.Generator) -> Array:
        """One draw of the group effects for each x, (M, G), from their conditional normal."""
        if self.group is None:
            return np.zeros((len(x), 0))
        size, total = self.member.sum(axis=0), (self.y - self.log_mean(x)) @ self.member
        s2, t2 = np.exp(2 * x[:, -2, None]), np.exp(2 * x[:, -1, None])
        precision = size / s2 + 1 / t2
        return np.asarray(total / s2 / precision + rng.standard_normal(total.shape) / np.sqrt(precision))

    @property
    def member(self) -> Array:
        """(R, G) 1 where a row belongs to a group."""
        return np.equal.outer(np.asarray(self.group), np.arange(len(self.groups))).astype(float)


def log_marginal(residual: Any, s2: Any, t2: Any, member: Array, xp: Any = np) -> Any:
    """ln N(residual; 0, s2 I + t2 member member'), residual (..., R), s2 and t2 of a shape that broadcasts with (..., 1)."""
    size, total = member.sum(axis=0), xp.dot(residual, member)
    quadratic = ((residual**2).sum(axis=-1, keepdims=True) - (t2 / (s2 + size * t2) * total**2).sum(axis=-1, keepdims=True)) / s2
    log_det = len(member) * xp.log(s2) + xp.log1p(size * t2 / s2).sum(axis=-1, keepdims=True)
    return (-0.5 * (quadratic + log_det) - len(member) * HALF_LN_2PI).sum(axis=-1)


def log_symbols(law: Law, x: Any, xp: Any = np) -> tuple[dict[str, Any], Any]:
    """ln theta by symbol and the log determinant, from coordinates x[0], x[1] ...; nan where E would be negative."""
    logs: dict[str, Any] = {name: x[k] for k, name in enumerate(law.symbols)}
    if not law.terms:
        return logs, 0.0
    ln_L0 = logs["E"]
    for t, alpha in law.terms:
        logs[t] = logs[t] - logs[alpha]
    logs["E"] = xp.log(xp.exp(ln_L0) - sum(xp.exp(logs[t]) for t, _ in law.terms))
    return logs, ln_L0 - logs["E"]


def coordinates(law: Law, logs: Array) -> Array:
    """The inverse: coordinates (M, P) from ln theta (M, P) in the order of the symbols."""
    x = logs.copy()
    for t, alpha in law.terms:
        x[:, law.symbols.index(t)] += logs[:, law.symbols.index(alpha)]
    if law.terms:
        E = law.symbols.index("E")
        x[:, E] = np.log(np.exp(logs[:, E]) + sum(np.exp(logs[:, law.symbols.index(t)]) for t, _ in law.terms))
    return x


def problem(law: Law, table: pd.DataFrame, *, reference: dict[str, float] | None = None, scale: float | None = None,
            group: str | None = None) -> Problem:
    """A law and a table. The reference defaults to the table's geometric means; `group` names a column.

    Raises:
        LawError: a column is missing, too few rows, or a value that is not a positive number.
    """
    needed = (*law.columns, law.response, *((group,) if group else ()))
    if missing := [name for name in needed if name not in table.columns]:
        raise LawError(f"the law {law.name} reads the column {missing[0]}: the table has {', '.join(map(str, table.columns))}")
    values = {name: table[name].to_numpy(dtype=float) for name in (*law.columns, law.response)}
    for name, column in values.items():
        if bad := np.flatnonzero(~((column > 0) & np.isfinite(column))).tolist():
            raise LawError(f"column {name}, row {bad[0] + 1}: {column[bad[0]]:g} is not a positive number")
    distinct = len(np.unique(np.column_stack([values[name] for name in law.columns]), axis=0))
    if distinct < 3:
        raise LawError(f"the law {law.name} needs at least 3 distinct points, not {distinct}")
    at = {name: (reference or {}).get(name, geometric_mean(values[name])) for name in law.columns}
    unit = scale if scale is not None else geometric_mean(values[law.response]) if law.relative else 1.0
    names, index = (np.unique(table[group].astype(str), return_inverse=True) if group else ((), None))
    return Problem(law, {name: np.log(values[name] / at[name]) for name in law.columns}, np.log(values[law.response] / unit),
                   at, unit, None if index is None else np.asarray(index, dtype=np.int64).reshape(-1), tuple(map(str, names)))
