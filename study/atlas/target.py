"""Tokens for 10^9 parameters with everyone else's runs and without: from none of a grid's runs, its three cheapest, and all.

The prior is fitted without any table of this study. Of the three losses that the lab predicts, the same.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.atlas.leave_out import fit_under, priors_of
from study.atlas.tables import SPEC, AtlasTable, smallest_budgets
from study.inference.answers import summarise
from study.inference.observations import PriorDominatedWarning
from study.inference.parameters import Array
from study.inference.pooled import informed
from study.inference.pooled.coordinates import from_coordinates
from study.inference.pooled.informed import Informed, everyone
from study.inference.pooled.population import Population
from study.inference.spec import BYTES_PER_TOKEN, HEADLINE, ModelSpec
from study.laws.errata import LAB_RUNS, TARGET_N
from study.laws.hoffmann import LossSurface

NONE, THREE, ALL = "none", "three", "all"  # which of a table's runs are taken
COUNT = 3
LAB = "the lab"
DRAWS = 10_000  # of a fit, and of a study of which no run is known: the ends from three runs are far out
RULE = replace(informed.RULE, round=6000)  # so many draws show tails that a mixture built on fewer leaves out


@dataclass(frozen=True)
class AtTarget:
    """Tokens for `TARGET_N` parameters from some of a table's runs under one prior."""

    runs: str  # a table of the atlas, or `LAB`
    taken: str  # `NONE`, `THREE` or `ALL`
    prior: str  # see `leave_out.Prediction`
    count: int
    khat: float | None  # None where nothing was fitted
    N: tuple[float, float] | None  # smallest and largest fitted
    C: float | None  # FLOP: the largest fitted
    tokens: dict[str, Any]  # D_opt: {"point": median, "ci95": [lo, hi], ...}
    decades: float  # of its 95 % interval


def at_target(own: Sequence[tuple[AtlasTable, pd.DataFrame]], population: Population, *, seed: int) -> list[AtTarget]:
    """Each table's and the lab's answers under every prior; `population` is without any table of this study.

    Three runs are fitted as the atlas fits every table; all of them, which are given beside the table, with the headline's
    effect of the width, and under the default prior not at all: that is the study's own answer.

    Raises:
        StudyError: the runs cannot be fitted.
    """
    priors = priors_of(population)
    out = []
    for table, every in own:
        of_table = {name: Informed(each, table.c, table.relative) for name, each in priors.items()}
        out += [_unseen(table, name, prior, seed) for name, prior in of_table.items()]
        out += _fitted(table.name, THREE, smallest_budgets(table.rows, COUNT), table.bytes_per_token, of_table, SPEC, seed)
        out += _fitted(table.name, ALL, every, table.bytes_per_token, of_table, HEADLINE, seed)
    lab = pd.DataFrame([{"N": run.N, "D": run.D, "loss": run.predicted} for run in LAB_RUNS])
    of_lab = {name: everyone(each, BYTES_PER_TOKEN) for name, each in priors.items()}
    return out + _fitted(LAB, THREE, lab, BYTES_PER_TOKEN, of_lab, SPEC, seed)


def _fitted(name: str, taken: str, rows: pd.DataFrame, unit: float, priors: dict[str, Informed], spec: ModelSpec,
            seed: int) -> list[AtTarget]:
    out = []
    for prior in (*(["default"] if taken == THREE else []), *priors):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PriorDominatedWarning)  # the default prior's interval is the point
            fitted = fit_under(priors.get(prior), rows, unit, seed=seed, draws=DRAWS, spec=spec, rule=RULE)
        tokens, decades = _summary(fitted.draws.D_opt_at(TARGET_N))
        out.append(AtTarget(name, taken, prior, len(rows), fitted.khat, (float(rows["N"].min()), float(rows["N"].max())),
                            float((6 * rows["N"] * rows["D"]).max()), tokens, decades))
    return out


def _unseen(table: AtlasTable, name: str, prior: Informed, seed: int) -> AtTarget:
    x = prior.population.new_study(prior.c, np.random.default_rng(seed), DRAWS)
    law = from_coordinates(x, 1.0, 1.0, table.bytes_per_token)  # at N0 = D0 = 1 the terms are A and B
    with np.errstate(over="ignore", invalid="ignore"):
        D = LossSurface(law["E"], law["tA"], law["tB"], law["alpha"], law["beta"]).D_opt_at(TARGET_N)
    return AtTarget(table.name, NONE, name, 0, None, None, None, *_summary(D))


def _summary(D: Array) -> tuple[dict[str, Any], float]:
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        ln_D = np.clip(np.log(D), -300, 300)
    found = summarise(np.exp(ln_D))
    low, high = found.ci95
    return found.as_json(), float(np.log10(high / low))
