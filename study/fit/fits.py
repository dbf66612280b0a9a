"""All that is said about one table of runs: three fits of the law, and the answers of the Bayesian one."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.fit.draws import HUGE, draw_posterior
from study.inference.answers import Allocation, expected_loss_allocation, new_experiment, penalty
from study.inference.classical.bootstrap import Bootstrap, row_bootstrap
from study.inference.classical.curve_fit import CurveFit, fit_curve_fit
from study.inference.classical.huber import published_starts
from study.inference.classical.points import InferenceError
from study.inference.observations import PriorDominatedWarning
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.spec import ModelSpec

CLASSICAL_ROWS = 1000  # random rows that the Huber fit and curve_fit see, at the most
RESAMPLES, BOOTSTRAPPED = 1000, 300_000  # of the Huber fit at the most, and rows of all resamples together
HUBER_ROWS = 300  # a table of so many rows, or fewer, is descended from every published start
FACTORS = (0.25, 0.5, 2.0, 4.0)  # of N_opt: how much a misjudged size costs


@dataclass(frozen=True)
class Optimum:
    """The optimum at one N or one C: posterior draws, and a new experiment's measurement of it, arrays (S,)."""

    N: Array
    D: Array
    C: Array
    loss: Array  # of the law at the optimum, without noise
    predictive_N: Array
    predictive_D: Array
    at_edge: float  # fraction of new experiments without a minimum inside their sizes


@dataclass(frozen=True)
class Answers:
    """What is asked of the law."""

    at_N: Optimum  # how many tokens for this model
    at_C: Optimum  # which model for this compute
    penalties: dict[float, Array]  # loss above the optimum at C of a model of factor x N_opt(C), nats a token
    allocation: Allocation  # at C, the least expected loss


@dataclass(frozen=True)
class Fits:
    """Three fits of one table."""

    posterior: Posterior
    method: str  # as `draws` names it
    huber: Bootstrap | str  # or why there is none
    curve_fit: CurveFit | str
    warnings: tuple[str, ...]
    rough: str = ""  # why the draws are rough, where nothing converged


def fit_all(table: pd.DataFrame, spec: ModelSpec, *, seed: int, N0: float | None = None, D0: float | None = None,
            bytes_per_token: float | None = None, asked: float = 1e9) -> Fits:
    """The posterior, the Huber fit with its row bootstrap, and curve_fit, of one table."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drawn = draw_posterior(table, spec, seed=seed, N0=N0, D0=D0, bytes_per_token=bytes_per_token, asked=asked)
    warned = tuple(dict.fromkeys(str(item.message) for item in caught if item.category is PriorDominatedWarning))
    some = table if len(table) <= CLASSICAL_ROWS else table.sample(CLASSICAL_ROWS, random_state=seed)
    rows = (some["N"], some["D"], some["loss"])
    huber: Bootstrap | str
    curve: CurveFit | str
    try:
        with np.errstate(all="ignore"):
            # many rows have one optimum: fewer of the published starts find it
            starts = published_starts()[::max(1, len(some) // HUBER_ROWS)]
            huber = row_bootstrap(*rows, seed=seed, starts=starts, resamples=min(RESAMPLES, BOOTSTRAPPED // len(some)))
    except (InferenceError, np.linalg.LinAlgError) as error:
        huber = str(error)
    try:
        curve = fit_curve_fit(*rows)
    except InferenceError as error:
        curve = str(error)
    gate = (drawn.gate,) if drawn.gate and not drawn.rough else ()
    return Fits(drawn.posterior, drawn.method, huber, curve, (*gate, *warned), drawn.gate if drawn.rough else "")


def answer(posterior: Posterior, N: float, C: float, *, seed: int) -> Answers:
    """The answers at N parameters and at C FLOP (6 N D)."""
    law = posterior.draws
    with np.errstate(over="ignore"):
        D = np.minimum(law.D_opt_at(N), HUGE)
    size = np.full(len(D), N)
    measured = new_experiment(posterior, 6.0 * N * D, seed=seed)
    at_N = Optimum(size, D, 6.0 * N * D, law.loss(size, D), measured.N, measured.D, float(measured.at_edge.mean()))
    at = new_experiment(posterior, C, seed=seed + 1)
    best = law.N_opt(C)
    at_C = Optimum(best, law.D_opt(C), np.full(len(D), C), law.loss(best, law.D_opt(C)), at.N, at.D, float(at.at_edge.mean()))
    return Answers(at_N, at_C, {factor: penalty(law, C, factor) for factor in FACTORS}, expected_loss_allocation(law, C))
