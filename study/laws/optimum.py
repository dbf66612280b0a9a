"""The optimum under C = 6 N D of every law whose two terms meet in a power norm, in closed form.

    L(N, D) = E + [ (A/N^alpha)^(1/kappa) + (B/D^beta)^(1/kappa) ]^kappa

The bracket is Hoffmann's form with alpha/kappa, beta/kappa, A^(1/kappa), B^(1/kappa), so that for every kappa

    N_opt = G (C/6)^a,  D_opt = (C/6)^b / G,  a = beta / (alpha + beta),  b = 1 - a
    ln G = [kappa ln(alpha/beta) + ln(A/B)] / (alpha + beta)

and kappa = 1 is Hoffmann et al. 2022 (arXiv 2203.15556), eq. 4. Functions take the logarithms of A and B.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
FLOPS_PER_PARAMETER_TOKEN = 6.0


def exponent(own: Any, other: Any) -> Array:
    """Exponent in C of the optimal count whose own term falls as x^-own: other / (own + other)."""
    return np.asarray(other / (own + other))


def log_G(ln_A: Any, ln_B: Any, alpha: Any, beta: Any, kappa: Any = 1.0) -> Array:
    """ln G."""
    return np.asarray((kappa * (np.log(alpha) - np.log(beta)) + ln_A - ln_B) / (alpha + beta))


def N_opt(ln_G: Array, a: Array, C: ArrayLike) -> Array:
    """Parameters that minimise L at C = 6 N D."""
    return np.asarray(np.exp(ln_G + a * log_positive(np.asarray(C, dtype=float) / FLOPS_PER_PARAMETER_TOKEN)))


def D_opt(ln_G: Array, b: Array, C: ArrayLike) -> Array:
    """Tokens that minimise L at C = 6 N D."""
    return np.asarray(np.exp(b * log_positive(np.asarray(C, dtype=float) / FLOPS_PER_PARAMETER_TOKEN) - ln_G))


def D_opt_at(ln_G: Array, alpha: Any, beta: Any, N: ArrayLike) -> Array:
    """Tokens for which N is the optimal size: (N / G)^(alpha/beta) / G."""
    return np.asarray(np.exp(alpha / beta * (log_positive(N) - ln_G) - ln_G))


def log_positive(value: ArrayLike) -> Array:
    """ln of counts.

    Raises:
        ValueError: one is not positive.
    """
    array = np.asarray(value, dtype=float)
    if not np.all(array > 0):
        raise ValueError("N, D and C must be positive")
    return np.asarray(np.log(array))
