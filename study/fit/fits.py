"""All that is said about one table of runs: three fits of the law, and the answers of the Bayesian one."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.inference.answers import (
    Allocation,
    Summary,
    expected_loss_allocation,
    new_experiment,
    new_experiment_at,
    penalty,
    summarise,
)
from study.inference.classical.bootstrap import Bootstrap, row_bootstrap
from study.inference.classical.curve_fit import CurveFit, fit_curve_fit
from study.inference.classical.points import InferenceError
from study.inference.fast.fit import fit_fast
from study.inference.fast.target import supported
from study.inference.observations import PriorDominatedWarning
from study.inference.parameters import Array
from study.inference.posterior import Posterior, UnconvergedError, fit_posterior, inference_data
from study.inference.spec import ModelSpec

FEW_CELLS = 8  # with so few the scale of the noise is hardly known: a funnel that NUTS explores badly, importance draws well
HUGE = 1e120  # answers beyond it are as good as infinite, and larger ones overflow
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
    method: str  # "NUTS" or "importance sampling"
    huber: Bootstrap | str  # or why there is none
    curve_fit: CurveFit | str
    warnings: tuple[str, ...]


def draw_posterior(table: pd.DataFrame, spec: ModelSpec, *, seed: int, N0: float | None = None, D0: float | None = None,
                   bytes_per_token: float | None = None) -> tuple[Posterior, str]:
    """The posterior and how it was drawn: importance draws of the exact posterior for few cells, else NUTS, else the other.

    Raises:
        UnconvergedError: neither converged. The others of `fit_posterior`.
    """
    where: dict[str, Any] = {"seed": seed, "N0": N0, "D0": D0, "bytes_per_token": bytes_per_token}
    few = table[["N", "D"]].drop_duplicates().shape[0] <= FEW_CELLS

    def importance() -> Posterior | None:
        found = fit_fast(table, spec, fallback=False, **where) if supported(spec) else None
        return replace(found, idata=inference_data(found)) if found is not None and found.diagnostics.converged else None

    if few and (drawn := importance()) is not None:
        return drawn, "importance sampling"
    try:
        return fit_posterior(table, spec, **where), "NUTS"
    except UnconvergedError:
        if not few and (drawn := importance()) is not None:
            return drawn, "importance sampling"
        raise


def fit_all(table: pd.DataFrame, spec: ModelSpec, *, seed: int, N0: float | None = None, D0: float | None = None,
            bytes_per_token: float | None = None, resamples: int = 1000) -> Fits:
    """The posterior, the Huber fit with its row bootstrap, and curve_fit, of one table."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        posterior, method = draw_posterior(table, spec, seed=seed, N0=N0, D0=D0, bytes_per_token=bytes_per_token)
    said = tuple(dict.fromkeys(str(item.message) for item in caught if item.category is PriorDominatedWarning))
    rows = (table["N"], table["D"], table["loss"])
    huber: Bootstrap | str
    curve: CurveFit | str
    try:
        with np.errstate(all="ignore"):
            huber = row_bootstrap(*rows, seed=seed, resamples=resamples)
    except InferenceError as error:
        huber = str(error)
    try:
        curve = fit_curve_fit(*rows)
    except InferenceError as error:
        curve = str(error)
    return Fits(posterior, method, huber, curve, said)


def answer(posterior: Posterior, N: float, C: float, *, seed: int) -> Answers:
    """The answers at N parameters and at C FLOP (6 N D)."""
    law = posterior.draws
    with np.errstate(over="ignore"):
        D = np.minimum(law.D_opt_at(N), HUGE)
    size = np.full(len(D), N)
    measured = new_experiment_at(posterior, N, seed=seed) if D.max() < HUGE else \
        new_experiment(posterior, 6.0 * N * D, seed=seed)
    at_N = Optimum(size, D, 6.0 * N * D, law.loss(size, D), measured.N, measured.D, float(measured.at_edge.mean()))
    at = new_experiment(posterior, C, seed=seed + 1)
    best = law.N_opt(C)
    at_C = Optimum(best, law.D_opt(C), np.full(len(D), C), law.loss(best, law.D_opt(C)), at.N, at.D, float(at.at_edge.mean()))
    return Answers(at_N, at_C, {factor: penalty(law, C, factor) for factor in FACTORS}, expected_loss_allocation(law, C))


def as_json(summary: Summary) -> dict[str, Any]:
    """A summary in the shape of fit.json: {"point": median, "ci95": [lo, hi], "ci80": ..., "ci50": ...}."""
    return {"point": summary.median, **{f"ci{100 * level:.0f}": list(summary.intervals[level]) for level in (0.95, 0.8, 0.5)}}


def optimum_json(optimum: Optimum, bytes_per_token: float, largest_C: float) -> dict[str, Any]:
    """An optimum, posterior and posterior predictive, in tokens and in bytes, with how far beyond the runs it is."""
    def both(posterior: Array, predictive: Array) -> dict[str, Any]:
        return {"posterior": as_json(summarise(posterior)), "predictive": as_json(summarise(predictive))}

    return {
        "N_opt": both(optimum.N, optimum.predictive_N),
        "D_opt": both(optimum.D, optimum.predictive_D),
        "D_opt_bytes": both(optimum.D * bytes_per_token, optimum.predictive_D * bytes_per_token),
        "tokens_per_parameter": both(optimum.D / optimum.N, optimum.predictive_D / optimum.predictive_N),
        "C": as_json(summarise(optimum.C)),
        "loss": as_json(summarise(optimum.loss)),
        "extrapolation_factor": as_json(summarise(optimum.C / largest_C)),
        "predictive_minima_at_the_edge": optimum.at_edge,
    }
