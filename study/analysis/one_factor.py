"""Loss against one factor: compute at the optimum, size where data do not bind, data where size does not.

Kaplan et al. 2020 (arXiv 2001.08361), figure 1. Each is fitted by L = E + A x^-alpha and by the pure power law, both Bayesian and
compared by PSIS-LOO.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.tables import groups
from study.inference.general.compare import difference, loo
from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.inference.parameters import Array
from study.laws.law import BYTES_PER_TOKEN, LawError
from study.laws.power import power, pure_power

SEED = 0
FEWEST = 4  # points that a power law is fitted to


@dataclass(frozen=True)
class OneFactor:
    """Loss against one column, fitted twice."""

    factor: str
    points: pd.DataFrame
    floor: LawPosterior  # with E
    pure: LawPosterior
    gap: tuple[float, float]  # elpd with E less that of the pure law, and its standard error

    @property
    def response(self) -> str:
        """The column that was fitted."""
        return self.floor.problem.law.response

    def slope(self, x: float) -> Array:
        """Local exponent -d ln L / d ln x of the law with E, per draw: alpha times the reducible share of the loss."""
        theta = self.floor.theta
        mean = self.floor.mean({self.factor: x})[:, 0]
        return np.asarray(theta["alpha"] * (1 - theta["E"] / mean))

    def doubling(self, x: float) -> Array:
        """Share by which L falls from x to 2x under the law with E, per draw."""
        return np.asarray(1 - self.floor.mean({self.factor: 2 * x})[:, 0] / self.floor.mean({self.factor: x})[:, 0])


def one_factor(points: pd.DataFrame, factor: str, *, bytes_per_token: float = BYTES_PER_TOKEN) -> OneFactor:
    """Fit both laws to the points.

    Raises:
        LawError: fewer than four distinct values of the factor.
    """
    rows = points.sort_values(factor).reset_index(drop=True)
    if rows[factor].nunique() < FEWEST:
        raise LawError(f"a power law of {factor} needs {FEWEST} distinct values, not {rows[factor].nunique()}")
    laws = power(factor, bytes_per_token=bytes_per_token), pure_power(factor, bytes_per_token=bytes_per_token)
    fits = [fit_law(law, rows, seed=SEED) for law in laws]
    return OneFactor(factor, rows, fits[0], fits[1], difference(loo(fits[0]), loo(fits[1])))


def frontier(frame: pd.DataFrame) -> pd.DataFrame:
    """The run of lowest loss at each budget: L against C at the optimum. Repeats of a cell are averaged first (mean ln L)."""
    return _averaged(frame).sort_values("loss").groupby("budget", as_index=False).first().sort_values("C")


def at_fixed(frame: pd.DataFrame, factor: str, fixed: str, value: float) -> pd.DataFrame:
    """Loss by `factor` at one value of the other column, interpolated in ln-ln between two runs of each value of the factor.

    Never extrapolated: a value of the factor whose runs do not span `value` is left out.
    """
    rows = []
    for at, group in groups(_averaged(frame), factor):
        ordered = group.sort_values(fixed)
        x = np.log(ordered[fixed].to_numpy(dtype=float))
        if len(x) > 1 and x[0] <= np.log(value) <= x[-1]:
            y = np.log(ordered["loss"].to_numpy(dtype=float))
            rows.append({factor: at, fixed: value, "loss": float(np.exp(np.interp(np.log(value), x, y)))})
    return pd.DataFrame(rows, columns=[factor, fixed, "loss"])


def ols_slope(points: pd.DataFrame, factor: str) -> float:
    """Least-squares slope of ln L on ln x: the sources' own estimate, for comparison."""
    return float(np.polyfit(np.log(points[factor].to_numpy(dtype=float)), np.log(points["loss"].to_numpy(dtype=float)), 1)[0])


def _averaged(frame: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("N", "D", "budget", "unique", "width", "layers", "C", "N_non_embedding", "N_total", "batch_tokens",
                             "steps")
            if name in frame.columns]
    logs = frame.assign(loss=np.log(frame["loss"].to_numpy(dtype=float)))
    means = logs.groupby(keys, as_index=False, dropna=False)["loss"].mean()
    return means.assign(loss=np.exp(means["loss"]))
