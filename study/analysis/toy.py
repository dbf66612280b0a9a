"""The toy extrapolation: a small error in a fit becomes a large one in the forecast. How large, and does its interval say so?

A law is planted (four truths, in turn), a study of 12, 28 or 63 runs over three decades of compute is simulated with noise in
ln L, and each estimator forecasts D_opt at 1 ... 10^6 times the largest compute it saw:

    approach 1   the envelope of the runs' curves           interval: least squares of the power law, as if points were independent
    approach 2   parabolas at each budget                   interval: the same, through the vertices
    approach 3   Huber's loss of ln L, delta = 1e-3         interval: row bootstrap
    posterior    Student-t noise, no group effect           interval: central

Sizes of a budget run from a quarter to four times C = 6 N (20 N); the designer does not know the optimum. Each run has one
error, which its curve shares.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from study.errors import StudyError
from study.inference.calibration.coverage import COVERED, TRUTHS, outcomes
from study.inference.calibration.designs import Design
from study.inference.calibration.runs import CalibrationError, Progress, chunks, write_study
from study.inference.classical.bootstrap import row_bootstrap
from study.inference.classical.isoflop import fit_envelope, fit_isoflop
from study.inference.fast.fit import fit_fast
from study.inference.intervals import LEVELS, central
from study.inference.parameters import Array, Surface
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface
from study.laws.law import BYTES_PER_TOKEN
from study.laws.published import RULE

SEED = 20_260_114
NOISES = (0.001, 0.005, 0.02)  # s.d. of ln L of a run
SHAPES = {12: (3, 4), 28: (4, 7), 63: (9, 7)}  # runs: budgets, sizes of each
BUDGETS = (1e12, 1e15)  # FLOP: the smallest and the largest
DECADES = tuple(range(7))  # beyond the largest
RESAMPLES = 200
CURVE = 40  # points of a run's curve
POSTERIOR = ModelSpec(group=None, scale_slope=False)
APPROACHES = ("approach 1", "approach 2", "approach 3", "posterior")
Ends = Callable[[float, float], tuple[float, float]]  # (C, level) -> interval of D_opt


@dataclass(frozen=True)
class Estimate:
    """One estimator's answer: D_opt at C, and its central interval of a level there."""

    at: Callable[[float], float]
    ends: Ends


def cells(runs: int) -> tuple[Array, Array, Array]:
    """N, D and budget of a study's runs, each (runs,)."""
    budgets, sizes = SHAPES[runs]
    C = np.repeat(np.geomspace(*BUDGETS, budgets), sizes)
    N = np.sqrt(C / 6 / RULE) * np.tile(np.geomspace(0.25, 4, sizes), budgets)
    return N, C / 6 / N, C


def replicate(number: int) -> pd.DataFrame:
    """One planted law under every noise and number of runs.

    Columns: replicate, noise, runs, estimator, decades, error (log10 of estimated over true D_opt), covered_50/80/95 (0 or 1),
    log_width_95 (log10 of the interval's ends), status ("ok", or why there is no estimate; the rest is then nan).
    """
    rows = []
    for runs in SHAPES:
        N, D, C = cells(runs)
        design = Design("toy", N, D, np.ones_like(N), BYTES_PER_TOKEN)
        truth = TRUTHS[number % len(TRUTHS)].surface(design)
        for noise in NOISES:
            rng = np.random.default_rng([SEED, number, runs, round(1e6 * noise)])
            error = noise * rng.standard_normal(runs)
            for name, estimator in _estimators(truth, N, D, C, error, int(rng.integers(2**31))).items():
                row = {"replicate": number, "noise": noise, "runs": runs, "estimator": name}
                rows += [row | outcome for outcome in _outcomes(estimator, truth, float(C.max()))]
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """By noise, runs, estimator and decades: quantiles of the error, real coverage, median width, failures."""
    by = ["noise", "runs", "estimator", "decades"]
    result, groups = outcomes(rows, by), rows.groupby(by, sort=False)
    for name, q in (("low", 0.025), ("lower", 0.25), ("median", 0.5), ("upper", 0.75), ("high", 0.975)):
        result[f"error_{name}"] = groups["error"].quantile(q)
    result["factor"] = groups["error"].agg(lambda error: float(10 ** np.sqrt(np.mean(np.square(error.dropna())))))
    return result.reset_index()


