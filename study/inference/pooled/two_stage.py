"""The population in two stages: each study's posterior draws, then Gibbs over the population (Lunn et al. 2013, JRSS C 62, 551).

Stage one fits every study alone, under a wide prior p0. Given the population, the exact conditional of study k over its
draws has the weights p(x_k | population) / p0(x_k); stage two picks a draw by them, then draws the population given the
picked ones. Nothing is approximated but the continuum by each study's draws: `Pooled.effective` says how many carry weight.
The laboratories' effects are integrated out of the picks and of M, so that a chain does not crawl where S_within is small.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from study.inference.parameters import Array
from study.inference.pooled.coordinates import NAMES, SCALE, SIZE, WITHOUT_SCALE
from study.inference.pooled.gibbs import sweeps
from study.inference.pooled.population import (
    CENTRE,
    CENTRE_SD,
    COVARIATE_SD,
    COVARIATES,
    FREEDOM,
    LAB_SD,
    WITHIN_SD,
    Population,
    prior_draw,
)
from study.inference.posterior import ESS, RHAT, Diagnostics

CHAINS = 4


@dataclass(frozen=True)
class StudyDraws:
    """A study alone: draws of its posterior under a prior of known density."""

    name: str
    laboratory: str
    c: Array  # covariates, (6,)
    x: Array  # (S, 5)
    log_prior: Array  # (S,) ln p0(x)
    relative: bool = False  # the unit of its loss is unknown


@dataclass(frozen=True)
class Pooled:
    """The population and the studies given all of them."""

    population: Population
    x: Array  # (S, K, 5): each study, given the others
    names: tuple[str, ...]
    effective: Array  # (K,) stage-one draws that carry weight, on average
    diagnostics: Diagnostics


def pool(studies: Sequence[StudyDraws], *, seed: int, draws: int = 1500, tune: int = 500, thin: int = 1,
         tails: float = np.inf, chains: int = CHAINS, say: Callable[[str], None] = lambda _: None) -> Pooled:
    """Draws of the population given the studies.

    Args:
        draws, tune, thin: sweeps of each chain that are kept (every `thin`-th of draws x thin), and those before.
        tails: degrees of freedom of the laboratories' effects; infinite for the normal.
    """
    labs = sorted({study.laboratory for study in studies})
    member = np.array([labs.index(study.laboratory) for study in studies])
    data = (np.cumsum([0, *(len(study.x) for study in studies)]), np.concatenate([study.x for study in studies]),
            np.concatenate([study.log_prior for study in studies]), np.array([study.relative for study in studies]), member,
            np.stack([study.c for study in studies]), WITHOUT_SCALE, SCALE)
    others = len(COVARIATES)
    prior = (np.vstack([CENTRE, np.zeros((others, SIZE))]),
             np.vstack([1 / CENTRE_SD**2, np.tile(1 / COVARIATE_SD**2, (others, 1))]), LAB_SD, WITHIN_SD, FREEDOM, float(tails))
    kept: list[tuple[Array, ...]] = []
    carried = np.zeros(len(studies))
    for chain in range(chains):
        say(f"the population, chain {chain + 1} of {chains}")
        rng = np.random.default_rng([seed, chain])
        start = prior_draw(rng)
        x = np.stack([study.x[rng.integers(len(study.x))] for study in studies])
        effective = np.zeros(len(studies))
        state = (prior[0].copy(), start.lab[0], start.within[0], x, np.ones(len(labs)), effective)
        sweeps(tune, *data, *prior, *state, rng)
        for _ in range(draws):
            sweeps(thin, *data, *prior, *state, rng)
            carried += effective / (draws * chains)
            kept.append(tuple(part.copy() for part in state[:4]))
    mean, lab, within, picked = (np.stack(values) for values in zip(*kept, strict=True))
    population = Population(mean, lab, within)
    return Pooled(population, picked, tuple(study.name for study in studies), carried, population_diagnostics(population, chains))


def past_gate(rhat: float, effective: float) -> bool:
    """R-hat < 1.01 and more than 400 effective draws, as for every fit."""
    return rhat < RHAT and effective > ESS


def summary_draws(population: Population) -> dict[str, Array]:
    """The population's parameters under their names, each (S,): means, covariates' effects, s.d. between and within."""
    out = {}
    for j, name in enumerate(NAMES):
        out[f"mean {name}"] = population.mean[:, 0, j]
        out |= {f"{covariate} on {name}": population.mean[:, q + 1, j] for q, covariate in enumerate(COVARIATES)}
        out[f"sd of {name} between"] = np.sqrt(population.lab[:, j, j])
        out[f"sd of {name} within"] = np.sqrt(population.within[:, j, j])
    return out


def population_diagnostics(population: Population, chains: int, divergences: int = 0) -> Diagnostics:
    """R-hat and effective draws: the worst over the population's parameters (chains joined in order)."""
    import arviz as az

    columns = np.column_stack([np.log(values) if name.startswith("sd") else values
                               for name, values in summary_draws(population).items()])
    data = az.convert_to_dataset({"x": columns.reshape(chains, -1, columns.shape[1])})
    rhat, bulk, tail = az.rhat(data)["x"], az.ess(data, method="bulk")["x"], az.ess(data, method="tail")["x"]
    return Diagnostics(float(rhat.max()), float(bulk.min()), float(tail.min()), divergences)
