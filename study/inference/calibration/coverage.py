"""Do intervals hold the truth as often as they say? The posterior beside the delta method and three bootstraps.

Fixed truths (none the centre of the prior), losses simulated in four scenarios on a design:

    dense         all its cells, normal noise of 0.5 % in L
    small         every fourth cell, the same noise
    contaminated  all its cells; each loss with probability 0.1 is raised by a half-normal error of scale 10 %
    shared        all its cells; the runs of a width share an error of 0.6 %

Each replicate has its own random stream, seeded by (`COVERAGE_SEED`, number), and takes the truths in turn. The Huber fit
starts from a subset of the published starts, its bootstraps from its own optimum.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.calibration.designs import EXTRAPOLATION, Design
from study.inference.classical.bootstrap import cluster_weights, resampled
from study.inference.classical.delta import delta_method
from study.inference.classical.huber import DELTA, HuberFit, fit_huber, published_starts, refit
from study.inference.classical.points import Points, points
from study.inference.fast.fit import fit_fast
from study.inference.intervals import LEVELS, central, percent_key
from study.inference.observations import PriorDominatedWarning
from study.inference.parameters import Array
from study.inference.spec import HEADLINE, ModelSpec
from study.laws.errata import TARGET_N
from study.laws.hoffmann import LossSurface

COVERAGE_SEED = 20_250_102
RESAMPLES = 400
START_STRIDE = 61  # through the 4,500: on simulated losses every start that succeeds ends in one optimum
NOISE, SHARED = 0.005, 0.006  # s.d. in ln L
OUTLIERS, OUTLIER_SCALE = 0.1, 0.1
SCENARIOS = ("dense", "small", "contaminated", "shared")
POSTERIORS = {"posterior, headline": HEADLINE, "posterior, normal": ModelSpec(noise="normal", scale_slope=False, group=None)}
COVERED = {level: f"covered_{percent_key(level)}" for level in LEVELS}  # columns of the rows and their summary


@dataclass(frozen=True)
class Truth:
    """A surface by its losses at the design's reference (N0, D0), nats a token."""

    E: float
    tA: float
    tB: float
    alpha: float
    beta: float

    def surface(self, design: Design) -> LossSurface:
        return LossSurface(self.E, self.tA * design.N0**self.alpha, self.tB * design.D0**self.beta, self.alpha, self.beta)


TRUTHS = (Truth(1.0, 1.1, 1.3, 0.34, 0.28), Truth(0.8, 1.6, 0.9, 0.30, 0.45), Truth(1.3, 0.7, 1.5, 0.45, 0.36),
          Truth(1.1, 1.3, 1.1, 0.25, 0.40))
Interval = Callable[[Callable[..., Array], float], tuple[float, float]]


def replicate(design: Design, number: int, scenarios: tuple[str, ...] = SCENARIOS) -> pd.DataFrame:
    """One simulated study a scenario: for each method and quantity, which intervals hold the truth and how wide they are.

    Columns: replicate, scenario, method, quantity, covered_50/80/95 (0 or 1), log_width_95 (of ln of the quantity),
    status ("ok", or why the method gave no interval; the rest is then nan).
    """
    truth, rows = TRUTHS[number % len(TRUTHS)], []
    for scenario in scenarios:
        rng = np.random.default_rng([COVERAGE_SEED, number, SCENARIOS.index(scenario)])
        cells = design.take(np.arange(1, len(design.N), 4), "small") if scenario == "small" else design
        surface, asked = truth.surface(design), derived_quantities(EXTRAPOLATION * float(design.C.max()))
        loss = simulated(surface, cells, scenario, rng)
        for method, interval in _methods(design, cells, loss, rng):
            for name, derived in asked.items():
                row = {"replicate": number, "scenario": scenario, "method": method, "quantity": name}
                rows.append(row | outcome(interval, derived, float(derived(surface))))
    return pd.DataFrame(rows)


def derived_quantities(C: float) -> dict[str, Callable[[LossSurface], Array]]:
    """What intervals are asked for, as functions of a surface; N_opt at compute C."""
    return {"E": attrgetter("E"), "alpha": attrgetter("alpha"), "beta": attrgetter("beta"), "a": attrgetter("a"),
            "D_opt_at": methodcaller("D_opt_at", TARGET_N), "N_opt": methodcaller("N_opt", C)}


