"""The critical batch: what a batch of B tokens costs in steps and in tokens.

McCandlish et al. 2018 (arXiv 1812.06162, eq. 2.11); Kaplan et al. 2020 (arXiv 2001.08361, section 5.1). A loss reached in S
steps of B tokens, E = B S tokens in all, obeys

    (S / S_min - 1)(E / E_min - 1) = 1      or      S = S_min (1 + B_crit / B),   E = E_min (1 + B / B_crit)

with B_crit = E_min / S_min, which depends on the loss alone: B_crit(L) = B_* / L^(1/alpha_B).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws.law import Law, LogNormal, Values

Array = NDArray[np.float64]
KAPLAN_ALPHA_B = 0.21  # Kaplan et al. 2020, eq. 5.3


def steps(S_min: Any, B_crit: Any, batch: ArrayLike) -> Array:
    """S(B): steps to the loss with batches of B tokens."""
    return np.asarray(S_min * (1 + B_crit / np.asarray(batch, dtype=float)))


def tokens(E_min: Any, B_crit: Any, batch: ArrayLike) -> Array:
    """E(B): tokens to the loss with batches of B tokens."""
    return np.asarray(E_min * (1 + np.asarray(batch, dtype=float) / B_crit))


def _one_loss(theta: Values, columns: Values, xp: Any) -> Any:
    return theta["S_min"] * (1 + theta["B_crit"] * xp.exp(-columns["batch"]))


# S_min and B_crit at the reference, the latter in units of the reference batch
ONE_LOSS = Law("S_min (1 + B_crit/B)", ("batch",), {"S_min": LogNormal(-0.7, 1.5), "B_crit": LogNormal(0.0, 2.0)}, _one_loss,
               "steps", relative=True)


def fall_that_doubles(steepness: Any) -> Array:
    """Share by which the loss falls while B_crit doubles: 1 - 2^(-1/steepness); Kaplan says 13 %."""
    return np.asarray(-np.expm1(-np.log(2.0) / np.asarray(steepness, dtype=float)))
