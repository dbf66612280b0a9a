"""Learning in steps: L(N, S_min) = E + (N_c/N)^alpha_N + (S_c/S_min)^alpha_S.

Kaplan et al. 2020 (arXiv 2001.08361, eq. 5.6), without E there. S_min is the number of steps at a batch far above the critical
one (`c_min`). The formula is Hoffmann's with S in the place of D, so it is taken from there. For curves at a constant rate: where
the rate decays over a run's own length the curve is not a function of N and S.
"""

from typing import Any

import numpy as np

from study.laws.hoffmann import additive
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

KAPLAN = {"alpha_N": 0.077, "alpha_S": 0.76, "N_c": 6.5e13, "S_c": 2.1e3}  # table 3


def steps_law(*, floor: bool = True, bytes_per_token: float = BYTES_PER_TOKEN) -> Law:
    """L(N, S_min) with E or, as in the paper, without. tN and tS are the two terms at the reference, nats.

    Without E the prior of tN is that of a whole loss.
    """
    entropy = prior_of_entropy(bytes_per_token)
    size = {"E": entropy, "tN": TERM} if floor else {"tN": prior_of_whole_loss(bytes_per_token)}
    return Law("E + (N_c/N)^alpha_N + (S_c/S)^alpha_S" if floor else "(N_c/N)^alpha_N + (S_c/S)^alpha_S", ("N", "S_min"),
               {**size, "tS": LogNormal(-0.7, 1.0), "alpha_N": EXPONENT if floor else PURE_EXPONENT,
                "alpha_S": LogNormal(float(np.log(0.6)), 0.4)}, _mean,
               terms=(("tN", "alpha_N"), ("tS", "alpha_S")) if floor else ())


def _mean(theta: Values, columns: Values, xp: Any) -> Any:
    return additive(theta.get("E", 0.0), xp.log(theta["tN"]), xp.log(theta["tS"]), theta["alpha_N"], theta["alpha_S"],
                    columns["N"], columns["S_min"], xp)
