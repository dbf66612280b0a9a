"""Overfitting: the early-stopped loss of N parameters on D unique tokens, and what it depends on.

Kaplan et al. 2020 (arXiv 2001.08361, eqs. 1.5 and 4.2-4.3):

    L(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D
    dL = L(N, D) / L(N, inf) - 1 = [1 + (N/N_c)^(alpha_N/alpha_D) D_c/D]^alpha_D - 1

so that dL is a function of N^(alpha_N/alpha_D) / D alone.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws.kaplan import KaplanSurface
from study.laws.law import BYTES_PER_TOKEN, PURE_EXPONENT, TERM, Law, LogNormal, Values, prior_of_entropy
from study.laws.nesting import log_norm

Array = NDArray[np.float64]


def overfitting_law(*, floor: bool = False, bytes_per_token: float = BYTES_PER_TOKEN) -> Law:
    """The early-stopped loss of columns N and unique; `floor` adds E. tN and tD are the two losses at the reference, nats.

    Without E they have E's median, not 1.5 times it as one term that is the whole loss: the two add to a loss above either.
    """
    entropy = prior_of_entropy(bytes_per_token)
    E = {"E": entropy} if floor else {}
    loss = TERM if floor else LogNormal(entropy.mu, 0.6)
    return Law("[(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D" + (" + E" if floor else ""), ("N", "unique"),
               {**E, "tN": loss, "tD": loss, "alpha_N": PURE_EXPONENT, "alpha_D": PURE_EXPONENT}, _mean)


def _mean(theta: Values, columns: Values, xp: Any) -> Any:
    norm = log_norm(xp.log(theta["tN"]), xp.log(theta["tD"]), theta["alpha_N"], theta["alpha_D"], theta["alpha_D"],
                    columns["N"], columns["unique"], xp)
    return theta.get("E", 0.0) + xp.exp(norm)


def surface(theta: Values, reference: Values) -> KaplanSurface:
    """The draws in the paper's constants: N_c = N0 tN^(1/alpha_N), D_c = D0 tD^(1/alpha_D)."""
    N_c = reference["N"] * np.exp(np.log(theta["tN"]) / theta["alpha_N"])
    D_c = reference["unique"] * np.exp(np.log(theta["tD"]) / theta["alpha_D"])
    return KaplanSurface(N_c, D_c, theta["alpha_N"], theta["alpha_D"], theta.get("E", 0.0))


def excess(law: KaplanSurface, x: ArrayLike) -> Array:
    """dL = (1 + x)^alpha_D - 1: the share by which finite data raise the loss where E = 0, at x as of `collapse`."""
    return np.asarray(np.expm1(law.alpha_D * np.log1p(np.asarray(x, dtype=float))))


def collapse(law: KaplanSurface, N: ArrayLike, D: ArrayLike) -> Array:
    """N^(alpha_N/alpha_D) / D, what dL depends on, in units where it is (N/N_c)^(alpha_N/alpha_D) D_c/D."""
    return np.asarray(np.exp(law.alpha_N / law.alpha_D * (np.log(np.asarray(N, dtype=float)) - np.log(law.N_c))
                             + np.log(law.D_c) - np.log(np.asarray(D, dtype=float))))
