"""Power laws of one factor: L(x) = E + A x^-alpha, and the pure one, E = 0.

Kaplan et al. 2020 (arXiv 2001.08361, eqs. 1.1-1.3) fit the pure one to N, D and C, each where the other two do not bind.
t is the term at the reference x0, A = t x0^alpha. Priors as for the joint law; the pure law's term is a whole loss.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.laws.law import (
    BYTES_PER_TOKEN,
    EXPONENT,
    PURE_EXPONENT,
    TERM,
    Law,
    LogNormal,
    Values,
    prior_of_entropy,
    prior_of_whole_loss,
)

PF_DAY = 8.64e19  # FLOP: 1e15 a second for a day
Array = NDArray[np.float64]


def power(column: str, *, bytes_per_token: float = BYTES_PER_TOKEN, entropy: LogNormal | None = None,
          exponent: LogNormal = EXPONENT, term: LogNormal = TERM) -> Law:
    """y = E + t exp(-alpha x), x = ln(column / reference). `entropy`: the prior of E, where it is not that of a text."""
    def mean(theta: Values, columns: Values, xp: Any) -> Any:
        return theta["E"] + theta["t"] * xp.exp(-theta["alpha"] * columns[column])

    return Law(f"E + A {column}^-alpha", (column,),
               {"E": entropy or prior_of_entropy(bytes_per_token), "t": term, "alpha": exponent},
               mean, terms=(("t", "alpha"),))


def pure_power(column: str, *, response: str = "loss", relative: bool = False,
               bytes_per_token: float = BYTES_PER_TOKEN, exponent: LogNormal = PURE_EXPONENT) -> Law:
    """y = t exp(-alpha x), x = ln(column / reference)."""
    def mean(theta: Values, columns: Values, xp: Any) -> Any:
        return theta["t"] * xp.exp(-theta["alpha"] * columns[column])

    term = LogNormal(0.0, 1.0) if relative else prior_of_whole_loss(bytes_per_token)
    return Law(f"A {column}^-alpha", (column,), {"t": term, "alpha": exponent}, mean, response, relative)


def doubling(alpha: Any) -> Array:
    """Share by which a pure power law falls when its factor doubles: 1 - 2^-alpha."""
    return np.asarray(-np.expm1(-np.log(2.0) * np.asarray(alpha, dtype=float)))


# Kaplan et al. 2020, table 5 and section 1.2: exponents of one factor each, and the scale where L = 1 nat
KAPLAN_ONE_FACTOR = {"N": (0.076, 8.8e13), "D": (0.095, 5.4e13), "C": (0.057, 1.6e7 * PF_DAY), "C_min": (0.050, 3.1e8 * PF_DAY)}
