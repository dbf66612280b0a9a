"""The forecast test: fit without the runs of the largest compute, and predict them.

What an answer beyond the runs rests on is that the law goes on. Here that is tried where the truth is known: the top budget,
or the top fifth of the runs by compute, is left out and predicted by the posterior of the rest.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.fast.fit import fit_fast
from study.inference.observations import PriorDominatedWarning, observations, reference
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.predictive import predict_losses
from study.inference.scores import Scores, score
from study.inference.spec import ModelSpec

TOP = 0.8  # quantile of ln C above which runs are held out where there are no budgets
GAP = 0.1  # in ln C: budgets lie further apart
LEAST_REST, LEAST_HELD = 5, 2  # runs
SURPRISE = 0.005  # tail probability below which a test fails
DRAWS, ATTEMPTS = 4000, 3


class NoForecastError(StudyError):
    """Too few runs to leave some out."""


class UnfittedRestError(NoForecastError):
    """The rest cannot be fitted."""


@dataclass(frozen=True)
class Forecast:
    """How the held-out runs came out."""

    fitted: int
    above: float  # FLOP: the largest compute that was fitted
    reach: float  # largest held-out compute over `above`
    predicted: int
    scores: Scores
    posterior: Posterior  # of the fitted

    @property
    def passed(self) -> bool:
        """Neither tail probability is below `SURPRISE`."""
        return min(self.scores.p_error, self.scores.p_inside) >= SURPRISE


def top_rows(C: Array) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which rows have the largest compute: the top budget or budgets, or the top fifth where budgets hold too few or too many."""
    order = np.sort(np.log(C))
    starts = np.concatenate([[0], 1 + np.flatnonzero(np.diff(order) > GAP)])  # of each budget, in order
    held = len(order) - starts[::-1]
    fair = held[(held >= max(LEAST_HELD, len(order) / 8)) & (held <= len(order) / 3)]
    if len(fair) and 3 <= len(starts) <= len(order) / 2:
        return np.asarray(np.log(C) >= order[len(order) - fair[0]] - 1e-9)
    return np.asarray(np.log(C) > np.quantile(np.log(C), TOP) - 1e-9)


def forecast_test(table: pd.DataFrame, spec: ModelSpec, *, seed: int, N0: float | None = None, D0: float | None = None,
                  bytes_per_token: float | None = None) -> Forecast:
    """Leave out the runs of the largest compute, fit the rest by the fast fit under the same (N0, D0), predict.

    Raises:
        NoForecastError: fewer than five runs of three cells would be left, or fewer than two are held out.
        UnfittedRestError: the rest does not converge.
    """
    rows = observations(table, spec)
    top = top_rows(rows.C)
    rest, held = table[~top].reset_index(drop=True), table[top].reset_index(drop=True)
    if len(rest) < LEAST_REST or len(held) < LEAST_HELD:
        raise NoForecastError(f"{len(table)} runs are too few to leave some out ({len(rest)} to fit, {len(held)} to predict)")
    N0, D0 = reference(rows, N0, D0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PriorDominatedWarning)  # the fit of all rows says it
            posterior = fit_fast(rest, spec, seed=seed, draws=DRAWS, N0=N0, D0=D0, bytes_per_token=bytes_per_token, fallback=False,
                                 attempts=ATTEMPTS)
    except StudyError as error:
        raise UnfittedRestError(f"the rest cannot be fitted: {error}") from None
    if not posterior.diagnostics.converged:
        raise UnfittedRestError(f"the rest cannot be fitted: its importance draws are not reliable (k-hat {posterior.khat:.2f})")
    above = float(posterior.rows.C.max())
    return Forecast(len(rest), above, float(rows.C[top].max()) / above, len(held),
                    score(predict_losses(posterior, held, seed=seed), held["loss"]), posterior)
