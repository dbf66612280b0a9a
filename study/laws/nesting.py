"""A family that nests Hoffmann's additive law and Kaplan's: the two terms are added in a power norm.

    L(N, D) = E + [ (A/N^alpha)^(1/kappa) + (B/D^beta)^(1/kappa) ]^kappa,      kappa > 0

kappa = 1 is Hoffmann's E + A/N^alpha + B/D^beta. kappa = beta, E = 0 is Kaplan's law with alpha_N = alpha,
alpha_D = beta, N_c = A^(1/alpha), D_c = B^(1/beta). kappa -> 0 is E + max(A/N^alpha, B/D^beta): one bottleneck at a time.

The optimum at C = 6 N D is closed for every kappa: see `optimum`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from study.laws import optimum
from study.laws.optimum import Array, log_positive


def log_norm(ln_A: Any, ln_B: Any, alpha: Any, beta: Any, kappa: Any, n: Any, d: Any, xp: Any = np) -> Any:
    """ln of the reducible loss, kappa ln[exp((ln A - alpha n) / kappa) + exp((ln B - beta d) / kappa)], without overflow.

    The one formula of the family, for numpy and for PyTensor. n = ln(N / N0) and d = ln(D / D0) at any reference, A and B
    the terms there.
    """
    return kappa * xp.logaddexp((ln_A - alpha * n) / kappa, (ln_B - beta * d) / kappa)


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
        return np.asarray(self.E + np.exp(log_norm(np.log(self.A), np.log(self.B), self.alpha, self.beta, self.kappa,
                                                   log_positive(N), log_positive(D))))

    @property
    def a(self) -> Array:
        """Exponent of N_opt in C: beta / (alpha + beta)."""
        return optimum.exponent(self.alpha, self.beta)

    @property
    def b(self) -> Array:
        """Exponent of D_opt in C: alpha / (alpha + beta)."""
        return optimum.exponent(self.beta, self.alpha)

    @property
    def log_G(self) -> Array:
        """ln G = [kappa ln(alpha/beta) + ln(A/B)] / (alpha + beta)."""
        return optimum.log_G(np.log(self.A), np.log(self.B), self.alpha, self.beta, self.kappa)

    def N_opt(self, C: ArrayLike) -> Array:
        """Parameters that minimise L at C = 6 N D: G (C/6)^a."""
        return optimum.N_opt(self.log_G, self.a, C)

    def D_opt(self, C: ArrayLike) -> Array:
        """Tokens that minimise L at C = 6 N D: (C/6)^b / G."""
        return optimum.D_opt(self.log_G, self.b, C)

    def D_opt_at(self, N: ArrayLike) -> Array:
        """Tokens for which N is the optimal size: (N / G)^(alpha/beta) / G."""
        return optimum.D_opt_at(self.log_G, self.alpha, self.beta, N)
