"""A law that nests Hoffmann's and Kaplan's: L(N, D) = E + ((A N^-alpha)^(1/kappa) + (B D^-beta)^(1/kappa))^kappa.

kappa = 1 is Hoffmann et al. 2022 (arXiv 2203.15556, eq. 2). E = 0 and kappa = beta is Kaplan et al. 2020 (arXiv 2001.08361,
eq. 1.5), L = ((Nc/N)^(alphaN/alphaD) + Dc/D)^alphaD, with alpha = alphaN, beta = alphaD, A = Nc^alphaN, B = Dc^alphaD.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws.hoffmann import LossSurface

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NestingSurface:
    """One surface or many draws of it; broadcasts and reads as `LossSurface`."""

    E: Any  # nats a token
    A: Any  # nats x parameters^alpha
    B: Any  # nats x tokens^beta
    alpha: Any
    beta: Any
    kappa: Any

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array:
        """L(N, D), nats a token."""
        x = (np.log(self.A) - self.alpha * np.log(N)) / self.kappa
        y = (np.log(self.B) - self.beta * np.log(D)) / self.kappa
        return np.asarray(self.E + np.exp(self.kappa * np.logaddexp(x, y)))

    @property
    def a(self) -> Array:
        """Exponent of N_opt in C: beta / (alpha + beta)."""
        return self._closed_form.a

    @property
    def b(self) -> Array:
        """Exponent of D_opt in C: alpha / (alpha + beta)."""
        return self._closed_form.b

    @property
    def log_G(self) -> Array:
        """ln G, with N_opt = G (C/6)^a: kappa ln-ratios of the two slopes over alpha + beta."""
        ratio = (np.log(self.A) - np.log(self.B)) + self.kappa * (np.log(self.alpha) - np.log(self.beta))
        return np.asarray(ratio / (self.alpha + self.beta))

    def N_opt(self, C: ArrayLike) -> Array:
        """Parameters that minimise L at C = 6 N D."""
        return self._closed_form.N_opt(C)

    def D_opt(self, C: ArrayLike) -> Array:
        """Tokens that minimise L at C = 6 N D."""
        return self._closed_form.D_opt(C)

    def D_opt_at(self, N: ArrayLike) -> Array:
        """Tokens for which N is the optimal size."""
        return self._closed_form.D_opt_at(N)

    @property
    def _closed_form(self) -> LossSurface:
        # the optimum needs only alpha, beta and ln G; A^(1/kappa) itself overflows when kappa is small
        ratio = (self.alpha + self.beta) * self.log_G
        unit = np.ones_like(np.asarray(ratio))
        return LossSurface(0 * unit, np.exp(ratio) / self.alpha, unit / self.beta, self.alpha * unit, self.beta * unit)
