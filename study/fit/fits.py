"""All that is said about one table of runs: three fits of the law, and the answers of the Bayesian one."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.answers import Allocation, expected_loss_allocation, new_experiment, new_experiment_at, penalty
from study.inference.classical.bootstrap import Bootstrap, row_bootstrap
from study.inference.classical.curve_fit import CurveFit, fit_curve_fit
from study.inference.classical.huber import published_starts
from study.inference.classical.points import InferenceError
from study.inference.digits import hold
from study.inference.fast.fit import fit_fast
from study.inference.fast.target import supported
from study.inference.observations import PriorDominatedWarning
from study.inference.parameters import Array
from study.inference.posterior import CHAINS, ImportanceDiagnostics, Posterior, UnconvergedError, fit_posterior
from study.inference.spec import ModelSpec

FEW_CELLS = 8  # with so few the scale of the noise is hardly known: a funnel that NUTS explores badly, importance draws well
NUTS_ROWS = 400  # above, chains take minutes
SLOW_ROWS = 1500  # above, they are not tried at all
MOST_ROWS = 20_000
ROUGH_KHAT = 1.0  # below it the draws still have a mean: shown, with a severe doubt, where nothing converges
FIRST_DRAWS, MOST_DRAWS = 4000, 40_000
ATTEMPTS = 3  # at importance draws: the last has sixteen times the proposals
MOST_WORK = 8_000_000  # draws x rows: half a minute of a core
CLASSICAL_ROWS = 1000  # random rows that the Huber fit and curve_fit see, at the most
RESAMPLES, BOOTSTRAPPED = 1000, 300_000  # of the Huber fit at the most, and rows of all resamples together
HUBER_ROWS = 300  # a table of so many rows, or fewer, is descended from every published start
HUGE = 1e120  # answers beyond it are as good as infinite, and larger ones overflow
FACTORS = (0.25, 0.5, 2.0, 4.0)  # of N_opt: how much a misjudged size costs


class TooManyRunsError(StudyError):
    """More rows than any table of runs has."""


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
class Drawn:
    """A posterior, by which method, and why not by the one before it ("" where there is no reason to tell)."""

    posterior: Posterior
    method: str  # "NUTS" or "importance sampling"
    gate: str
    rough: bool  # importance draws whose k-hat is above 0.7, where nothing converged


@dataclass(frozen=True)
class Fits:
    """Three fits of one table."""

    posterior: Posterior
    method: str  # "NUTS" or "importance sampling"
    huber: Bootstrap | str  # or why there is none
    curve_fit: CurveFit | str
    warnings: tuple[str, ...]
    rough: str = ""  # why the draws are rough, where nothing converged


def check_size(table: pd.DataFrame) -> None:
    """Refuse more rows than a fit is tried on.

    Raises:
        TooManyRunsError: more than `MOST_ROWS`.
    """
    if len(table) > MOST_ROWS:
        raise TooManyRunsError(f"{len(table):,} runs to fit, more than {MOST_ROWS:,}: keep one row a run (its last checkpoint: a "
                               "column `run`), the best or the mean of each (N, D), or a random sample of the rows")


def draw_posterior(table: pd.DataFrame, spec: ModelSpec, *, seed: int, N0: float | None = None, D0: float | None = None,
                   bytes_per_token: float | None = None, asked: float = 1e9) -> Drawn:
    """The posterior, and how it was drawn.

    Importance draws of the exact posterior for few cells, where NUTS explores a funnel, and for many rows, where it takes
    minutes; NUTS between. The other way stands in for one that fails, and for chains that converged only with care, where more
    draws would take minutes and end in a divergence. Drawn again, up to `MOST_DRAWS` (fewer of many rows), where two digits
    of D_opt at `asked` parameters do not hold.

    Raises:
        UnconvergedError: neither converged, and k-hat of the importance draws is above `ROUGH_KHAT`.
        TooManyRunsError: more than `MOST_ROWS` rows. The others of `fit_posterior`.
    """
    check_size(table)
    where: dict[str, Any] = {"seed": seed, "N0": N0, "D0": D0, "bytes_per_token": bytes_per_token}
    few = table[["N", "D"]].drop_duplicates().shape[0] <= FEW_CELLS
    most = min(MOST_DRAWS, MOST_WORK // len(table))

    rough: list[Posterior] = []

    def importance(draws: int) -> Posterior:
        found = fit_fast(table, spec, fallback=False, attempts=ATTEMPTS, **{**where, "draws": draws})
        if not found.diagnostics.converged:
            rough.append(found)
            raise UnconvergedError(f"importance draws of {len(table)} runs are not reliable (k-hat {found.khat:.2f})")
        return found

    def chains(draws: int) -> Posterior:
        return fit_posterior(table, spec, draws=draws // CHAINS, **where)

    ways: list[tuple[str, Callable[[int], Posterior]]] = [("NUTS", chains)]
    if supported(spec):
        ways.insert(0 if few or len(table) > NUTS_ROWS else 1, ("importance sampling", importance))
    if len(table) > SLOW_ROWS and len(ways) > 1:
        ways.pop()
    failed: list[UnconvergedError] = []
    fewer: Drawn | None = None  # converged, with digits that do not hold
    for method, way in ways:
        try:
            found = way(FIRST_DRAWS)
            with np.errstate(over="ignore"):
                settled = hold(found, np.minimum(found.draws.D_opt_at(asked), HUGE))
            if not settled and way is chains and len(ways) > 1 and not failed and len(found.parameters) > FIRST_DRAWS:
                fewer = Drawn(found, method, "", False)
                raise UnconvergedError("NUTS converged only with care, and two digits need more draws")
            if not settled and most > _made(found):
                fewer = fewer or Drawn(found, method, "", False)
                found = way(most)
        except UnconvergedError as error:
            failed.append(error)
            if fewer is not None and fewer.method == method != "NUTS":
                break  # chains would take minutes here, or explore a funnel
            continue
        return Drawn(found, method, f"{failed[0]}; {method} stands in" if failed else "", False)
    if fewer is not None:
        return fewer
    best = min(rough, key=lambda found: found.khat, default=None)
    if best is None or not best.khat < ROUGH_KHAT:
        raise failed[0]
    return Drawn(best, "importance sampling", f"{'; '.join(map(str, failed))}: the importance draws stand in, and are rough", True)


def _made(found: Posterior) -> int:
    """How many draws were made for these."""
    seen = found.diagnostics
    return seen.proposals if isinstance(seen, ImportanceDiagnostics) else len(found.parameters)


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
    measured = new_experiment_at(posterior, N, seed=seed) if D.max() < HUGE else \
        new_experiment(posterior, 6.0 * N * D, seed=seed)
    at_N = Optimum(size, D, 6.0 * N * D, law.loss(size, D), measured.N, measured.D, float(measured.at_edge.mean()))
    at = new_experiment(posterior, C, seed=seed + 1)
    best = law.N_opt(C)
    at_C = Optimum(best, law.D_opt(C), np.full(len(D), C), law.loss(best, law.D_opt(C)), at.N, at.D, float(at.at_edge.mean()))
    return Answers(at_N, at_C, {factor: penalty(law, C, factor) for factor in FACTORS}, expected_loss_allocation(law, C))