def simulated(surface: LossSurface, cells: Design, scenario: str, rng: np.random.Generator) -> Array:
    """Losses of a design's cells under a scenario, nats a token."""
    error = NOISE * rng.standard_normal(len(cells.N))
    if scenario == "contaminated":
        outlying = rng.random(len(error)) < OUTLIERS
        error = error + outlying * np.abs(OUTLIER_SCALE * rng.standard_normal(len(error)))
    elif scenario == "shared":
        error = error + SHARED * rng.standard_normal(len(np.unique(cells.width)))[cells.group]
    return np.asarray(surface.loss(cells.N, cells.D) * np.exp(error))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """For each scenario, method and quantity: coverage where there was an interval, median 95 % width in ln, failures."""
    return outcomes(rows, ["scenario", "method", "quantity"]).reset_index()


def outcomes(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Of rows `covered_*`, `log_width_95` and `status`: coverage, median width, replicates and failures of each group."""
    groups = rows.groupby(by, sort=False)
    result = groups[list(COVERED.values())].mean()
    result["log_width_95"] = groups["log_width_95"].median()
    result["replicates"] = groups.size()
    result["failed"] = groups["status"].agg(lambda status: int((status != "ok").sum()))
    return result


def _methods(design: Design, cells: Design, loss: Array, rng: np.random.Generator) -> Iterator[tuple[str, Interval | str]]:
    for name, spec in POSTERIORS.items():
        yield name, _attempt(partial(_posterior, design, cells, loss, spec, int(rng.integers(2**31))))
    data = points(cells.N, cells.D, loss)
    for name, delta in (("delta method, Huber", DELTA), ("delta method, least squares", np.inf)):
        yield name, _attempt(partial(_delta, data, delta))
    try:
        fit = _huber(data, DELTA)
    except StudyError as error:
        for name in ("row bootstrap", "width bootstrap", "residual bootstrap"):
            yield name, str(error)
        return
    for name, groups in (("row bootstrap", np.arange(data.size)), ("width bootstrap", cells.group)):
        yield name, _attempt(partial(_refits, data, fit, weights=cluster_weights(groups, RESAMPLES, rng)))
    yield "residual bootstrap", _attempt(partial(_refits, data, fit, log_loss=resampled(data, fit, RESAMPLES, rng)))


def _posterior(design: Design, cells: Design, loss: Array, spec: ModelSpec, seed: int) -> Interval:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PriorDominatedWarning)
        posterior = fit_fast(cells.table(loss), spec, seed=seed, N0=design.N0, D0=design.D0,
                             bytes_per_token=design.bytes_per_token)
    return of_draws(posterior.draws)


def _delta(data: Points, delta: float) -> Interval:
    return delta_method(_huber(data, delta).surface, data.N, data.D, data.loss, delta=delta).interval


def _refits(data: Points, fit: HuberFit, *, weights: Array | None = None, log_loss: Array | None = None) -> Interval:
    return of_draws(refit(data, fit, weights=weights, log_loss=log_loss).surface)


def _huber(data: Points, delta: float) -> HuberFit:
    return fit_huber(data.N, data.D, data.loss, delta=delta, starts=published_starts()[::START_STRIDE])


def of_draws(*surfaces: Any) -> Interval:
    """Central intervals of a quantity over draws of a surface, or of several that count alike: as many draws of each."""
    def interval(derived: Callable[..., Array], level: float) -> tuple[float, float]:
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            draws = np.concatenate([np.atleast_1d(np.asarray(derived(surface), dtype=float)) for surface in surfaces])
            low, high = central(draws[~np.isnan(draws)], level)
        return float(low), float(high)

    return interval


def _attempt(make: Callable[[], Interval]) -> Interval | str:
    try:
        return make()
    except (StudyError, np.linalg.LinAlgError) as error:
        return str(error)


def outcome(interval: Interval | str, derived: Callable[..., Array], truth: float) -> dict[str, object]:
    """covered_50/80/95, log_width_95 (ln of the 95 % interval's ends) and status of one interval; a string is why there is none."""
    covered = dict.fromkeys(COVERED.values(), np.nan)
    if isinstance(interval, str):
        return {**covered, "log_width_95": np.nan, "status": interval}
    bounds = {level: interval(derived, level) for level in LEVELS}
    for level, (low, high) in bounds.items():
        covered[COVERED[level]] = float(low <= truth <= high)
    low, high = bounds[LEVELS[-1]]
    width = float(np.log(high) - np.log(low)) if 0 < low <= high < np.inf else np.nan
    return {**covered, "log_width_95": width, "status": "ok"}
