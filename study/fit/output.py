"""fit.json: everything a fit found, unrounded, in one shape."""

import math
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import study
from study.fit.argument import Argument
from study.fit.draws import HUGE
from study.fit.fits import CLASSICAL_ROWS, Answers, Fits, Optimum
from study.inference.answers import summarise
from study.inference.classical.bootstrap import Bootstrap
from study.inference.digits import estimate
from study.inference.forms import FormFit
from study.inference.intervals import percent_key
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.priors import free_parameters
from study.inference.serving import Overtraining, Serving

if TYPE_CHECKING:
    from study.fit.job import Job

SURFACE = ("E", "A", "B", "alpha", "beta", "a", "b")
PACKAGES = ("numpy", "scipy", "pandas", "pymc", "nutpie", "arviz")


def fit_json(job: "Job", fits: Fits, answers: Answers, argument: Argument, serving: Serving | None,
             overtrained: Overtraining | None = None) -> dict[str, Any]:
    """The verdict; three fits apart, each {"alpha": {"point": ..., "ci95": [lo, hi], ...}, ...}; the answers; the tests.

    Points are posterior medians, and `mcse` is the relative Monte Carlo standard error of each quantile; the Huber fit's
    intervals are percentiles of its row bootstrap; curve_fit's are 1.96 standard errors. An infinite or undefined number is
    null.
    """
    posterior, p = fits.posterior, fits.posterior.parameters
    nuisance = [name for name in free_parameters(job.spec) if name not in SURFACE]
    largest = float(posterior.rows.C.max())
    at_C = answers.at_C
    return {
        "verdict": argument.verdict, "trusted": argument.trusted,
        "posterior": {name: _estimate_json(posterior, getattr(posterior.draws, name)) for name in SURFACE}
        | {name: _estimate_json(posterior, getattr(p, name)) for name in nuisance},
        "huber": _huber_json(fits.huber), "curve_fit": _curve_fit_json(fits), "rows_of_huber_and_curve_fit":
            min(len(job.frame), CLASSICAL_ROWS),
        "answers": {
            "at_N": {"N": job.predict_n, **optimum_json(posterior, answers.at_N, job.bytes_per_token, largest),
                     "D_opt_mixture_of_forms": as_json(argument.mixture),
                     "D_opt_widened": None if argument.widened is None else as_json(argument.widened)},
            "at_C": {"C_asked": job.predict_c, **optimum_json(posterior, at_C, job.bytes_per_token, largest),
                     "loss_above_the_optimum": {f"{factor:g} x N_opt": as_json(draws)
                                                for factor, draws in answers.penalties.items()},
                     "least_expected_loss": asdict(answers.allocation)},
            **({} if serving is None else {"serving": _serving_json(serving)}),
            **({} if overtrained is None else {"overtraining": _overtraining_json(overtrained)}),
        },
        "doubts": [asdict(doubt) for doubt in argument.doubts],
        "forecast": _forecast_json(argument), "trends": [asdict(trend) for trend in argument.trends],
        "forms": {"rows": argument.rows, **{name: _form_json(fit, job.predict_n) for name, fit in argument.forms.items()}},
        "data": {"source": job.source, "rows": len(job.frame), "columns": job.columns,
                 "N": [posterior.rows.N.min(), posterior.rows.N.max()],
                 "D": [posterior.rows.D.min(), posterior.rows.D.max()], "C": [posterior.rows.C.min(), largest],
                 "dropped": _listed(job.dropped), "set_apart": _listed(job.aside)},
        "method": fits.method, "diagnostics": asdict(posterior.diagnostics), "warnings": list(fits.warnings),
        "spec": asdict(job.spec), "N0": posterior.N0, "D0": posterior.D0, "bytes_per_token": job.bytes_per_token,
        "seed": job.seed, "versions": {"study": study.__version__, **{name: version(name) for name in PACKAGES}},
    }


def as_json(draws: Array) -> dict[str, Any]:
    """Draws in the shape of fit.json, see `Summary.as_json`; those beyond `HUGE` count as `HUGE`."""
    return summarise(np.clip(draws, -HUGE, HUGE)).as_json()


