"""Variable projection: L is linear in E, A and B, so only alpha and beta need a search.

For each (alpha, beta), non-negative least squares gives (E, A, B) that minimise

    sum_i w_i (L_i - E - A N_i^-alpha - B D_i^-beta)^2,      w_i = 1/L_i^2: nearly the residuals of ln L

and the profile over (alpha, beta) is minimised from the best point of a grid (Golub & Pereyra 1973).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, nnls

from study.inference.classical.points import InferenceError, Points, points
from study.laws.hoffmann import LossSurface

Array = NDArray[np.float64]
GRID = np.linspace(0.05, 1.2, 24)  # alpha and beta of the coarse search


@dataclass(frozen=True)
class VarProFit:
    """The least-squares surface."""

    surface: LossSurface
    objective: float  # weighted sum of squares
    at_bound: tuple[str, ...]  # those of E, A, B that non-negative least squares set to zero


def fit_varpro(N: ArrayLike, D: ArrayLike, loss: ArrayLike, *, relative: bool = True) -> VarProFit:
    """Fit by variable projection.

    Args:
        relative: weigh squared residuals by 1/L^2 (residuals of ln L, to first order); False for plain residuals of L.

    Raises:
        InferenceError: bad data, or fewer than five points: more surfaces than one then fit exactly.
    """
    data = points(N, D, loss)
    if data.size < 5:
        raise InferenceError(f"variable projection needs at least five points, not {data.size}")
    root = 1 / data.loss if relative else np.ones(data.size)
    profile = np.array([[_project(data, root, a, b)[1] for b in GRID] for a in GRID])
    i, j = np.unravel_index(int(np.argmin(profile)), profile.shape)
    best = np.log([GRID[i], GRID[j]])
    for _ in range(3):  # a fresh simplex leaves the flat valley's false stops
        best = minimize(lambda x: _project(data, root, *np.exp(x))[1], best, method="Nelder-Mead",
                        options={"xatol": 1e-10, "fatol": 1e-18, "maxiter": 2000,
                                 "initial_simplex": best + 0.05 * np.array([[0, 0], [1, 0], [0, 1]])}).x
    alpha, beta = (float(value) for value in np.exp(best))
    (E, A, B), objective = _project(data, root, alpha, beta)
    zero = tuple(name for name, value in (("E", E), ("A", A), ("B", B)) if value == 0)
    return VarProFit(LossSurface(float(E), float(A), float(B), alpha, beta), objective, zero)


def _project(data: Points, root: Array, alpha: float, beta: float) -> tuple[Array, float]:
    """(E, A, B) and the objective at fixed exponents; columns scaled at the geometric means."""
    columns = np.stack([np.ones(data.size), np.exp(-alpha * data.centred_n), np.exp(-beta * data.centred_d)], axis=1)
    linear, norm = nnls(columns * root[:, None], data.loss * root)
    return linear * np.exp([0.0, alpha * data.mean_n, beta * data.mean_d]), float(norm**2)
