"""All tables together: the population, how it depends on its tails and on each member, and what a new study would be."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from study.atlas.tables import AtlasTable
from study.errors import StudyError
from study.inference.answers import summarise
from study.inference.parameters import Array
from study.inference.pooled.coordinates import NAMES, REFERENCE
from study.inference.pooled.population import Population, covariates, prior_draws
from study.inference.pooled.two_stage import ACCEPT, Pooled, StudyDraws, pool, summary_draws
from study.inference.posterior import Diagnostics, UnconvergedError

TARGETS = (ACCEPT, 0.99)  # acceptance: the second where the first leaves divergences
COMPARED = 1.05  # largest R-hat of a population that is only compared
TAILS = 4.0  # degrees of freedom of the laboratories' effects in the check
COMPUTES = (1e19, 1e20, 1e21, 1e22, 5.76e23)  # FLOP at which a new study's D/N is stated
CLOSE = 0.5  # largest s.d. of the error of a study's ln marginal likelihood: below its draws' own Monte Carlo noise it is none
PREDICTED = 20_000
BASE = covariates("multiplying", True, True, 4.3)  # a usual new study: decayed, tuned, the parameters that multiply


class PopulationError(StudyError):
    """A population that its own studies' draws cannot carry."""


def together(studies: Sequence[StudyDraws], *, seed: int, draws: int = 1500, tune: int = 700) -> Pooled:
    """The population, past the gate.

    Raises:
        UnconvergedError: R-hat >= 1.01, ESS <= 400 or a divergence.
        PopulationError: a study's summary is not its likelihood.
    """
    found = _past(lambda seen: seen.converged, studies, seed=seed, draws=draws, tune=tune)
    if far := [name for name, gap in zip(found.names, found.gaps, strict=True) if gap > CLOSE]:
        raise PopulationError(f"the summary of {', '.join(far)} is not its likelihood where the population asks for it: "
                              "draw more of each alone, or raise the number of components")
    return found


def compared(studies: Sequence[StudyDraws], *, seed: int, draws: int, tune: int, tails: float = np.inf) -> Pooled:
    """A population that is only compared with others: of two chains, short ones, past a wider gate.

    Raises:
        UnconvergedError: R-hat above `COMPARED`, or more than one draw in a hundred diverged.
    """
    return _past(lambda seen: seen.rhat <= COMPARED and seen.divergences <= 0.01 * 2 * draws, studies, seed=seed, draws=draws,
                 tune=tune, tails=tails, chains=2)


def _past(gate: Callable[[Diagnostics], bool], studies: Sequence[StudyDraws], **how: Any) -> Pooled:
    """`pool` at each target of acceptance until the draws are past the gate."""
    for accept in TARGETS:
        found = pool(studies, accept=accept, **how)
        seen = found.diagnostics
        if gate(seen):
            return found
    raise UnconvergedError(f"the population of {len(studies)} studies did not converge (R-hat {seen.rhat:.3f}, ESS "
                           f"{seen.ess_bulk:.0f} and {seen.ess_tail:.0f}, {seen.divergences} divergences): draw more")


def members(tables: Mapping[str, AtlasTable]) -> dict[str, AtlasTable]:
    """The tables that count in the population: one reading of a study, no recipe that its authors corrected."""
    return {name: table for name, table in tables.items() if table.entry.pooled}


def new_study(population: Population, *, seed: int, c: Array = BASE, count: int = PREDICTED) -> dict[str, Array]:
    """alpha, beta, a, e (nats a byte) and D/N at each of `COMPUTES` of a study nobody has seen, draws (count,).

    N_opt = G (C/6)^a, so ln R moves by (1 - 2 a) ln(C / REFERENCE).
    """
    x = population.new_study(c, np.random.default_rng(seed), count)
    alpha, beta = np.exp(x[:, 0]), np.exp(x[:, 1])
    a = beta / (alpha + beta)
    ratios = {f"R at {C:.3g}": np.exp(x[:, 2] + (1 - 2 * a) * np.log(C / REFERENCE)) for C in COMPUTES}
    return {"alpha": alpha, "beta": beta, "a": a, "e": np.exp(x[:, 3]), "T": np.exp(x[:, 4]), **ratios}


def quantiles(draws: Mapping[str, Array]) -> dict[str, Any]:
    """Median and intervals of each."""
    return {name: summarise(values).as_json() for name, values in draws.items()}


def prior_predictive(*, seed: int, count: int = 4000) -> dict[str, Any]:
    """What the population's own prior says of a new study: the quantiles of `new_study`."""
    return quantiles(new_study(prior_draws(np.random.default_rng(seed), count), seed=seed, count=count))


def place(study: StudyDraws, population: Population, *, seed: int) -> dict[str, float]:
    """Where a study's medians lie in what a population fitted without it predicts: a probability a coordinate.

    `study` holds its draws under the wide first prior: any other knows of the population. Its own uncertainty is added to the
    prediction. Of a loss without a unit e and T have no place.
    """
    rng = np.random.default_rng(seed)
    predicted = population.new_study(study.c, rng, 4000)
    middle = np.median(study.x, axis=0)
    predicted = predicted + study.x[rng.integers(len(study.x), size=len(predicted))] - middle
    return {name: float(np.mean(predicted[:, j] < middle[j])) for j, name in enumerate(NAMES)
            if not (study.relative and name in ("e", "T"))}


def sensitivity(studies: Sequence[StudyDraws], *, seed: int, draws: int, tune: int,
                say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """The new study's quantiles with heavy tails, and without each study of a laboratory that has several.

    Leaving out whole laboratories is `leave_out`'s.
    """
    out = {}
    say("heavy tails")
    heavy = compared(studies, seed=seed, draws=draws, tune=tune, tails=TAILS)
    out[f"Student-t {TAILS:g}"] = quantiles(new_study(heavy.population, seed=seed))
    laboratories = [study.laboratory for study in studies]
    for study in studies:
        if laboratories.count(study.laboratory) > 1:
            say(f"without {study.name}")
            rest = compared([other for other in studies if other.name != study.name], seed=seed, draws=draws, tune=tune)
            out[f"without {study.name}"] = quantiles(new_study(rest.population, seed=seed))
    return out


def spreads(found: Pooled) -> dict[str, Any]:
    """Quantiles of the population's parameters, and of each study given all the others."""
    studies = {name: quantiles({"alpha": np.exp(found.x[:, k, 0]), "beta": np.exp(found.x[:, k, 1]), "R": np.exp(found.x[:, k, 2]),
                                "e": np.exp(found.x[:, k, 3])}) for k, name in enumerate(found.names)}
    return {"parameters": quantiles(summary_draws(found.population)), "studies": studies}
