"""A family that nests Hoffmann's additive law and Kaplan's: the two terms are added in a power norm.

    L(N, D) = E + [ (A/N^alpha)^(1/kappa) + (B/D^beta)^(1/kappa) ]^kappa,      kappa > 0

kappa = 1 is Hoffmann's E + A/N^alpha + B/D^beta. kappa = beta, E = 0 is Kaplan's law with alpha_N = alpha,
alpha_D = beta, N_c = A^(1/alpha), D_c = B^(1/beta). kappa -> 0 is E + max(A/N^alpha, B/D^beta): one bottleneck at a time.

The bracket is Hoffmann's form with alpha/kappa, beta/kappa, A^(1/kappa), B^(1/kappa), so the optimum at C = 6 N D is
closed: N_opt = G (C/6)^a with a = beta/(alpha + beta), as ever, and

    G = (alpha/beta)^(kappa/(alpha + beta)) (A/B)^(1/(alpha + beta))
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws.hoffmann import FLOPS_PER_PARAMETER_TOKEN

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NestingSurface:
    """One surface (floats) or draws of it (arrays of one shape); methods broadcast as `LossSurface` does."""

    E: Any  # nats a token
    A: Any  # nats x parameters^alpha
    B: Any  # nats x tokens^beta
    alpha: Any
    beta: Any
    kappa: Any = 1.0

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array:
        """L(N, D), nats a token."""
        x = (np.log(self.A) - self.alpha * _log(N)) / self.kappa
        y = (np.log(self.B) - self.beta * _log(D)) / self.kappa
        return np.asarray(self.E + np.exp(self.kappa * np.logaddexp(x, y)))

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
        """ln G = [kappa ln(alpha/beta) + ln(A/B)] / (alpha + beta)."""
        ratio = self.kappa * (np.log(self.alpha) - np.log(self.beta)) + np.log(self.A) - np.log(self.B)
        return np.asarray(ratio / (self.alpha + self.beta))

    def N_opt(self, C: ArrayLike) -> Array:
        """Parameters that minimise L at C = 6 N D: G (C/6)^a."""
        return np.asarray(np.exp(self.log_G + self.a * (_log(C) - np.log(FLOPS_PER_PARAMETER_TOKEN))))

    def D_opt(self, C: ArrayLike) -> Array:
        """Tokens that minimise L at C = 6 N D: (C/6)^b / G."""
        return np.asarray(np.exp(self.b * (_log(C) - np.log(FLOPS_PER_PARAMETER_TOKEN)) - self.log_G))

    def D_opt_at(self, N: ArrayLike) -> Array:
        """Tokens for which N is the optimal size: (N / G)^(alpha/beta) / G."""
        return np.asarray(np.exp(self.alpha / self.beta * (_log(N) - self.log_G) - self.log_G))


def _log(value: ArrayLike) -> Array:
    array = np.asarray(value, dtype=float)
    if not np.all(array > 0):
        raise ValueError("N, D and C must be positive")
    return np.asarray(np.log(array))
