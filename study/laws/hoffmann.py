"""Hoffmann's law L(N, D) = E + A / N^alpha + B / D^beta and its closed-form optimum under C = 6 N D.

Source: Hoffmann et al. 2022 (arXiv 2203.15556), eqs. 2 and 4. N in parameters, D in tokens, L in nats a token, C in FLOP.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from study.laws import optimum
from study.laws.optimum import FLOPS_PER_PARAMETER_TOKEN, Array, log_positive

__all__ = ["FLOPS_PER_PARAMETER_TOKEN", "LossSurface", "additive"]


def additive(E: Any, ln_A: Any, ln_B: Any, alpha: Any, beta: Any, n: Any, d: Any, xp: Any = np) -> Any:
    """E + exp(ln A - alpha n) + exp(ln B - beta d), nats a token: the law's one formula, for numpy and for PyTensor.

    n = ln(N / N0) and d = ln(D / D0) at any reference, A and B the terms there.
    """
    return E + (xp.exp(ln_A - alpha * n) + xp.exp(ln_B - beta * d))


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
        """L(N, D) = E + A N^-alpha + B D^-beta, nats a token; a term whose coefficient is 0 is left out."""
        with np.errstate(divide="ignore"):
            ln_A, ln_B = np.log(self.A), np.log(self.B)
        return np.asarray(additive(self.E, ln_A, ln_B, self.alpha, self.beta, log_positive(N), log_positive(D)))

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
        """Logarithm of G = (alpha A / (beta B))^(1 / (alpha + beta)), with N_opt = G (C/6)^a."""
        return optimum.log_G(np.log(self.A), np.log(self.B), self.alpha, self.beta)

    def N_opt(self, C: ArrayLike) -> Array:
        """Parameters that minimise L at C = 6 N D: G (C/6)^a."""
        return optimum.N_opt(self.log_G, self.a, C)

    def D_opt(self, C: ArrayLike) -> Array:
        """Tokens that minimise L at C = 6 N D: (C/6)^b / G."""
        return optimum.D_opt(self.log_G, self.b, C)

    def D_opt_at(self, N: ArrayLike) -> Array:
        """Tokens for which N is the optimal size: (beta B N^alpha / (alpha A))^(1/beta)."""
        return optimum.D_opt_at(self.log_G, self.alpha, self.beta, N)
