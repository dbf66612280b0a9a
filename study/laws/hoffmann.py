"""Hoffmann's law L(N, D) = E + A / N^alpha + B / D^beta and its closed-form optimum under C = 6 N D.

Source: Hoffmann et al. 2022 (arXiv 2203.15556), eqs. 2 and 4. N in parameters, D in tokens, L in nats a token, C in FLOP.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
FLOPS_PER_PARAMETER_TOKEN = 6.0


@dataclass(frozen=True)
class LossSurface:
    """One surface (floats) or many draws of it (arrays of one shape S).

    Every method broadcasts its arguments against the draws: with draws of shape (S,) and N of shape (K, 1) it returns
    (K, S). Derive per draw, summarise last: the optimum of the mean parameters is not the mean optimum.
    """

    E: Any  # nats a token
    A: Any  # nats x parameters^alpha
    B: Any  # nats x tokens^beta
    alpha: Any
    beta: Any

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array:
        """L(N, D) = E + A N^-alpha + B D^-beta, nats a token."""
        n, d = np.log(_positive(N)), np.log(_positive(D))
        return np.asarray(self.E + self.A * np.exp(-self.alpha * n) + self.B * np.exp(-self.beta * d))

    @property
    def a(self) -> Array:
        """Exponent of N_opt in C: beta / (alpha + beta)."""
        return np.asarray(self.beta / (self.alpha + self.beta))

    @property
    def b(self) -> Array:
        """Exponent of D_opt in C: alpha / (alpha + beta)."""
        return np.asarray(self.alpha / (self.alpha + self.beta))

    @property
    def log_G(self) -> Array:
        """Logarithm of G = (alpha A / (beta B))^(1 / (alpha + beta)), with N_opt = G (C/6)^a."""
        ratio = np.log(self.alpha * self.A) - np.log(self.beta * self.B)
        return np.asarray(ratio / (self.alpha + self.beta))

    def N_opt(self, C: ArrayLike) -> Array:
        """Parameters that minimise L at C = 6 N D: G (C/6)^a."""
        return np.asarray(np.exp(self.log_G + self.a * np.log(_positive(C) / FLOPS_PER_PARAMETER_TOKEN)))

    def D_opt(self, C: ArrayLike) -> Array:
        """Tokens that minimise L at C = 6 N D: (C/6)^b / G."""
        return np.asarray(np.exp(self.b * np.log(_positive(C) / FLOPS_PER_PARAMETER_TOKEN) - self.log_G))

    def D_opt_at(self, N: ArrayLike) -> Array:
        """Tokens for which N is the optimal size: (beta B N^alpha / (alpha A))^(1/beta)."""
        ratio = np.log(self.beta * self.B) - np.log(self.alpha * self.A)
        return np.asarray(np.exp((ratio + self.alpha * np.log(_positive(N))) / self.beta))


def _positive(value: ArrayLike) -> Array:
    array = np.asarray(value, dtype=float)
    if not np.all(array > 0):
        raise ValueError("N, D and C must be positive")
    return array
