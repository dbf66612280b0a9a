"""Whether intervals hold after runs were chosen by information: simulated studies with truths from the prior."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.intervals import LEVELS, inside, percent_key
from study.inference.likelihood import noise_scale
from study.inference.observations import geometric_mean
from study.inference.parameters import Array, Parameters
from study.inference.priors import draw_prior
from study.inference.replay import Ground, ground, replay
from study.inference.spec import BYTES_PER_TOKEN, ModelSpec

SIZES, BUDGETS = np.geomspace(1e7, 1e9, 7), np.geomspace(1e17, 1e20, 7)
TARGET = 3e9
STEPS = 2  # batches after the first runs
RULES = ("information", "own order")
SEED = 0
ERRORS = 3.0  # Monte Carlo standard errors within which a share counts as nominal


def bench_coverage(simulations: int, *, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Coverage of ln D_opt(`TARGET`) when the runs are chosen among 49 planned ones, seven sizes at seven budgets.

    Every study has its own law and noise, drawn from the prior of the fit, so that an exact posterior covers at its nominal
    rate however the runs were chosen, and no approximate one need. Six random cheap runs, then `STEPS` batches of six by each
    rule from the same start. A study whose draws are not reliable counts as failed, and is not among the others.
    """
    spec = ModelSpec(group=None)
    truths = draw_prior(spec, simulations, seed=SEED, bytes_per_token=BYTES_PER_TOKEN)
    seen: dict[str, list[tuple[list[bool], float]]] = {rule: [] for rule in RULES}
    failed = 0
    for index in range(simulations):
        progress(f"study {index + 1} of {simulations}")
        table, q = simulated(truths.take(np.array([index])), np.random.default_rng([SEED, index]))
        try:
            field = ground(table, spec, TARGET, BYTES_PER_TOKEN)
            both = {rule: _held(field, rule, index, q) for rule in RULES}
        except StudyError:
            failed += 1
            continue
        for rule, found in both.items():
            seen[rule].append(found)
    return {"simulations": simulations, "failed": failed, "target_N": TARGET,
            "rules": {rule: _summary(found) for rule, found in seen.items()}}


def simulated(truth: Parameters, rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
    """A study's table in the order of its budgets, and its true ln D_opt(`TARGET`). `truth` is one draw."""
    N, C = (axis.ravel() for axis in np.meshgrid(SIZES, BUDGETS))
    D = C / (6 * N)
    N0, D0 = geometric_mean(N), geometric_mean(D)
    law = truth.surface(N0, D0)
    scale: Array = noise_scale(truth, C[:, None], N0, D0)[:, 0]
    noise = scale * rng.standard_t(float(truth.nu[0]), len(N))
    loss = law.loss(N[:, None], D[:, None])[:, 0] * np.exp(np.clip(noise, -20, 20))
    return pd.DataFrame({"N": N, "D": D, "loss": loss}), float(np.log(law.D_opt_at(TARGET))[0])


def _held(field: Ground, rule: str, start: int, q: float) -> tuple[list[bool], float]:
    found = replay(field, rule, start, most=STEPS)
    chosen = [index for step in found.rows for index in step]
    draws = np.log(field.fit(chosen).draws.D_opt_at(TARGET))
    return [count == 1 for count in inside(draws[:, None], [q]).values()], float(found.width[-1])


def _summary(found: list[tuple[list[bool], float]]) -> dict[str, Any]:
    held = np.array([held for held, _ in found], dtype=float)
    shares = held.mean(axis=0)
    errors = np.sqrt(np.array(LEVELS) * (1 - np.array(LEVELS)) / len(held))
    covered = {percent_key(level): float(share) for level, share in zip(LEVELS, shares, strict=True)}
    return {"studies": len(held), "covered": covered,
            "nominal": bool(np.all(np.abs(shares - LEVELS) <= ERRORS * errors)),
            "median_width": float(np.median([width for _, width in found]))}
