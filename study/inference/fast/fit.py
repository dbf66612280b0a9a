"""The fast exact fit: importance draws from an adapted proposal (`adapt`), smoothed to the exact posterior.

A fit takes a fraction of a second where NUTS takes seconds, which is what makes calibration and design studies with
thousands of refits cheap. Where k-hat is above 0.7 the fit is done by NUTS instead.
"""

import numpy as np
import pandas as pd
from scipy import special

from study.inference.fast.adapt import WeightedDraws, settle
from study.inference.fast.mixture import Mixture
from study.inference.fast.proposal import propose
from study.inference.fast.target import Target, supported, target
from study.inference.observations import bytes_per_token_of, check_design, observations, reference
from study.inference.parameters import Array, Parameters
from study.inference.posterior import Posterior, fit_posterior
from study.inference.spec import HEADLINE, ModelSpec

FREEDOM = 8  # of the t the two terms are drawn from
ATTEMPTS = 2
ENOUGH = 1000.0  # effective draws below which a fit is tried again


def fit_fast(table: pd.DataFrame, spec: ModelSpec = HEADLINE, *, seed: int, draws: int = 4000, N0: float | None = None,
             D0: float | None = None, bytes_per_token: float | None = None, fallback: bool = True,
             attempts: int = ATTEMPTS) -> Posterior:
    """The posterior of `spec` given `table`, as `fit_posterior` but by importance sampling; `idata` is None.

    `diagnostics` is an `ImportanceDiagnostics`, or NUTS's own where the fit fell back on it: for a law or a noise the
    fast fit does not know, and where k-hat > 0.7 each time (unless `fallback` is False: then the draws come back as they are,
    with their k-hat).

    Args:
        draws: equally weighted draws in the result, resampled from at least as many proposals.
        attempts: how often to try, each with four times the proposals of the one before.

    Raises:
        TooFewRunsError, DegenerateDesignError, BadValueError, SpecError: the table cannot be fitted.
        UnconvergedError: neither way converged.
    """
    if not supported(spec):
        return fit_posterior(table, spec, seed=seed, N0=N0, D0=D0, bytes_per_token=bytes_per_token)
    rows = observations(table, spec)
    check_design(rows)
    N0, D0 = reference(rows, N0, D0)
    bytes_per_token = bytes_per_token if bytes_per_token is not None else bytes_per_token_of(table)
    rng = np.random.default_rng(seed)
    problem = target(rows, spec, N0, D0, bytes_per_token)
    weighted = weighted_draws(problem, draws, rng, attempts)
    if fallback and not weighted.diagnostics.converged:
        return fit_posterior(table, spec, seed=seed, N0=N0, D0=D0, bytes_per_token=bytes_per_token)
    drawn = equal_draws(problem, weighted, draws, len(rows.groups), rng)
    return Posterior(drawn[0].surface(N0, D0), *drawn, rows, spec, N0, D0, bytes_per_token, seed, weighted.diagnostics, None)


def equal_draws(problem: Target, weighted: WeightedDraws, count: int, groups: int,
                rng: np.random.Generator) -> tuple[Parameters, Array]:
    """Equally weighted draws of the parameters, and of the group effects (count, groups), zero in a model without them."""
    keep = weighted.equal(count, rng)
    x, psi = weighted.x[keep], weighted.psi[keep]
    return problem.parameters(x, psi), problem.effects(x, psi, rng) if "tau" in problem.free else np.zeros((count, groups))


def weighted_draws(problem: Target, count: int, rng: np.random.Generator, attempts: int = ATTEMPTS) -> WeightedDraws:
    """Importance draws of the exact posterior.

    Where k-hat > 0.7 or few draws are effective, again: four times as many, from a mixture rebuilt on those before.
    """
    def evaluate(mixture: Mixture, draws: int) -> tuple[Array, Array, Array]:
        return importance(problem, mixture, draws, rng)

    counts = [count * 4**attempt for attempt in range(attempts)]
    return settle(evaluate, propose(problem, rng), counts, min(ENOUGH, count / 4), rng)


def importance(problem: Target, mixture: Mixture, count: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Draws x (M, K) of the mixture, psi (M, 2) of a t about its conditional mode, and exact log weights (M,)."""
    x, start = mixture.draw(count, rng)
    mode, precision, _ = problem.modes(x, start)
    # Cholesky's factor of the precisions, whose floor is the prior's: rounding can hide it in points that fit nothing
    floor = 1 / problem.prior.t[1] ** 2
    a = np.sqrt(np.maximum(precision[:, 0, 0], floor))
    b = precision[:, 1, 0] / a
    c = np.sqrt(np.maximum(precision[:, 1, 1] - b**2, floor))
    z = rng.standard_normal((count, 2)) / np.sqrt(rng.chisquare(FREEDOM, count) / FREEDOM)[:, None]
    psi = mode + np.column_stack([(z[:, 0] - b / c * z[:, 1]) / a, z[:, 1] / c])
    power = FREEDOM / 2 + 1
    log_t = (special.gammaln(power) - special.gammaln(FREEDOM / 2) - np.log(FREEDOM * np.pi)
             - power * np.log1p((z**2).sum(axis=1) / FREEDOM))
    log_proposal = mixture.log_density(x) + log_t + np.log(a * c)
    log_weight = problem.log_posterior(x, psi) - log_proposal
    return x, psi, np.where(np.isnan(log_weight), -np.inf, log_weight)  # a mode that overflowed is of a point that fits nothing
