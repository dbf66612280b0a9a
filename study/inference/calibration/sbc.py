"""Simulation-based calibration: does the posterior of a truth drawn from the prior rank it as it should?

Draw i of a study: theta* from the prior, losses from the model on the design, a fit, and the rank of theta* among
`RANKED` independent posterior draws, for every parameter (nuisance too) and every derived quantity. Each draw has its own
random stream, seeded by (`SEED`, design and model, i), so a study can stop and resume, and the same truths meet both ways of
fitting. Failures are counted, never redrawn.
"""

import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.calibration.designs import EXTRAPOLATION, Design
from study.inference.calibration.ranks import RANKED, coverage_of_ranks, rank, uniformity
from study.inference.fast.fit import fit_fast
from study.inference.intervals import LEVELS
from study.inference.likelihood import log_likelihood
from study.inference.observations import PriorDominatedWarning
from study.inference.parameters import Array, Parameters
from study.inference.posterior import ImportanceDiagnostics, Posterior, fit_posterior
from study.inference.predictive import simulate
from study.inference.priors import draw_prior, free_parameters
from study.inference.spec import HEADLINE, ModelSpec
from study.laws.errata import TARGET_N

SEED = 20_250_101
TARGETS = {"A": ModelSpec(noise="normal", scale_slope=False, group=None), "headline": HEADLINE}

Fit = Callable[..., Posterior]
INFORMATION = ("draw", "how", "khat", "effective", "reason")  # the columns of a study that are not ranks
FITS: dict[str, Fit] = {"fast": fit_fast, "nuts": fit_posterior}


def quantities(draws: Parameters, design: Design, spec: ModelSpec) -> dict[str, Array]:
    """Every parameter the model leaves free and every derived quantity, per draw (S,)."""
    surface, C = draws.surface(design.N0, design.D0), EXTRAPOLATION * float(design.C.max())
    with np.errstate(over="ignore", under="ignore"):
        derived = {"A": surface.A, "B": surface.B, "a": surface.a, "D_opt_at": surface.D_opt_at(TARGET_N),
                   "N_opt": surface.N_opt(C),  # D_opt(C) has the mirrored rank
                   "loss_opt": surface.loss(np.maximum(surface.N_opt(C), 1e-300), np.maximum(surface.D_opt(C), 1e-300))}
    return {**{name: getattr(draws, name) for name in free_parameters(spec)}, **derived}


def one_draw(draw: int, design: Design, spec: ModelSpec, fit: Fit, seed: int = SEED) -> dict[str, Any]:
    """One row of a study: the ranks of draw number `draw`."""
    rng = np.random.default_rng([seed, zlib.crc32(repr((design.name, spec.form)).encode()), draw])
    truth = draw_prior(spec, 1, seed=_integer(rng), bytes_per_token=design.bytes_per_token)
    N0, D0 = design.N0, design.D0
    row: dict[str, Any] = {"draw": draw, "how": "failed", "khat": np.nan, "effective": np.nan, "reason": ""}
    try:
        loss, effects = simulated(design, truth, N0, D0, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PriorDominatedWarning)  # three runs are collinear, and known to be
            posterior = fit(design.table(loss), spec, seed=_integer(rng), N0=N0, D0=D0,
                            bytes_per_token=design.bytes_per_token)
    except (StudyError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        return {**row, "reason": f"{type(error).__name__}: {error}"}
    keep = rng.choice(len(posterior.parameters), RANKED, replace=False)
    sampled = posterior.parameters.take(keep)
    below, above = quantities(sampled, design, spec), quantities(truth, design, spec)
    row.update({name: rank(float(above[name][0]), below[name]) for name in above})
    u = np.zeros((1, len(posterior.rows.groups)))
    if spec.group is not None:
        u[0, posterior.rows.group] = effects[design.group]
    row["log_likelihood"] = rank(float(log_likelihood(truth, u, posterior.rows, N0, D0).sum()),
                                 log_likelihood(sampled, posterior.u[keep], posterior.rows, N0, D0).sum(axis=1))
    diagnostics = posterior.diagnostics
    if isinstance(diagnostics, ImportanceDiagnostics):
        return {**row, "how": "fast", "khat": diagnostics.khat, "effective": diagnostics.effective}
    return {**row, "how": "nuts", "effective": diagnostics.ess_bulk}


def simulated(design: Design, truth: Parameters, N0: float, D0: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Losses of a design's cells (R,) under one draw of a model, nats a token, and the effects of its widths that they share."""
    effects = truth.tau * rng.standard_normal(len(np.unique(design.width)))
    with np.errstate(over="ignore"):
        loss = simulate(truth, truth.surface(N0, D0), design.N[:, None], design.D[:, None], design.C[:, None],
                        effects[design.group][:, None], N0, D0, rng)[:, 0]
    return loss, effects


def calibrate(design: Design, spec: ModelSpec, draws: range, *, fit: Fit = fit_fast, seed: int = SEED) -> pd.DataFrame:
    """A row a draw: draw, how ("fast", "nuts" or "failed"), khat, effective, reason, then the rank of each quantity."""
    return pd.DataFrame([one_draw(draw, design, spec, fit, seed) for draw in draws])


def rank_tests(rows: pd.DataFrame) -> pd.DataFrame:
    """`ranks.uniformity` of every quantity of a study's rows, with the coverage of its 50/80/95 % intervals.

    Draws whose fit failed have no rank and are left out: report their number beside the tests.
    """
    ranks = rows[rows["how"] != "failed"].drop(columns=[name for name in INFORMATION if name in rows]).astype(int)
    result = uniformity(ranks)
    for level in LEVELS:
        result[f"coverage_{round(100 * level)}"] = [coverage_of_ranks(ranks[name], level) for name in ranks]
    return result


def _integer(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
