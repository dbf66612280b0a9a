"""Why Kaplan's exponent is larger: Hoffmann's law read in non-embedding parameters, at Kaplan's sizes.

Source: Pearce & Song 2024 (arXiv 2406.12907, section 3). Total parameters N_T and non-embedding ones N relate by

    N_T = N + omega N^(1/3),      omega = 47,491

(an embedding of 32 K entries at Chinchilla's aspect ratio). Minimising L(N_T(N), D) at C = 6 N D gives

    alpha A N_T^-alpha m(N) = beta B D^-beta,      m = d ln N_T / d ln N = (N + omega/3 N^(1/3)) / N_T
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws.hoffmann import FLOPS_PER_PARAMETER_TOKEN, LossSurface

Array = NDArray[np.float64]
OMEGA = 47_491.0
KAPLAN_SIZES = (768.0, 1.5e9)  # non-embedding: Kaplan et al. 2020 (arXiv 2001.08361), section 2
POINTS = 1000  # along them


def compute_at(surface: LossSurface, N: ArrayLike, omega: float = OMEGA) -> Array:
    """C = 6 N D at which N non-embedding parameters are optimal, FLOP."""
    n = np.asarray(N, dtype=float)
    total, slope = _total(n, omega)
    log_tokens = (np.log(surface.beta * surface.B) - np.log(surface.alpha * surface.A * slope)
                  + surface.alpha * np.log(total)) / surface.beta
    return np.asarray(FLOPS_PER_PARAMETER_TOKEN * n * np.exp(log_tokens))


def local_exponent(surface: LossSurface, N: ArrayLike, omega: float = OMEGA) -> Array:
    """d ln N_opt / d ln C at N: 1 / (1 + (alpha m - d ln m / d ln N) / beta)."""
    n = np.asarray(N, dtype=float)
    total, slope = _total(n, omega)
    bend = (n + omega / 9 * np.cbrt(n)) / (slope * total) - slope  # d ln m / d ln N
    return np.asarray(1 / (1 + (surface.alpha * slope - bend) / surface.beta))


def fitted_exponent(surface: LossSurface) -> float:
    """Exponent of a power law through N_opt(C), least squares of ln N on ln C at `KAPLAN_SIZES`, evenly spaced in ln N."""
    n = np.geomspace(*KAPLAN_SIZES, POINTS)
    return float(np.polyfit(np.log(compute_at(surface, n, OMEGA)), np.log(n), 1)[0])


def _total(n: Array, omega: float) -> tuple[Array, Array]:
    total = n + omega * np.cbrt(n)
    return total, (n + omega / 3 * np.cbrt(n)) / total