def _estimate_json(posterior: Posterior, draws: Array) -> dict[str, Any]:
    if not np.all(draws > 0):  # g
        return as_json(draws)
    found = estimate(posterior, draws)
    ends = {f"ci{percent_key(level)}": list(errors) for level, errors in found.interval_errors.items()}
    errors = {"point": found.median_error, **ends}
    return {**as_json(draws), "mcse": errors}


def optimum_json(posterior: Posterior, optimum: Optimum, bytes_per_token: float, largest_C: float) -> dict[str, Any]:
    """An optimum, posterior and posterior predictive, in tokens and in bytes, with how far beyond the runs it is."""
    def both(law: Array, predictive: Array) -> dict[str, Any]:
        return {"posterior": _estimate_json(posterior, law), "predictive": _estimate_json(posterior, predictive)}

    return {
        "N_opt": both(optimum.N, optimum.predictive_N),
        "D_opt": both(optimum.D, optimum.predictive_D),
        "D_opt_bytes": both(optimum.D * bytes_per_token, optimum.predictive_D * bytes_per_token),
        "tokens_per_parameter": both(optimum.D / optimum.N, optimum.predictive_D / optimum.predictive_N),
        "C": as_json(optimum.C),
        "loss": as_json(optimum.loss),
        "extrapolation_factor": as_json(optimum.C / largest_C),
        "predictive_minima_at_the_edge": optimum.at_edge,
    }


def _forecast_json(argument: Argument) -> dict[str, Any]:
    test = argument.forecast
    if test is None:
        return {"passed": None, "reason": argument.no_forecast}
    seen = test.scores
    return {"passed": test.passed, "fitted": test.fitted, "held_out": test.predicted, "largest_fitted_C": test.above,
            "reach": test.reach, "inside": {percent_key(level): count for level, count in seen.inside.items()},
            "mean_error_sd": seen.z, "rms_error_sd": seen.z_rms, "mean_error_percent": 100 * seen.error,
            "p_error": seen.p_error, "p_inside": seen.p_inside}


def _form_json(fit: FormFit | str, N: float) -> dict[str, Any]:
    if isinstance(fit, str):
        return {"error": fit}
    return {"D_opt": as_json(fit.draws.D_opt_at(N)), "a": as_json(fit.draws.a), "elpd": fit.elpd, "khat": fit.diagnostics.khat}


def _serving_json(serving: Serving) -> dict[str, Any]:
    draws = {"loss": serving.loss, "N": serving.N, "D": serving.D, "tokens_per_parameter": serving.D / serving.N, "FLOP": serving.C,
             "FLOP_of_the_compute_optimal": serving.C_chinchilla}
    return {"inference_tokens": serving.inference_tokens, **{name: as_json(values) for name, values in draws.items()}}


def _overtraining_json(found: Overtraining) -> dict[str, Any]:
    draws = {"loss_above_the_optimum": found.loss_above, "compute_over_the_optimum_of_the_same_loss": found.compute}
    return {"tokens_per_parameter": found.ratio, "N": float(found.N[0]), "D": float(found.D[0]),
            **{name: as_json(values) for name, values in draws.items()}}


def _listed(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = [name for name in ("run_id", "line", "N", "D", "loss", "why") if name in frame.columns]
    return [{str(key): value for key, value in row.items()} for row in frame[names].to_dict("records")]


def _huber_json(huber: Bootstrap | str) -> dict[str, Any]:
    if isinstance(huber, str):
        return {"error": huber}
    out: dict[str, Any] = {}
    for name in SURFACE:
        draws = np.asarray(getattr(huber.surface, name), dtype=float)
        draws = draws[~np.isnan(draws)]  # drop NaN, keep inf: a valid tail
        low, high = np.quantile(draws, [0.025, 0.975], method="nearest") if len(draws) else (math.nan, math.nan)
        out[name] = {"point": float(getattr(huber.fit.surface, name)), "ci95": [float(low), float(high)]}
    return {**out, "objective": huber.fit.objective, "delta": huber.fit.delta, "resamples_converged": huber.converged}


def _curve_fit_json(fits: Fits) -> dict[str, Any]:
    curve = fits.curve_fit
    if isinstance(curve, str):
        return {"error": curve}
    out: dict[str, Any] = {}
    for name, se in curve.standard_errors.items():
        point = float(getattr(curve.surface, name))
        out[name] = {"point": point, "ci95": [point - 1.96 * se, point + 1.96 * se]}
    return {**out, "warnings": list(curve.failures)}
