"""Three runs with everyone else's and without: this study's three cheapest, and the three losses that the lab predicts."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.atlas.leave_out import FIT_DRAWS, fit_under, priors_of
from study.atlas.tables import AtlasTable, smallest_budgets
from study.inference.answers import summarise
from study.inference.observations import PriorDominatedWarning
from study.inference.pooled.informed import Informed, everyone
from study.inference.pooled.population import Population
from study.inference.posterior import Posterior
from study.inference.spec import BYTES_PER_TOKEN
from study.laws.errata import LAB_RUNS

TARGET_N = 1e9  # parameters: the size whose tokens the lab asks for
COUNT = 3
LAB = "the lab"


@dataclass(frozen=True)
class ThreeRuns:
    """Tokens for `TARGET_N` parameters from three runs under one prior."""

    runs: str  # a table of the atlas, or `LAB`
    prior: str  # see `leave_out.Prediction`
    khat: float
    N: tuple[float, float]  # smallest and largest fitted
    C: float  # FLOP: the largest fitted
    tokens: dict[str, Any]  # D_opt: {"point": median, "ci95": [lo, hi], ...}
    decades: float  # of its 95 % interval


def three_runs(own: Sequence[AtlasTable], population: Population, *, seed: int) -> list[ThreeRuns]:
    """Each table's three cheapest runs, and the lab's, under every prior; `population` is without any table of this study.

    Raises:
        StudyError: the runs cannot be fitted.
    """
    priors = priors_of(population)
    lab = pd.DataFrame([{"N": run.N, "D": run.D, "loss": run.predicted} for run in LAB_RUNS])
    given = {one.name: (smallest_budgets(one.rows, COUNT), one.bytes_per_token,
                        {name: Informed(each, one.c, one.relative) for name, each in priors.items()}) for one in own}
    given[LAB] = (lab, BYTES_PER_TOKEN, {name: everyone(each, BYTES_PER_TOKEN) for name, each in priors.items()})
    out = []
    for name, (rows, unit, informed) in given.items():
        for prior in ("default", *informed):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PriorDominatedWarning)  # the default prior's interval is the point
                fitted = fit_under(informed.get(prior), rows, unit, seed=seed, draws=FIT_DRAWS)
            out.append(_row(name, prior, rows, fitted))
    return out


def _row(name: str, prior: str, rows: pd.DataFrame, fitted: Posterior) -> ThreeRuns:
    with np.errstate(over="ignore", under="ignore"):
        ln_D = np.clip(np.log(fitted.draws.D_opt_at(TARGET_N)), -300, 300)
    found = summarise(np.exp(ln_D))
    low, high = found.ci95
    return ThreeRuns(name, prior, fitted.khat, (float(rows["N"].min()), float(rows["N"].max())),
                     float((6 * rows["N"] * rows["D"]).max()), found.as_json(), float(np.log10(high / low)))
