"""What the same loss would have cost far below, or taken far above, the critical batch; and Kaplan's allocation of C_min.

Kaplan et al. 2020 (arXiv 2001.08361, eqs. 5.4, 5.5 and 6.1-6.8):

    S_min = S / (1 + B_crit/B),   C_min = C / (1 + B/B_crit)
    alpha_C = 1 / (1/alpha_S + 1/alpha_B + 1/alpha_N)
    N ~ C_min^(alpha_C/alpha_N),  B ~ C_min^(alpha_C/alpha_B),  S ~ C_min^(alpha_C/alpha_S),  D = B S
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws import steps
from study.laws.critical_batch import KAPLAN_ALPHA_B

Array = NDArray[np.float64]


def S_min(S: ArrayLike, batch: ArrayLike, B_crit: ArrayLike) -> Array:
    """Steps at a batch far above the critical one."""
    return np.asarray(np.asarray(S, dtype=float) / (1 + np.asarray(B_crit, dtype=float) / np.asarray(batch, dtype=float)))


def C_min(C: ArrayLike, batch: ArrayLike, B_crit: ArrayLike) -> Array:
    """Compute at a batch far below the critical one."""
    return np.asarray(np.asarray(C, dtype=float) / (1 + np.asarray(batch, dtype=float) / np.asarray(B_crit, dtype=float)))


@dataclass(frozen=True)
class Allocation:
    """Exponents of C_min in the compute-optimal run; they add up to 1 (N, B and S multiply to C / 6)."""

    C: Any  # alpha_C: L ~ C_min^-alpha_C
    N: Any
    B: Any
    S: Any

    @property
    def D(self) -> Any:
        """Exponent of the tokens, B S."""
        return self.B + self.S


def allocation(alpha_N: Any, alpha_S: Any, alpha_B: Any) -> Allocation:
    """How a growing C_min divides into size, batch and steps, from the exponents of L(N, S_min) and B_crit(L)."""
    alpha_C = 1 / (1 / alpha_S + 1 / alpha_B + 1 / alpha_N)
    return Allocation(alpha_C, alpha_C / alpha_N, alpha_C / alpha_B, alpha_C / alpha_S)


KAPLAN = allocation(steps.KAPLAN["alpha_N"], steps.KAPLAN["alpha_S"], KAPLAN_ALPHA_B)
