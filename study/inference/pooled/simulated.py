"""Simulation-based calibration of the population: atlases drawn from its prior, fitted by the fast path, ranked.

Atlas i: a population from its prior, laboratories and studies from that, losses of every study on a small design with the
model's noise, a first-stage fit of each, the two stages. The rank of each true population parameter among `RANKED` thinned
draws is uniform if the two-stage posterior is exact (`calibration.ranks`). Failures are counted, never redrawn.
First stages are taken as they come, without the gate of `alone.stage_one`, and none is summarised again about a pilot.
"""

from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.calibration.ranks import rank
from study.inference.parameters import Array
from study.inference.pooled.coordinates import from_coordinates, to_coordinates
from study.inference.pooled.informed import Informed, fit_informed
from study.inference.pooled.population import COVARIATES, Population, prior_draws
from study.inference.pooled.summary import FIRST
from study.inference.pooled.two_stage import MODEL, StudyDraws, pool, summary_draws
from study.inference.priors import priors
from study.inference.spec import ModelSpec

SEED = 20_261_127
SPEC = ModelSpec(noise="normal", scale_slope=False, group=None)
LABORATORIES = (0, 0, 0, 1, 1, 2, 3, 4)  # of each study: three with one recipe, two, and three alone
SIZES, BUDGETS = 4, (1e18, 1e19, 1e20, 1e21)  # a design: so many sizes about the optimum of each budget
UNIT = 4.3
RANKED = 99
DRAWS, TUNE, FIRST_STAGE = 200, 200, 1000  # of each chain; draws of each study alone
CHAINS = 2


def simulated_atlas(rng: np.random.Generator) -> tuple[Population, Array, list[pd.DataFrame]]:
    """A population (one draw), the covariates (K, 6) of its studies, and a table of runs of each."""
    truth = prior_draws(rng)
    effects = rng.multivariate_normal(np.zeros(5), truth.lab[0], size=max(LABORATORIES) + 1)
    c = np.column_stack([np.ones(len(LABORATORIES)), rng.integers(0, 2, size=(len(LABORATORIES), len(COVARIATES)))]).astype(float)
    tables = []
    for k, laboratory in enumerate(LABORATORIES):
        x = c[k] @ truth.mean[0] + effects[laboratory] + rng.multivariate_normal(np.zeros(5), truth.within[0])
        tables.append(_runs(x, float(np.exp(rng.normal(*priors(SPEC, UNIT).s))), rng))
    return truth, c, tables


def _runs(x: Array, noise: float, rng: np.random.Generator) -> pd.DataFrame:
    # sizes spread fourfold about a guess of the optimum that is itself off by a factor of up to two
    ratio = 20.0 * np.exp(rng.uniform(-0.7, 0.7))
    C = np.repeat(BUDGETS, SIZES)
    N = np.sqrt(C / (6 * ratio)) * np.tile(np.geomspace(0.25, 4.0, SIZES), len(BUDGETS))
    D = C / (6 * N)
    law = from_coordinates(x[None], 1.0, 1.0, UNIT)  # at N0 = D0 = 1 the terms are A and B
    with np.errstate(over="ignore"):
        loss = law["E"] + law["tA"] * N ** -law["alpha"] + law["tB"] * D ** -law["beta"]
    return pd.DataFrame({"N": N, "D": D, "loss": loss * np.exp(noise * rng.standard_normal(len(N)))})


def one_atlas(index: int, seed: int = SEED) -> dict[str, Any]:
    """The ranks of atlas number `index`, with its smallest number of draws that carry weight, or why it failed."""
    rng = np.random.default_rng([seed, index])
    truth, c, tables = simulated_atlas(rng)
    row: dict[str, Any] = {"atlas": index, "model": MODEL, "reason": "", "effective": np.nan}
    try:
        studies = []
        for k, (table, laboratory) in enumerate(zip(tables, LABORATORIES, strict=True)):
            found = fit_informed(table, Informed(FIRST.population, c[k]), SPEC, seed=int(rng.integers(2**31)), draws=FIRST_STAGE,
                                 bytes_per_token=UNIT)
            studies.append(StudyDraws(str(k), str(laboratory), c[k], to_coordinates(found.parameters, found.N0, found.D0, UNIT)))
        pooled = pool(studies, seed=int(rng.integers(2**31)), draws=DRAWS, tune=TUNE, chains=CHAINS)
    except (StudyError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        return {**row, "reason": f"{type(error).__name__}: {error}"}
    below, above = summary_draws(pooled.population.thin(RANKED)), summary_draws(truth)
    return {**row, "effective": float(pooled.effective.min()), **{name: rank(float(above[name][0]), below[name]) for name in above}}

