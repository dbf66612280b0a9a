"""A mixture of Student-t kernels that follows weighted draws, and the arithmetic of their weights."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from study.inference.fast.kernels import compiled
from study.inference.parameters import Array

KERNELS = 500
FREEDOM = 6  # of the kernels
WIDE, WIDE_FRACTION = 1.5, 0.1  # a share of the kernels is as wide as this times the whole posterior
ALIVE = 40.0  # effective draws a mixture is rebuilt on: weights are tempered until they leave so many


@compiled
def mean_kernel(x: Array, centres: Array) -> Array:
    """mean_j (1 + |x - centre_j|^2 / FREEDOM)^-((FREEDOM + K) / 2), shape (M,)."""
    k = x.shape[1]
    out, whole = np.empty(len(x)), (FREEDOM + k) // 2
    for m in range(len(x)):
        total = 0.0
        for j in range(len(centres)):
            distance = 0.0
            for i in range(k):
                distance += (x[m, i] - centres[j, i]) ** 2
            inverse = 1.0 / (1.0 + distance / FREEDOM)
            value = math.sqrt(inverse) if (FREEDOM + k) % 2 else 1.0
            for _ in range(whole):
                value *= inverse
            total += value
        out[m] = total / len(centres)
    return out


@dataclass(frozen=True)
class Mixture:
    """Equal t kernels: q(x) = mean_j sum_w share_w t(F_w^-1 (x - centre_j)), with two factors F, narrow and wide."""

    centres: Array  # (J, K)
    factors: tuple[Array, Array]  # (K, K) lower triangular
    psi: Array  # (J, 2) conditional modes at the centres: where the search for another's begins

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draws (count, K), spread evenly over the kernels, and first guesses of their conditional modes (count, 2)."""
        j = (np.arange(count) * len(self.centres)) // count
        k = self.centres.shape[1]
        z = rng.standard_normal((count, k)) / np.sqrt(rng.chisquare(FREEDOM, count) / FREEDOM)[:, None]
        wide = rng.random(count) < WIDE_FRACTION
        return self.centres[j] + np.where(wide[:, None], z @ self.factors[1].T, z @ self.factors[0].T), self.psi[j]

    def log_density(self, x: Array) -> Array:
        """ln q(x), shape (M,)."""
        k, middle = self.centres.shape[1], self.centres.mean(axis=0)
        parts = []
        for factor, share in zip(self.factors, (1 - WIDE_FRACTION, WIDE_FRACTION), strict=True):
            inverse = np.linalg.inv(factor)
            density = mean_kernel((x - middle) @ inverse.T, (self.centres - middle) @ inverse.T)
            parts.append(np.log(share * density) + float(np.log(np.diag(inverse)).sum()))
        power = (FREEDOM + k) / 2
        constant = special.gammaln(power) - special.gammaln(FREEDOM / 2) - k / 2 * np.log(FREEDOM * np.pi)
        return np.logaddexp(*parts) + float(constant)


def rebuild(x: Array, psi: Array, log_weight: Array, rng: np.random.Generator) -> Mixture:
    """A mixture on resampled draws: kernels of Silverman's width in the metric of the draws' covariance."""
    log_weight = temper(log_weight, ALIVE)
    keep = resample(log_weight, KERNELS, rng)
    k = x.shape[1]
    factor = np.asarray(np.linalg.cholesky(np.cov(x.T, aweights=np.exp(log_weight - log_weight.max()))), dtype=float)
    count = min(effective(log_weight), KERNELS)
    bandwidth = float((4 / ((k + 2) * count)) ** (1 / (k + 4)))
    return Mixture(x[keep], (factor * bandwidth, factor * WIDE), psi[keep])


def effective(log_weight: Array) -> float:
    """Kish's effective number of draws, (sum w)^2 / sum w^2."""
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / (weight**2).sum())


def temper(log_weight: Array, needed: float) -> Array:
    """The weights to the largest power in (0, 1] that leaves at least `needed` effective draws."""
    log_weight = np.maximum(log_weight, log_weight.max() - 1e4)
    if effective(log_weight) >= needed:
        return log_weight
    low, high = 0.0, 1.0
    for _ in range(30):
        power = (low + high) / 2
        low, high = (power, high) if effective(power * log_weight) >= needed else (low, power)
    return low * log_weight


def resample(log_weight: Array, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Systematic resampling: `count` indices, each expected in proportion to its weight."""
    weight = np.exp(log_weight - log_weight.max())
    edges = np.cumsum(weight) / weight.sum()
    return np.minimum(np.searchsorted(edges, (np.arange(count) + rng.random()) / count), len(edges) - 1)
