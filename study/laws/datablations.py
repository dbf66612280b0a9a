"""The data-constrained law of Muennighoff et al. 2023 (arXiv 2305.16264, eqs. 4-6 and appendix A): repeated tokens decay.

With U unique tokens, D tokens seen and N parameters:

    G   = (alpha A / (beta B))^(1 / (alpha + beta))
    U_N = min(N, (U G)^(beta/alpha) G)                  the size that U unique tokens can use
    R_D = max(D/U - 1, 0),  R_N = max(N/U_N - 1, 0)     repetitions, excess parameters
    D'  = U + U R_D* (1 - exp(-R_D / R_D*)),  N' = U_N + U_N R_N* (1 - exp(-R_N / R_N*))
    L   = E + A / N'^alpha + B / D'^beta                nats a token (C4 validation)

R_D* and R_N* are half-lives in the paper's words; they are weakly identified, so compare predictions, not half-lives.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.laws.hoffmann import FLOPS_PER_PARAMETER_TOKEN, LossSurface
from study.laws.parabola import vertex_of_three

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DataConstrainedSurface:
    """One surface (floats) or draws of it (arrays of one shape). Methods broadcast their arguments against the draws."""

    unconstrained: LossSurface  # the law for unique tokens
    R_D: Any  # R_D*
    R_N: Any  # R_N*

    def effective(self, N: ArrayLike, D: ArrayLike, unique: ArrayLike) -> tuple[Array, Array]:
        """N' and D': the parameters and unique tokens worth as much as N and D at U unique tokens.

        D <= U means that no token repeats: the unique tokens are then D.
        """
        n, d, u = (np.asarray(value, dtype=float) for value in (N, D, unique))
        if not (np.all(n > 0) and np.all(d > 0) and np.all(u > 0)):
            raise ValueError("N, D and U must be positive")
        seen = np.minimum(u, d)
        s = self.unconstrained
        matched = np.minimum(n, np.exp(s.log_G + s.beta / s.alpha * (np.log(seen) + s.log_G)))
        repeats, excess = d / seen - 1, n / matched - 1
        return (np.asarray(matched * (1 + self.R_N * -np.expm1(-excess / self.R_N))),
                np.asarray(seen * (1 + self.R_D * -np.expm1(-repeats / self.R_D))))

    def loss(self, N: ArrayLike, D: ArrayLike, unique: ArrayLike) -> Array:
        """L(N, D, U), nats a token."""
        return self.unconstrained.loss(*self.effective(N, D, unique))

    def N_opt(self, C: ArrayLike, unique: ArrayLike, *, decades: float = 4.0, steps: int = 4001) -> Array:
        """Parameters that minimise L(N, C/6N, U), by a grid in ln N around the unconstrained optimum and a parabola.

        `decades` either side of the unconstrained optimum, `steps` values: within 1e-4 of the minimum in ln N, except where
        the curve has a kink (D = U), where the grid's own spacing is the error.
        """
        base = np.log(self.unconstrained.N_opt(C))
        offset = np.linspace(-decades, decades, steps) * np.log(10)
        sizes = np.exp(base[..., None] + offset)
        flops, u = np.asarray(C, dtype=float)[..., None], np.asarray(unique, dtype=float)[..., None]
        column = DataConstrainedSurface(
            LossSurface(*(np.asarray(v, dtype=float)[..., None] for v in vars(self.unconstrained).values())),
            np.asarray(self.R_D)[..., None], np.asarray(self.R_N)[..., None])
        height = column.loss(sizes, flops / (FLOPS_PER_PARAMETER_TOKEN * sizes), u)
        best = np.clip(np.argmin(height, axis=-1), 1, steps - 2)[..., None]
        shift = vertex_of_three(*(np.take_along_axis(height, best + k, axis=-1)[..., 0] for k in (-1, 0, 1)))
        return np.asarray(np.exp(base + offset[best[..., 0]] + shift * (offset[1] - offset[0])))

    def D_opt(self, C: ArrayLike, unique: ArrayLike) -> Array:
        """Tokens (seen, repeats included) that minimise L at C = 6 N D with U unique tokens."""
        return np.asarray(np.asarray(C, dtype=float) / (FLOPS_PER_PARAMETER_TOKEN * self.N_opt(C, unique)))
