"""Leave one laboratory out: what its first runs and everyone else's say about its largest budget.

The prior is fitted without any table of the laboratory. From the study's 3, 5 or 10 cheapest runs (`tables.smallest_budgets`)
D_opt and the losses at its largest budget are predicted, with the default prior and with the atlas's. The truth for D_opt is
the median of the posterior of all its runs under the default prior; for the losses, the measured ones of the top budget.

Each is also predicted with every spread of the population times each of `FACTORS`. The prior that is recorded for use is the
least widened whose 95 % intervals from the fewest runs hold `HELD` of the studies (`widening`): chosen by these predictions
themselves, so its own coverage among them is no test of it.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.atlas.tables import SPEC, AtlasTable, smallest_budgets, top_budget
from study.atlas.together import compared
from study.errors import StudyError
from study.inference.fast.adapt import Adaptation
from study.inference.fast.fit import fit_fast
from study.inference.intervals import LEVELS, central, inside, percent_key
from study.inference.observations import PriorDominatedWarning
from study.inference.pooled.informed import RULE, Informed, fit_informed
from study.inference.pooled.population import Population
from study.inference.pooled.two_stage import StudyDraws
from study.inference.posterior import Diagnostics, Posterior
from study.inference.predictive import predict_losses
from study.inference.spec import ModelSpec

COUNTS = (3, 5, 10)
PRIOR_DRAWS = 100  # of the population that a prior averages over
FIT_DRAWS = 1500
FACTORS = (1.5, 2.0)  # by which the population's spreads are widened where it falls short
HELD = 0.9  # share of the studies that the 95 % intervals must hold


@dataclass(frozen=True)
class Prediction:
    """One study's largest budget from its first runs under one prior."""

    study: str
    laboratory: str
    prior: str  # "default", or a name of `priors_of`
    runs: int
    khat: float  # of the importance draws: above 0.7 the ends of the interval are rough
    largest_fitted_C: float
    C: float  # FLOP: the largest budget
    truth: float  # D_opt, tokens
    truth_ci95: tuple[float, float]
    point: float
    intervals: dict[str, tuple[float, float]]  # "50", "80", "95"
    covered: dict[str, bool]
    log_width: float  # ln of the ratio of the ends of the 95 % interval
    log_error: float  # ln(point / truth)
    losses: int  # runs of the top budget that were not fitted
    losses_inside: dict[str, int]
    loss_error: float  # median of ln(measured / predicted) over them


def without(studies: Sequence[StudyDraws], laboratory: str, *, seed: int, draws: int, tune: int) -> tuple[Population, Diagnostics]:
    """The population of the other laboratories, `PRIOR_DRAWS` draws, and how well all were drawn.

    Raises:
        UnconvergedError: see `together.compared`.
    """
    others = [study for study in studies if study.laboratory != laboratory]
    found = compared(others, seed=seed, draws=draws, tune=tune)
    return found.population.thin(PRIOR_DRAWS), found.diagnostics


def name_of(factor: float) -> str:
    """Of the population's prior, its spreads times `factor`."""
    return "atlas" if factor == 1 else f"atlas x {factor:g}"


def priors_of(population: Population) -> dict[str, Population]:
    """The population as it is, and widened by each of `FACTORS`."""
    return {name_of(factor): population.widened(factor) for factor in (1.0, *FACTORS)}


def predict(table: AtlasTable, full: Posterior, population: Population, *, seed: int,
            say: Callable[[str], None] = lambda _: None) -> list[Prediction]:
    """Every count and every prior for one study; a prior that cannot fit the runs at all has no row."""
    given = {name: Informed(each, table.c, table.relative) for name, each in priors_of(population).items()}
    out = []
    for count in COUNTS:
        if count >= len(table.rows):
            continue
        first = AtlasTable(table.entry, smallest_budgets(table.rows, count))
        for name in ("default", *given):
            say(f"{table.name}: {count} runs, {name} prior")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", PriorDominatedWarning)  # three runs may lie on one line
                    fitted = fit_under(given.get(name), first.rows, table.bytes_per_token, seed=seed, draws=FIT_DRAWS)
                    out.append(_row(table, full, first, fitted, name, seed=seed))
            except StudyError:
                continue
    return out


def fit_under(prior: Informed | None, rows: pd.DataFrame, bytes_per_token: float, *, seed: int, draws: int,
              spec: ModelSpec = SPEC, rule: Adaptation = RULE) -> Posterior:
    """The posterior of some rows under a population's prior, or under the default one."""
    if prior is None:
        return fit_fast(rows, spec, seed=seed, draws=2 * draws, fallback=False, bytes_per_token=bytes_per_token)
    return fit_informed(rows, prior, spec, seed=seed, draws=draws, bytes_per_token=bytes_per_token, rule=rule)


def _row(table: AtlasTable, full: Posterior, first: AtlasTable, fitted: Posterior, prior: str, *, seed: int) -> Prediction:
    C = table.largest_C
    with np.errstate(over="ignore", under="ignore"):
        truth, drawn = np.log(full.draws.D_opt(C)), np.clip(np.log(fitted.draws.D_opt(C)), -300, 300)
    intervals = {percent_key(level): central(drawn, level) for level in LEVELS}
    middle = float(np.median(truth))
    left = table.rows[top_budget(table.rows)]
    left = left[~left["run"].isin(first.rows["run"])].reset_index(drop=True)
    losses = np.maximum(predict_losses(fitted, left, seed=seed), 1e-300)
    gaps = np.log(left["loss"].to_numpy()) - np.median(np.log(losses), axis=0)
    low, high = central(truth)
    return Prediction(
        table.name, table.entry.laboratory, prior, len(first.rows), fitted.khat, first.largest_C, C, float(np.exp(middle)),
        (float(np.exp(low)), float(np.exp(high))), float(np.exp(np.median(drawn))),
        {level: (float(np.exp(ends[0])), float(np.exp(ends[1]))) for level, ends in intervals.items()},
        {level: bool(ends[0] <= middle <= ends[1]) for level, ends in intervals.items()},
        float(intervals["95"][1] - intervals["95"][0]), float(np.median(drawn)) - middle, len(left),
        {percent_key(level): count for level, count in inside(losses, left["loss"]).items()}, float(np.median(gaps)))


def coverage(rows: Sequence[Mapping[str, object]], prior: str, runs: int, level: str) -> tuple[int, int]:
    """Studies whose interval of D_opt holds the truth, and studies."""
    chosen = [row for row in rows if row["prior"] == prior and row["runs"] == runs]
    return sum(bool(row["covered"][level]) for row in chosen), len(chosen)  # type: ignore[index]


def widening(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The least factor whose 95 % intervals from the fewest runs hold `HELD` of the studies, else the largest: "factor", its
    "prior", whether it "holds", and the studies "held" by each prior.
    """
    held = {factor: coverage(rows, name_of(factor), COUNTS[0], "95") for factor in (1.0, *FACTORS)}
    enough = [factor for factor, (inside, studies) in held.items() if inside >= HELD * studies]
    factor = enough[0] if enough else FACTORS[-1]
    return {"factor": factor, "prior": name_of(factor), "holds": bool(enough),
            "held": {name_of(each): list(counts) for each, counts in held.items()}}
