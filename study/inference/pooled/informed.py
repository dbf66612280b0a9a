"""The fit of one table with the population of studies as its prior for the law, by adaptive importance sampling.

The coordinates, the likelihood and the conditional draws of the two terms are `fast`'s. The prior of the law is the population's
predictive density for a new study with the table's covariates (of a relative loss, only its part that no unit moves); the
prior of the noise is that of `priors`. The mixture of `fast.adapt` begins at draws of the prior.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.inference.fast.adapt import Adaptation, Evaluate, adapt, settle
from study.inference.fast.fit import equal_draws, importance
from study.inference.fast.likelihood import log_likelihood
from study.inference.fast.mixture import Mixture, rebuild
from study.inference.fast.target import E_COLUMN, Target, log_normal, target
from study.inference.observations import observations, reference
from study.inference.parameters import Array
from study.inference.pooled.coordinates import SCALE, WITHOUT_SCALE, from_coordinates, log_jacobian, to_coordinates
from study.inference.pooled.population import BYTES, Population, covariates
from study.inference.posterior import Posterior
from study.inference.spec import BYTES_PER_TOKEN, HEADLINE, ModelSpec

FIRST = 6000  # draws of the prior that the first mixture is built on
ENOUGH = 0.25  # effective fraction of a round's draws at which the mixture is good
RULE = Adaptation(round=1500, least=1, most=40, enough=ENOUGH, growth=1.05)
ATTEMPTS = (2, 4, 8, 8)  # proposals a draw that is asked for, until enough carry weight and k-hat is good


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


def everyone(population: Population, bytes_per_token: float = BYTES) -> Informed:
    """The prior for a table of which only its bytes a token are known: else the base of the covariates."""
    return Informed(population, covariates("multiplying", decayed=True, tuned=False, bytes_per_token=bytes_per_token))


def fit_informed(table: pd.DataFrame, prior: Informed, spec: ModelSpec = HEADLINE, *, seed: int, draws: int = 4000,
                 bytes_per_token: float = BYTES_PER_TOKEN, rule: Adaptation = RULE) -> Posterior:
    """The posterior of Hoffmann's law given `table` (at least N, D, loss) under the population's prior; `idata` is None.

    Any table will do, down to one run: what it leaves open is the population's.

    Raises:
        BadValueError, SpecError: the table cannot be fitted.
    """
    rows = observations(table, spec)
    N0, D0 = reference(rows)
    problem = _Problem(target(rows, spec, N0, D0, bytes_per_token), prior, N0, D0, bytes_per_token)
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        mixture = adapt(problem.importance(rng), rebuild(*problem.first(FIRST, rng), rng), rule, rng)
        found = settle(problem.importance(rng), mixture, [larger * draws for larger in ATTEMPTS], ENOUGH * draws, rng)
    drawn = equal_draws(problem.target, found, draws, len(rows.groups), rng)
    return Posterior(drawn[0].surface(N0, D0), *drawn, rows, spec, N0, D0, bytes_per_token, seed, found.diagnostics, None)


@dataclass(frozen=True)
class _Problem:
    target: Target
    prior: Informed
    N0: float
    D0: float
    bytes_per_token: float

    def importance(self, rng: np.random.Generator) -> Evaluate:
        # draws and weights for the default prior of the law, which the population's then replaces
        def evaluate(mixture: Mixture, count: int) -> tuple[Array, Array, Array]:
            x, psi, log_weight = importance(self.target, mixture, count, rng)
            p, law = self.target.prior, self.target.parameters(x, psi)
            default = sum(log_normal(column, mean_sd) for column, mean_sd in (
                (x[:, 0], p.exponent), (x[:, 1], p.exponent), (x[:, E_COLUMN], p.E), (psi[:, 0], p.t), (psi[:, 1], p.t)))
            own = self.prior.log_density(to_coordinates(law, self.N0, self.D0, self.bytes_per_token))
            log_weight = log_weight - default + own + log_jacobian(law.alpha, law.beta)
            return x, psi, np.where(np.isfinite(log_weight), log_weight, -np.inf)

        return evaluate

    def first(self, count: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        # draws of the prior, weighed by the likelihood
        p, t = self.target.prior, self.target
        coordinates = self.prior.population.new_study(self.prior.c, rng, count)
        if self.prior.relative:  # the unit that puts each draw's losses where the table's are
            law = from_coordinates(coordinates, self.N0, self.D0, self.bytes_per_token)
            fitted = (law["E"][:, None] + law["tA"][:, None] * np.exp(-np.outer(law["alpha"], t.n))
                      + law["tB"][:, None] * np.exp(-np.outer(law["beta"], t.d)))
            coordinates = coordinates + SCALE * (t.y - np.log(fitted)).mean(axis=1)[:, None]
        law = from_coordinates(coordinates, self.N0, self.D0, self.bytes_per_token)
        drawn = {"alpha": coordinates[:, 0], "beta": coordinates[:, 1], "E": np.log(law["E"]), "s": rng.normal(*p.s, count),
                 "g": rng.normal(0.0, p.g, count), "nu": np.log(rng.gamma(p.nu[0], 1 / p.nu[1], count)),
                 "tau": np.sqrt(np.abs(rng.standard_normal(count)))}
        x, psi = np.column_stack([drawn[name] for name in t.free]), np.column_stack([np.log(law["tA"]), np.log(law["tB"])])
        value = log_likelihood(t.phi(x), np.column_stack([x[:, E_COLUMN], psi]), t.n, t.d, t.y, t.c, t.first)
        return x, psi, np.where(np.isfinite(value), value, -np.inf)

