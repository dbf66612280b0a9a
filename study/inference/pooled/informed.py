"""The fit of one table with the population of studies as its prior for the law, by adaptive importance sampling.

Coordinates (K = 9): x of `coordinates`, then ln s, g, ln nu and sqrt(tau / tau0) as in `fast.target`, as far as the model has them.
The prior of x is the population's predictive density for a new study with the table's covariates (or only its part that no
unknown unit moves); of the rest, that of `priors`. Rounds of draws begin at the prior and follow the tempered posterior by
the mixture of `fast.mixture`; PSIS smooths the last weights, and k-hat says whether they can be trusted.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.inference.fast.likelihood import log_likelihood
from study.inference.fast.mixture import effective, rebuild, resample
from study.inference.fast.target import Target, target
from study.inference.observations import observations
from study.inference.parameters import Array
from study.inference.pooled.coordinates import SCALE, SIZE, WITHOUT_SCALE, from_coordinates
from study.inference.pooled.population import COVARIATES, Population
from study.inference.posterior import ImportanceDiagnostics, Posterior
from study.inference.spec import BYTES_PER_TOKEN, HEADLINE, ModelSpec

ROUND, ROUNDS, FIRST = 1500, 40, 6000  # draws a round, rounds, draws of the first round
ENOUGH = 0.25  # effective fraction of a round's draws at which the mixture is good
DRAWN = 4  # proposals a draw that is asked for


@dataclass(frozen=True)
class Informed:
    """What the prior says of a table: the population and the table's covariates."""

    population: Population
    c: Array  # (6,): see `population.covariates`
    relative: bool = False  # the unit of the table's loss is unknown

    def log_density(self, x: Array) -> Array:
        """ln p(x), shape (M,); of a relative loss, that of the four coordinates that its unit leaves, and flat along it."""
        if not self.relative:
            return self.population.log_density(x, self.c)
        return self.population.log_density(x, self.c, WITHOUT_SCALE)


def everyone(population: Population) -> Informed:
    """The prior for a table of which nothing is known: the base of the covariates."""
    return Informed(population, np.array([1.0] + [0.0] * len(COVARIATES)))


def fit_informed(table: pd.DataFrame, prior: Informed, spec: ModelSpec = HEADLINE, *, seed: int, draws: int = 4000,
                 bytes_per_token: float = BYTES_PER_TOKEN) -> Posterior:
    """The posterior of Hoffmann's law given `table` (at least N, D, loss) under the population's prior; `idata` is None.

    Any table will do, down to one run: what it leaves open is the population's.

    Raises:
        BadValueError, SpecError: the table cannot be fitted.
    """
    rows = observations(table, spec)
    N0, D0 = float(np.exp(np.log(rows.N).mean())), float(np.exp(np.log(rows.D).mean()))
    problem = _Problem(target(rows, spec, N0, D0, bytes_per_token), prior, N0, D0, bytes_per_token)
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        y = problem.draw_prior(FIRST, rng)
        log_weight, before = problem.log_likelihood(y), 0.0
        for _ in range(ROUNDS):
            mixture = rebuild(y, np.zeros((len(y), 2)), log_weight, rng)
            y, _ = mixture.draw(ROUND, rng)
            log_weight = problem.log_posterior(y) - mixture.log_density(y)
            fraction = effective(log_weight) / ROUND
            if fraction > ENOUGH or ENOUGH / 3 < fraction < 1.05 * before:
                break
            before = fraction
        mixture = rebuild(y, np.zeros((len(y), 2)), log_weight, rng)
        y, _ = mixture.draw(DRAWN * draws, rng)
        log_weight, khat = _smoothed(problem.log_posterior(y) - mixture.log_density(y))
    diagnostics = ImportanceDiagnostics(khat, effective(log_weight), len(y))
    x, psi = problem.split(y[rng.permutation(resample(log_weight, draws, rng))])
    values = problem.target.parameters(x, psi)
    u = problem.target.effects(x, psi, rng) if spec.group is not None else np.zeros((draws, len(rows.groups)))
    return Posterior(values.surface(N0, D0), values, u, rows, spec, N0, D0, bytes_per_token, seed, diagnostics, None)


@dataclass(frozen=True)
class _Problem:
    target: Target
    prior: Informed
    N0: float
    D0: float
    bytes_per_token: float

    @property
    def nuisance(self) -> list[str]:
        return [name for name in self.target.free if name not in ("alpha", "beta", "E")]

    def split(self, y: Array) -> tuple[Array, Array]:
        # the coordinates (x, psi) of fast.target
        law = from_coordinates(y[:, :SIZE], self.N0, self.D0, self.bytes_per_token)
        columns = {"alpha": y[:, 0], "beta": y[:, 1], "E": np.log(law["E"]),
                   **{name: y[:, SIZE + k] for k, name in enumerate(self.nuisance)}}
        return (np.column_stack([columns[name] for name in self.target.free]),
                np.column_stack([np.log(law["tA"]), np.log(law["tB"])]))

    def log_likelihood(self, y: Array) -> Array:
        x, psi = self.split(y)
        t = self.target
        value = log_likelihood(t.phi(x), np.column_stack([x[:, 3], psi]), t.n, t.d, t.y, t.c, t.first)
        return np.where(np.isfinite(value), value, -np.inf)

    def log_posterior(self, y: Array) -> Array:
        x, psi = self.split(y)
        # the target's own posterior, its prior of the law taken out and the population's put in
        default = sum(_log_normal(column, mean_sd) for column, mean_sd in (
            (x[:, 0], self.target.prior.exponent), (x[:, 1], self.target.prior.exponent), (x[:, 3], self.target.prior.E),
            (psi[:, 0], self.target.prior.t), (psi[:, 1], self.target.prior.t)))
        value = self.target.log_posterior(x, psi) - default + self.prior.log_density(y[:, :SIZE])
        return np.where(np.isfinite(value), value, -np.inf)

    def draw_prior(self, count: int, rng: np.random.Generator) -> Array:
        p, law = self.target.prior, self.prior.population.new_study(self.prior.c, rng, count)
        drawn = {"s": rng.normal(*p.s, count), "g": rng.normal(0.0, p.g, count),
                 "nu": np.log(rng.gamma(p.nu[0], 1 / p.nu[1], count)), "tau": np.sqrt(np.abs(rng.standard_normal(count)))}
        y = np.column_stack([law, *(drawn[name] for name in self.nuisance)])
        if self.prior.relative:  # the unit that puts each draw's losses where the table's are
            x, psi = self.split(y)
            alpha, beta = np.exp(x[:, 0]), np.exp(x[:, 1])
            fitted = (np.exp(x[:, 3])[:, None] + np.exp(psi[:, :1] - np.outer(alpha, self.target.n))
                      + np.exp(psi[:, 1:] - np.outer(beta, self.target.d)))
            y[:, :SIZE] += SCALE * (self.target.y - np.log(fitted)).mean(axis=1)[:, None]
        return y


def _log_normal(value: Array, mean_sd: tuple[float, float]) -> Array:
    return np.asarray(-0.5 * ((value - mean_sd[0]) / mean_sd[1]) ** 2 - math.log(mean_sd[1] * math.sqrt(2 * math.pi)))


def _smoothed(log_weight: Array) -> tuple[Array, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # arviz announces its 1.0 at import
        import arviz as az
    smooth, khat = az.psislw(np.maximum(log_weight, log_weight.max() - 500.0))
    return np.asarray(smooth), float(khat)
