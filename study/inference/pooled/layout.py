"""The coordinates theta in which NUTS samples a population, and their prior, in the order of `Layout`:

    m (6, 5)            M = MEAN + SD m
    lab, within (15,)   of S = F F': ln(s.d. / the prior's scale) (5,), then u (10,), the rows below the diagonal
    ln_w (L,)           with heavy tails: 1 / w scales S_lab of each laboratory, w ~ Gamma(tails / 2, tails / 2)

Row i of F is s_i (u_i, 1) / sqrt(1 + |u_i|^2). In these coordinates the priors of `population` part into factors,

    p(ln s_i) = s_i half-t(s_i),     p(u_i) ~ (1 + |u_i|^2)^-(d - 1 + 2 ETA) / 2,     d = 5

the second LKJ's density C_ii^(d - 1 - i + 2 ETA - 2) of the row C_i of the correlations' factor, with the Jacobian of u_i to
C_i: a multivariate t whatever s_i is. (In the entries of F themselves each row is a funnel: as its s.d. goes to 0 all must.)
"""

import math
from dataclasses import dataclass

import numpy as np

from study.inference.fast.kernels import compiled
from study.inference.parameters import Array
from study.inference.pooled.coordinates import SIZE
from study.inference.pooled.population import CENTRE, CENTRE_SD, COVARIATE_SD, COVARIATES, ETA, FREEDOM, LAB_SD, WITHIN_SD

TERMS = 1 + len(COVARIATES)
ROWS = SIZE * (SIZE + 1) // 2
MEAN = np.vstack([CENTRE, np.zeros((TERMS - 1, SIZE))])
SD = np.vstack([CENTRE_SD, np.tile(COVARIATE_SD, (TERMS - 1, 1))])  # of M


@dataclass(frozen=True)
class Layout:
    """Where each part of theta stands, with the weights of so many laboratories (0 for normal effects)."""

    labs: int = 0

    @property
    def size(self) -> int:
        return TERMS * SIZE + 2 * ROWS + self.labs

    def split(self, theta: Array) -> dict[str, Array]:
        """The parts of draws theta (S, size), by name: "M" (S, 6, 5), "lab" and "within" (F, (S, 5, 5)), "ln_w" (S, L)."""
        m, lab, within, ln_w = np.split(theta, np.cumsum([TERMS * SIZE, ROWS, ROWS]), axis=1)
        return {"M": MEAN + SD * m.reshape(-1, TERMS, SIZE), "lab": LAB_SD[:, None] * _factors(lab),
                "within": WITHIN_SD[:, None] * _factors(within), "ln_w": ln_w}


def _factors(theta: Array) -> Array:
    out = np.tile(np.eye(SIZE), (len(theta), 1, 1))
    out[:, *np.tril_indices(SIZE, -1)] = theta[:, SIZE:]
    return np.asarray(out * (np.exp(theta[:, :SIZE]) / np.linalg.norm(out, axis=2))[:, :, None])


@compiled
def factor_of(theta: Array, scale: Array) -> Array:
    """F from its coordinates, (5, 5)."""
    F, index = np.zeros((SIZE, SIZE)), SIZE
    for i in range(SIZE):
        squares = 1.0
        for j in range(i):
            squares += theta[index + j] ** 2
        F[i, i] = scale[i] * math.exp(theta[i]) / math.sqrt(squares)
        for j in range(i):
            F[i, j] = F[i, i] * theta[index + j]
        index += i
    return F


@compiled
def factor_gradient(theta: Array, F: Array, by_F: Array, gradient: Array) -> float:
    """The log prior of a factor's coordinates; its gradient, and the chain rule from d/dF, are added to `gradient`."""
    value, index = 0.0, SIZE
    for i in range(SIZE):
        ratio, squares = math.exp(2 * theta[i]) / FREEDOM, 1.0
        for j in range(i):
            squares += theta[index + j] ** 2
        value += theta[i] - 0.5 * (FREEDOM + 1) * math.log1p(ratio) - 0.5 * (SIZE - 1 + 2 * ETA) * math.log(squares)
        along = by_F[i, i] * F[i, i]
        for j in range(i):
            along += by_F[i, j] * F[i, j]
        gradient[i] += along + 1 - (FREEDOM + 1) * ratio / (1 + ratio)
        for j in range(i):
            gradient[index + j] += by_F[i, j] * F[i, i] - (along + SIZE - 1 + 2 * ETA) * theta[index + j] / squares
        index += i
    return value
