"""Chinchilla's three approaches on the same runs."""

from dataclasses import dataclass

import numpy as np

from study.analysis.study import SEED, Study, once
from study.inference.answers import SIZES, summarise
from study.inference.classical.bootstrap import clustered_bootstrap, row_bootstrap
from study.inference.classical.delta import delta_method
from study.inference.classical.isoflop import (
    Envelope,
    IsoFlop,
    PowerLaw,
    fit_envelope,
    fit_isoflop,
    fit_power_law,
    vertex,
    vertex_shift,
)
from study.inference.classical.points import InferenceError
from study.inference.parameters import Array
from study.laws.errata import TARGET_N

RESAMPLES = 300
BY_ROWS, BY_BUDGETS, POSTERIOR = "3: Huber, bootstrap of rows", "3: Huber, bootstrap of budgets", "3: posterior"


@dataclass(frozen=True)
class Approach:
    """One approach's exponent and answer; nan and None where it has none."""

    name: str
    a: float
    se: float
    tokens: float
    interval: tuple[float, float] | None = None


@once
def isoflop(study: Study) -> IsoFlop | None:
    """Approach 2 on the isoFLOP rows, budgets in exact FLOPs; None where no two budgets have their optimum inside."""
    rows = study.isoflop_rows
    counted = rows.groupby("budget")["N"].transform("nunique") >= 3
    try:
        return fit_isoflop(rows["N"][counted], rows["budget"][counted], rows["loss"][counted])
    except InferenceError:
        return None


@once
def envelope(study: Study) -> Envelope | None:
    """Approach 1 on the training curves of the isoFLOP rows, C = 6 N D; None where it cannot be."""
    curves = [study.records[run_id] for run_id in study.isoflop_rows["run_id"]]
    sizes = [record.parameters.multiplying for record in curves]
    try:
        return fit_envelope(
            sizes,
            [[6.0 * N * p.tokens for p in record.curve] for N, record in zip(sizes, curves, strict=True)],
            [[p.validation_loss for p in record.curve] for record in curves],
        )
    except InferenceError:
        return None


def optima(study: Study) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """C = 6 N D, N and D at the interior vertices of approach 2, D read off the profile's own cells."""
    found = isoflop(study)
    if found is None:
        return np.array([]), np.array([]), np.array([])
    rows = study.isoflop_rows
    paths = [rows[rows["budget"] == budget] for budget in found.C[found.inside]]
    at = [vertex(path["N"], path["D"], path["loss"]) for path in paths]
    N, D = np.array([float(one.N) for one in at]), np.array([float(one.D) for one in at])
    return 6 * N * D, N, D


@once
def approaches(study: Study) -> tuple[Approach, ...]:
    """Every approach that the runs allow, the posterior last."""
    out = []
    if (curves := envelope(study)) is not None:
        out.append(_of_power_law("1: envelope of training curves", curves.N_law))
    C, N, _ = optima(study)
    if len(C) > 1:
        out.append(_of_power_law("2: isoFLOP parabolas", fit_power_law(C, N)))
    surface, columns = study.huber.surface, (study.fit["N"], study.fit["D"], study.fit["loss"])
    a, tokens = float(surface.a), float(surface.D_opt_at(TARGET_N))
    try:
        delta = delta_method(surface, *columns)
        out.append(Approach("3: Huber, delta method", a, delta.standard_error(lambda s: s.a), tokens,
                            delta.interval(lambda s: s.D_opt_at(TARGET_N))))
    except InferenceError:
        out.append(Approach("3: Huber", a, float("nan"), tokens))
    bootstraps = {BY_ROWS: row_bootstrap(*columns, seed=SEED, resamples=RESAMPLES)}
    if study.fit["budget"].nunique() > 1:
        bootstraps[BY_BUDGETS] = clustered_bootstrap(*columns, study.fit["budget"], seed=SEED, resamples=RESAMPLES)
    for name, found in bootstraps.items():
        with np.errstate(all="ignore"):  # a resample may see one term only: its answer is then beyond all numbers, or none
            ends = found.interval(lambda s: s.D_opt_at(TARGET_N))
        known = None if np.isnan(ends).any() else ends
        out.append(Approach(name, a, float(np.std(found.surface.a)), tokens, known))
    if study.varpro is not None and not study.varpro.at_bound:
        least = study.varpro.surface
        out.append(Approach("3: variable projection", float(least.a), float("nan"), float(least.D_opt_at(TARGET_N))))
    draws = study.posterior.draws
    answer = summarise(draws.D_opt_at(TARGET_N))
    out.append(Approach(POSTERIOR, float(np.median(draws.a)), float(np.std(draws.a)), answer.median, answer.ci95))
    return tuple(out)


def others(study: Study) -> list[Approach]:
    """The estimators beside the posterior that give an answer."""
    return [one for one in approaches(study) if one.name != POSTERIOR and np.isfinite(one.tokens)]


def _of_power_law(name: str, law: PowerLaw) -> Approach:
    if not 0.05 < law.exponent < 0.95:  # N_opt would fall with compute, or D_opt would: no answer to carry anywhere
        return Approach(name, law.exponent, law.exponent_se, float("nan"))
    C = np.exp((np.log(TARGET_N) - law.intercept) / law.exponent)
    return Approach(name, law.exponent, law.exponent_se, float(C / (6 * TARGET_N)))


@once
def parabola_bias(study: Study, reach: float, draws: int = 400) -> Array:
    """Relative error of approach 2's vertex without noise, per draw: sizes from N_opt divided by `reach` to multiplied by it."""
    surface, x = study.posterior.draws, np.linspace(-np.log(reach), np.log(reach), SIZES)
    pick = np.linspace(0, len(surface.alpha) - 1, draws).astype(int)
    return np.expm1([vertex_shift(float(surface.alpha[i]), float(surface.beta[i]), x) for i in pick])
