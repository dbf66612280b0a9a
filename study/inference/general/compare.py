"""Laws against each other and against what they did not see: PSIS-LOO and the forecast test."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.inference.parameters import Array
from study.inference.scores import Scores, score
from study.laws.law import Law, LawError

TOP = 0.2  # of the runs are forecast


@dataclass(frozen=True)
class Loo:
    """Expected log predictive density of ln y, left one out (Vehtari et al. 2017, arXiv 1507.04544)."""

    pointwise: Array  # (R,)
    khat: float  # the largest

    @property
    def elpd(self) -> float:
        """Sum over the rows."""
        return float(self.pointwise.sum())


def loo(posterior: LawPosterior) -> Loo:
    """PSIS-LOO of a fit without groups.

    Raises:
        LawError: the fit has groups.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz as az
    density = posterior.problem.pointwise(posterior.x)
    weights, khat = az.psislw(-density.T)
    return Loo(np.asarray(special.logsumexp(np.asarray(weights) + density.T, axis=1)), float(np.max(khat)))


def difference(first: Loo, second: Loo) -> tuple[float, float]:
    """elpd of the first less that of the second, and its standard error, paired by row."""
    gap = first.pointwise - second.pointwise
    return float(gap.sum()), float(np.sqrt(len(gap)) * np.std(gap, ddof=1))


@dataclass(frozen=True)
class Forecast:
    """Rows beyond a limit, predicted from the rest."""

    fitted: int
    limit: float  # the largest fitted value of the column
    predicted: int
    scores: Scores


def forecast(law: Law, table: pd.DataFrame, by: str, *, seed: int, limit: float | None = None) -> Forecast:
    """Fit the rows of the smaller values of column `by`, predict the others. The limit is given, or leaves `TOP` of them out.

    Raises:
        LawError: nothing is left to fit or to predict.
    """
    at = float(limit) if limit is not None else float(np.quantile(table[by], 1 - TOP))
    below, above = table[table[by] <= at], table[table[by] > at]
    if below.empty or above.empty:
        raise LawError(f"no rows on both sides of {by} = {at:g}: nothing to forecast")
    predicted = fit_law(law, below, seed=seed).predict(above, seed=seed)
    return Forecast(len(below), at, len(above), score(predicted, above[law.response]))
