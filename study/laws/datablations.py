"""The data-constrained law of Muennighoff et al. 2023 (arXiv 2305.16264, eqs. 4-6 and appendix A): repeated tokens decay.

With U unique tokens, D tokens seen and N parameters:

    G   = (alpha A / (beta B))^(1 / (alpha + beta))
    U_N = min(N, (U G)^(beta/alpha) G)                  the size that U unique tokens can use
    R_D = max(D/U - 1, 0),  R_N = max(N/U_N - 1, 0)     repetitions, excess parameters
    D'  = U + U R_D* (1 - exp(-R_D / R_D*)),  N' = U_N + U_N R_N* (1 - exp(-R_N / R_N*))
    L   = E + A / N'^alpha + B / D'^beta                nats a token (C4 validation)

R_D* and R_N* are half-lives in the paper's words; they are weakly identified, so compare predictions, not half-lives.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws.hoffmann import FLOPS_PER_PARAMETER_TOKEN, LossSurface, additive
from study.laws.law import BYTES_PER_TOKEN, EXPONENT, Law, LogNormal, Values, prior_of_entropy
from study.laws.parabola import vertex_of_three

Array = NDArray[np.float64]
TERM = LogNormal(math.log(0.3), 1.5)  # nats at the reference, 0.016 to 5.7: that size or data bring nothing must be possible
DECADES, STEPS = 4.0, 4001  # of the search for N_opt: to each side, and values in all
HALF_LIFE = LogNormal(math.log(10.0), 1.0)  # repetitions, or times the matched size: 1.4 to 71


def log_effective(n: Any, d: Any, u: Any, log_ratio: Any, alpha: Any, beta: Any, R_D: Any, R_N: Any,
                  xp: Any = np) -> tuple[Any, Any]:
    """ln N' and ln D' from ln N, ln D and ln U in any units, D and U in one.

    log_ratio = ln(alpha A / (beta B)) with A and B the terms at those units: U_N is where the slopes of both terms are equal,
    alpha A U_N^-alpha = beta B U^-beta. D <= U means that no token repeats: the unique tokens are then D.
    """
    seen = xp.minimum(u, d)
    matched = xp.minimum(n, (log_ratio + beta * seen) / alpha)
    return (matched + xp.log1p(-R_N * xp.expm1(-xp.expm1(n - matched) / R_N)),
            seen + xp.log1p(-R_D * xp.expm1(-xp.expm1(d - seen) / R_D)))


def repeated_law(*, bytes_per_token: float = BYTES_PER_TOKEN, response: str = "loss") -> Law:
    """The law of columns N, D and unique; D and unique must share one reference (`inference.general`: `reference`).

    tA and tB are the terms at the reference for tokens that do not repeat, nats.
    """
    def mean(theta: Values, columns: Values, xp: Any) -> Any:
        ln_A, ln_B, alpha, beta = xp.log(theta["tA"]), xp.log(theta["tB"]), theta["alpha"], theta["beta"]
        log_ratio = xp.log(alpha) + ln_A - xp.log(beta) - ln_B
        n, d = log_effective(columns["N"], columns["D"], columns["unique"], log_ratio, alpha, beta, theta["R_D"], theta["R_N"], xp)
        return additive(theta["E"], ln_A, ln_B, alpha, beta, n, d, xp)

    return Law("E + A/N'^alpha + B/D'^beta, repeated data", ("N", "D", "unique"),
               {"E": prior_of_entropy(bytes_per_token), "tA": TERM, "tB": TERM, "alpha": EXPONENT, "beta": EXPONENT,
                "R_D": HALF_LIFE, "R_N": HALF_LIFE},
               mean, response, terms=(("tA", "alpha"), ("tB", "beta")))


@dataclass(frozen=True)
class DataConstrainedSurface:
    """One surface (floats) or draws of it (arrays of one shape). Methods broadcast their arguments against the draws."""

    unconstrained: LossSurface  # the law for unique tokens
    R_D: Any  # R_D*
    R_N: Any  # R_N*

    def effective(self, N: ArrayLike, D: ArrayLike, unique: ArrayLike) -> tuple[Array, Array]:
        """N' and D': the parameters and unique tokens worth as much as N and D at U unique tokens (`log_effective`)."""
        n, d, u = (np.asarray(value, dtype=float) for value in (N, D, unique))
        if not (np.all(n > 0) and np.all(d > 0) and np.all(u > 0)):
            raise ValueError("N, D and U must be positive")
        s = self.unconstrained
        log_ratio = (s.alpha + s.beta) * s.log_G
        logs = log_effective(np.log(n), np.log(d), np.log(u), log_ratio, s.alpha, s.beta, self.R_D, self.R_N)
        return np.exp(logs[0]), np.exp(logs[1])

    def loss(self, N: ArrayLike, D: ArrayLike, unique: ArrayLike) -> Array:
        """L(N, D, U), nats a token."""
        return self.unconstrained.loss(*self.effective(N, D, unique))

    def N_opt(self, C: ArrayLike, unique: ArrayLike) -> Array:
        """Parameters that minimise L(N, C/6N, U), by a grid in ln N around the unconstrained optimum and a parabola.

        `DECADES` either side of the unconstrained optimum, `STEPS` values: within 1e-4 of the minimum in ln N, except where
        the curve has a kink (D = U), where the grid's own spacing is the error.
        """
        base = np.log(self.unconstrained.N_opt(C))
        offset = np.linspace(-DECADES, DECADES, STEPS) * np.log(10)
        sizes = np.exp(base[..., None] + offset)
        flops, u = np.asarray(C, dtype=float)[..., None], np.asarray(unique, dtype=float)[..., None]
        column = DataConstrainedSurface(
            LossSurface(*(np.asarray(v, dtype=float)[..., None] for v in vars(self.unconstrained).values())),
            np.asarray(self.R_D)[..., None], np.asarray(self.R_N)[..., None])
        height = column.loss(sizes, flops / (FLOPS_PER_PARAMETER_TOKEN * sizes), u)
        best = np.clip(np.argmin(height, axis=-1), 1, STEPS - 2)[..., None]
        shift = vertex_of_three(*(np.take_along_axis(height, best + k, axis=-1)[..., 0] for k in (-1, 0, 1)))
        return np.asarray(np.exp(base + offset[best[..., 0]] + shift * (offset[1] - offset[0])))

    def D_opt(self, C: ArrayLike, unique: ArrayLike) -> Array:
        """Tokens (seen, repeats included) that minimise L at C = 6 N D with U unique tokens."""
        return np.asarray(np.asarray(C, dtype=float) / (FLOPS_PER_PARAMETER_TOKEN * self.N_opt(C, unique)))
