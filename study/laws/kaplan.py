"""Kaplan's law L(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D.

Source: Kaplan et al. 2020 (arXiv 2001.08361), eq. 1.5 (fitted in section 4.1). N in non-embedding parameters, D in
tokens, L in nats a token. The paper has no irreducible loss; `E` adds one, so that the form can be compared with
Hoffmann's on data that have it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws.nesting import NestingSurface

Array = NDArray[np.float64]


@dataclass(frozen=True)
class KaplanSurface:
    """One surface (floats) or draws of it (arrays of one shape); methods broadcast as `LossSurface` does."""

    N_c: Any  # parameters
    D_c: Any  # tokens
    alpha_N: Any
    alpha_D: Any
    E: Any = 0.0  # nats a token; 0 in the paper

    @property
    def nesting(self) -> NestingSurface:
        """The same surface in the nesting family: A = N_c^alpha_N, B = D_c^alpha_D, kappa = alpha_D."""
        return NestingSurface(self.E, np.exp(self.alpha_N * np.log(self.N_c)), np.exp(self.alpha_D * np.log(self.D_c)),
                              self.alpha_N, self.alpha_D, self.alpha_D)

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array:
        """L(N, D) = E + [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D, nats a token."""
        return self.nesting.loss(N, D)

    def endless_loss(self, N: ArrayLike) -> Array:
        """L(N, inf) = E + (N_c/N)^alpha_N: the loss where data set no limit, nats a token."""
        return np.asarray(self.E + np.exp(self.alpha_N * (np.log(self.N_c) - np.log(np.asarray(N, dtype=float)))))

    @property
    def a(self) -> Array:
        """Exponent of N_opt in C = 6 N D: alpha_D / (alpha_N + alpha_D)."""
        return self.nesting.a

    @property
    def b(self) -> Array:
        """Exponent of D_opt in C = 6 N D: alpha_N / (alpha_N + alpha_D)."""
        return self.nesting.b

    def N_opt(self, C: ArrayLike) -> Array:
        """Parameters that minimise L at C = 6 N D."""
        return self.nesting.N_opt(C)

    def D_opt(self, C: ArrayLike) -> Array:
        """Tokens that minimise L at C = 6 N D."""
        return self.nesting.D_opt(C)

    def D_opt_at(self, N: ArrayLike) -> Array:
        """Tokens for which N is the optimal size."""
        return self.nesting.D_opt_at(N)