def run_toy(replicates: int, out: Path, *, workers: int = 2, progress: Progress | None = None) -> Path:
    """Simulate `replicates` laws under every noise and design and keep the rows and their summary; returns the .json's path.

    Raises:
        CalibrationError: fewer than four replicates, or a folder that cannot be written.
    """
    if replicates < len(TRUTHS):
        raise CalibrationError(f"the toy extrapolation takes {len(TRUTHS)} truths in turn: use more replicates, better 100")
    record = out / "toy.json"
    if record.exists():
        return record
    rows = chunks(_chunk, replicates, out, "toy", SEED, workers, progress, size=2)
    write_study(out, "toy", rows, {
        "kind": "toy extrapolation", "seed": SEED, "replicates": replicates, "resamples": RESAMPLES, "levels": list(LEVELS),
        "noises": list(NOISES), "runs": list(SHAPES), "budgets": list(BUDGETS), "truths": [vars(truth) for truth in TRUTHS],
        "failures": int((rows["status"] != "ok").sum()), "coverage": summary(rows).to_dict("records")})
    return record


def _chunk(numbers: range) -> pd.DataFrame:
    return pd.concat([replicate(number) for number in numbers], ignore_index=True)


def _estimators(truth: LossSurface, N: Array, D: Array, C: Array, error: Array,
                seed: int) -> dict[str, Callable[[], Estimate]]:
    loss = truth.loss(N, D) * np.exp(error)
    return {"approach 1": partial(_envelope, truth, N, D, error), "approach 2": partial(_isoflop, N, C, loss),
            "approach 3": partial(_huber, N, D, loss, seed), "posterior": partial(_posterior, N, D, loss, seed)}


def _envelope(truth: LossSurface, N: Array, D: Array, error: Array) -> Estimate:
    seen = [np.geomspace(d / 30, d, CURVE) for d in D]
    curves = [truth.loss(n, d) * np.exp(e) for n, d, e in zip(N, seen, error, strict=True)]
    found = fit_envelope(N, [6 * n * d for n, d in zip(N, seen, strict=True)], curves)
    return _regression(found.C[~found.edge], found.D[~found.edge])


def _isoflop(N: Array, C: Array, loss: Array) -> Estimate:
    found = fit_isoflop(N, C, loss)
    return _regression(found.C[found.inside], found.D_opt[found.inside])


def _regression(C: Array, D: Array) -> Estimate:
    """ln D on ln C by least squares, with the t interval of the line."""
    x, y = np.log(C), np.log(D)
    middle, centred = x.mean(), x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    freedom = len(x) - 2
    s2 = float(np.sum((y - y.mean() - slope * centred) ** 2) / freedom) if freedom > 0 else np.nan

    def line(at: float) -> float:
        return float(y.mean() + slope * (np.log(at) - middle))

    def ends(at: float, level: float) -> tuple[float, float]:
        spread = np.sqrt(s2 * (1 / len(x) + (np.log(at) - middle) ** 2 / (centred @ centred)))
        reach = stats.t.ppf((1 + level) / 2, freedom) * spread if freedom > 0 else np.nan
        return float(np.exp(line(at) - reach)), float(np.exp(line(at) + reach))

    return Estimate(lambda at: float(np.exp(line(at))), ends)


def _huber(N: Array, D: Array, loss: Array, seed: int) -> Estimate:
    found = row_bootstrap(N, D, loss, seed=seed, resamples=RESAMPLES)
    return Estimate(lambda at: float(found.fit.surface.D_opt(at)), _of_draws(found.surface))


def _posterior(N: Array, D: Array, loss: Array, seed: int) -> Estimate:
    found = fit_fast(pd.DataFrame({"N": N, "D": D, "loss": loss}), POSTERIOR, seed=seed, draws=2000, fallback=False)
    if not found.diagnostics.converged:
        raise CalibrationError(f"k-hat {found.khat:.2f}")
    return Estimate(lambda at: float(np.median(found.draws.D_opt(at))), _of_draws(found.draws))


def _of_draws(surface: Surface) -> Ends:
    def ends(at: float, level: float) -> tuple[float, float]:
        with np.errstate(all="ignore"):
            values = np.asarray(surface.D_opt(at), dtype=float)
        low, high = central(values[~np.isnan(values)], level)
        return float(low), float(high)

    return ends


def _outcomes(make: Callable[[], Estimate], truth: LossSurface, largest: float) -> list[dict[str, object]]:
    covered = list(COVERED.values())
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = make()
            out = []
            for decades in DECADES:
                C = largest * 10.0**decades
                true, bounds = float(truth.D_opt(C)), [found.ends(C, level) for level in LEVELS]
                inside = {name: float(low <= true <= high) if np.isfinite(high - low) else np.nan
                          for name, (low, high) in zip(covered, bounds, strict=True)}
                out.append({"decades": decades, "error": float(np.log10(found.at(C) / true)), **inside,
                            "log_width_95": float(np.log10(bounds[-1][1] / bounds[-1][0])), "status": "ok"})
        return out
    except (StudyError, np.linalg.LinAlgError) as error:
        return [{"decades": decades, "error": np.nan, **dict.fromkeys(covered, np.nan), "log_width_95": np.nan,
                 "status": str(error)} for decades in DECADES]
