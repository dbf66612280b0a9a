"""What a study's own rows say of its x: their likelihood as a mixture of normals, made from draws of its posterior.

The draws are of the posterior under a prior p0 = Normal(mean, diag(sd^2)), at first (CENTRE, `WIDE`). A mixture q of normals
is fitted to them by expectation maximisation; the likelihood is q / p0, again a mixture of normals, each component's precision
less the prior's (the cavity of expectation propagation). Given a population, the study's marginal likelihood and its
conditional posterior are then exact sums. A loss in unknown units adds a variance of `UNIT`^2 along `SCALE`.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from study.inference.parameters import Array
from study.inference.pooled.coordinates import SCALE
from study.inference.pooled.population import CENTRE, Population, fixed

WIDE = np.array([1.0, 1.0, 2.5, 1.0, 2.0])  # about three times the spread of the population's prior
COMPONENTS = 4
STEPS = 60  # of expectation maximisation
FLAT = 0.99  # of the prior's variance: a component as wide says nothing of that direction
UNIT = 3.0  # s.d. of the logarithm of an unknown unit


@dataclass(frozen=True)
class Summary:
    """ln likelihood(x) = logsumexp_j(log_weight_j + ln Normal(x; mean_j, cov_j)), up to a constant."""

    log_weight: Array  # (J,)
    mean: Array  # (J, 5)
    cov: Array  # (J, 5, 5)


@dataclass(frozen=True)
class FirstStage:
    """The prior p0 that a study alone was fitted under: Normal(mean, diag(sd^2))."""

    mean: Array  # (5,)
    sd: Array  # (5,)

    @property
    def population(self) -> Population:
        """As the population that `informed` takes."""
        return fixed(self.mean, self.sd)


FIRST = FirstStage(CENTRE, WIDE)
AROUND = 3.0  # s.d. of a study given a pilot of the population, within which it is summarised again


def around(x: Array) -> FirstStage:
    """p0 about draws x (S, 5) of a study given a pilot of the population: where the population asks for its likelihood."""
    return FirstStage(x.mean(axis=0), AROUND * x.std(axis=0))


def likelihood(x: Array, p0: FirstStage = FIRST, *, relative: bool, components: int = COMPONENTS) -> Summary:
    """The likelihood of a study of which x (S, 5) are posterior draws under p0."""
    weight, mean, cov = mixture((x - p0.mean) / p0.sd, components)  # p0 is standard normal here
    out_mean, out_cov, log_weight = np.empty_like(mean), np.empty_like(cov), np.log(weight)
    for j in range(components):
        values, vectors = np.linalg.eigh(cov[j])
        values = np.clip(values, 1e-10, FLAT)
        along = vectors.T @ mean[j]
        cavity = 1 / (1 / values - 1)
        centre = cavity * along / values
        # N(z; m, v) / N(z; 0, 1) = N(z; centre, cavity) times this
        log_weight[j] += 0.5 * float((np.log(cavity / values) + centre**2 / cavity - along**2 / values).sum())
        out_mean[j], out_cov[j] = vectors @ centre, (vectors * cavity) @ vectors.T
    cov = out_cov * np.outer(p0.sd, p0.sd)
    if relative:
        cov = cov + UNIT**2 * np.outer(SCALE, SCALE)
    return Summary(log_weight - special.logsumexp(log_weight), p0.mean + p0.sd * out_mean, cov)


def mixture(z: Array, components: int) -> tuple[Array, Array, Array]:
    """Weights (J,), means (J, K) and covariances (J, K, K) of a mixture of normals fitted to z (S, K) by maximum likelihood.

    Every covariance is shrunk a little towards that of all, as by a prior worth K + 1 draws.
    """
    whole, count, size = np.cov(z.T), len(z), z.shape[1]
    order = np.argsort((z - z.mean(axis=0)) @ np.linalg.eigh(whole)[1][:, -1])
    resp = np.zeros((count, components))
    for j, part in enumerate(np.array_split(order, components)):  # slices along the longest axis
        resp[part, j] = 1.0
    for _ in range(STEPS):
        total = resp.sum(axis=0) + 1e-9
        mean = resp.T @ z / total[:, None]
        cov = np.empty((components, size, size))
        for j in range(components):
            away = z - mean[j]
            cov[j] = ((resp[:, j, None] * away).T @ away + (size + 1) * 0.1 * whole) / (total[j] + size + 1)
        log_density = np.log(total / count) + log_normals(z, mean, cov)
        resp = np.exp(log_density - log_density.max(axis=1, keepdims=True))
        resp /= resp.sum(axis=1, keepdims=True)
    return total / total.sum(), mean, cov


def log_normals(x: Array, mean: Array, cov: Array) -> Array:
    """ln Normal(x_m; mean_j, cov_j), shape (M, J)."""
    out = np.empty((len(x), len(mean)))
    for j, inverse in enumerate(np.linalg.inv(np.linalg.cholesky(cov))):
        out[:, j] = -0.5 * (((x - mean[j]) @ inverse.T) ** 2).sum(axis=1) + np.log(np.diag(inverse)).sum()
    return out - x.shape[1] / 2 * math.log(2 * math.pi)
