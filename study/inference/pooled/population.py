"""The population of studies: its model, its draws, and what they say about a study that nobody has seen.

For entry k of laboratory l(k), with x of `coordinates` and covariates c_k (1 first):

    x_k = M' c_k + v_l(k) + w_k,     v_l ~ Normal(0, S_lab),   w_k ~ Normal(0, S_within)
    M[0] ~ Normal(CENTRE, CENTRE_SD),   M[q] ~ Normal(0, COVARIATE_SD)   (each number apart)
    S: s.d. half-t of `FREEDOM` degrees and the scales below, correlations LKJ(`ETA`)
       (Lewandowski, Kurowicka and Joe 2009, J. Multivariate Analysis 100, 1989)

Entries of one laboratory share v: three corpora under one recipe are not three studies.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from study.inference.parameters import Array, evenly
from study.inference.pooled.coordinates import NAMES, SIZE

COVARIATES = ("total", "non_embedding", "constant", "tuned", "vocabulary")
CENTRE = np.array([math.log(0.35), math.log(0.35), math.log(20.0), math.log(0.40), math.log(0.15)])
CENTRE_SD = np.array([0.4, 0.4, 1.0, 0.4, 0.8])
COVARIATE_SD = np.array([0.15, 0.15, 0.4, 0.15, 0.3])
LAB_SD = np.array([0.3, 0.3, 0.6, 0.3, 0.5])  # scales of the half-t priors of the s.d.
WITHIN_SD = np.array([0.15, 0.15, 0.3, 0.15, 0.25])
FREEDOM, ETA = 6.0, 2.0
BYTES = 4.3  # a token of the vocabulary whose covariate is 0


def covariates(N_convention: str, decayed: bool, tuned: bool, bytes_per_token: float) -> Array:
    """c of an entry: 1, then `COVARIATES`; "multiplying" counts, decayed, untuned and 4.3 bytes a token are the base."""
    return np.array([1.0, N_convention == "total", N_convention == "non_embedding", not decayed, tuned,
                     math.log(bytes_per_token / BYTES)], dtype=float)


@dataclass(frozen=True)
class Population:
    """Draws of the population, first axis (S,)."""

    mean: Array  # (S, 6, 5): M, a row a covariate
    lab: Array  # (S, 5, 5): S_lab
    within: Array  # (S, 5, 5): S_within
    tails: float = math.inf  # degrees of freedom of the laboratories' effects: S_lab is then their scale, not their covariance

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def spread(self) -> Array:
        """Covariance of a new study of a new laboratory, (S, 5, 5)."""
        return self.lab + self.within

    def widened(self, factor: float) -> "Population":
        """Every s.d. between and within laboratories times `factor`."""
        return replace(self, lab=factor**2 * self.lab, within=factor**2 * self.within)

    def thin(self, count: int) -> "Population":
        """About evenly spaced draws."""
        keep = evenly(len(self), count)
        return replace(self, mean=self.mean[keep], lab=self.lab[keep], within=self.within[keep])

    def new_study(self, c: Array, rng: np.random.Generator, count: int) -> Array:
        """x of new studies with covariates c, shape (count, 5)."""
        which = rng.integers(len(self), size=count)
        if self.tails < math.inf:
            wide = self.tails / rng.chisquare(self.tails, count)
            factor = np.linalg.cholesky(wide[:, None, None] * self.lab[which] + self.within[which])
        else:
            factor = np.linalg.cholesky(self.spread)[which]
        return np.asarray((c @ self.mean)[which] + np.einsum("sij,sj->si", factor, rng.standard_normal((count, SIZE))))

    def log_density(self, x: Array, c: Array, part: Array | None = None) -> Array:
        """ln p(x) of a new study, averaged over the draws, shape (M,). `part` (P, 5): of the coordinates part @ x alone.

        Raises:
            ValueError: the laboratories' effects are not normal.
        """
        if self.tails < math.inf:
            raise ValueError("the density of a new study is that of normal effects of laboratories")
        part = np.eye(SIZE) if part is None else part
        mean, cov = (c @ self.mean) @ part.T, part @ self.spread @ part.T
        inverse = np.linalg.inv(np.linalg.cholesky(cov))
        constant = np.log(np.diagonal(inverse, axis1=1, axis2=2)).sum(axis=1) - len(part) / 2 * math.log(2 * math.pi)
        projected = x @ part.T
        out = np.empty((len(self), len(x)))
        for s in range(len(self)):
            out[s] = constant[s] - 0.5 * (((projected - mean[s]) @ inverse[s].T) ** 2).sum(axis=1)
        return np.asarray(special.logsumexp(out, axis=0) - math.log(len(self)))


def fixed(mean: Array, sd: Array) -> Population:
    """One draw: Normal(mean, diag(sd^2)) whatever the covariates."""
    rows = np.vstack([mean, np.zeros((len(COVARIATES), SIZE))])
    return Population(rows[None], 0.5 * np.diag(sd**2)[None], 0.5 * np.diag(sd**2)[None])


def prior_draws(rng: np.random.Generator, count: int = 1) -> Population:
    """Draws of the population from its prior."""
    normal = rng.standard_normal((count, 1 + len(COVARIATES), SIZE))
    mean = np.concatenate([CENTRE + CENTRE_SD * normal[:, :1], COVARIATE_SD * normal[:, 1:]], axis=1)
    lab, within = (draw_covariances(scale, rng, count) for scale in (LAB_SD, WITHIN_SD))
    return Population(mean, lab, within)


def draw_covariances(scale: Array, rng: np.random.Generator, count: int) -> Array:
    """Covariances (count, 5, 5) from their prior: the rows of the correlations' Cholesky factor by partial correlations."""
    factor = np.zeros((count, SIZE, SIZE))
    for i in range(SIZE):
        left = np.ones(count)
        for j in range(i):
            power = ETA + (SIZE - 2 - j) / 2
            partial = 2 * rng.beta(power, power, count) - 1
            factor[:, i, j] = partial * left
            left = left * np.sqrt(1 - partial**2)
        factor[:, i, i] = left
    factor = factor * (scale * np.abs(rng.standard_t(FREEDOM, (count, SIZE))))[:, :, None]
    return np.asarray(factor @ factor.transpose(0, 2, 1))


def as_json(population: Population) -> dict[str, Any]:
    """The draws as plain lists, six digits."""
    def rounded(values: Array) -> Any:
        return [float(f"{value:.6g}") for value in values.ravel()]

    return {"coordinates": list(NAMES), "covariates": ["1", *COVARIATES], "draws": len(population),
            "mean": rounded(population.mean), "lab": rounded(population.lab), "within": rounded(population.within)}


def from_json(body: Mapping[str, Any]) -> Population:
    """The inverse of `as_json`.

    Raises:
        ValueError: the coordinates or covariates are not this version's.
    """
    if body["coordinates"] != list(NAMES) or body["covariates"] != ["1", *COVARIATES]:
        raise ValueError("the recorded population has other coordinates or covariates: record it again with `study atlas`")
    count = int(body["draws"])
    return Population(np.reshape(body["mean"], (count, -1, SIZE)), np.reshape(body["lab"], (count, SIZE, SIZE)),
                      np.reshape(body["within"], (count, SIZE, SIZE)))
