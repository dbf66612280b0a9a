"""Delta method: a normal approximation at the optimum, carried to any derived quantity by its gradient.

For an M-estimator of ln L with psi the derivative of Huber's loss (Huber 1981, Robust Statistics, section 7.6):

    cov(theta) = tau^2 (J'J)^-1,      tau^2 = [sum psi(r)^2 / (K - 5)] / [mean psi'(r)]^2

theta = (ln A, ln B, ln E, alpha, beta), J = d ln Lhat / d theta: J'J is the Gauss-Newton Hessian. With an infinite delta
this is least squares of ln L.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from study.inference.classical.huber import DELTA, log_parameters
from study.inference.classical.newton import to_surface
from study.inference.classical.points import InferenceError, Points, points
from study.laws.hoffmann import LossSurface

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DeltaMethod:
    """Normal approximation of (ln A, ln B, ln E, alpha, beta)."""

    surface: LossSurface
    covariance: Array  # (5, 5)
    degrees_of_freedom: int

    def standard_error(self, derived: Callable[[LossSurface], ArrayLike]) -> float:
        """sqrt(g' cov g), g the gradient of the derived quantity (central differences of the log-parameters)."""
        centre = log_parameters(self.surface)
        h = 1e-5
        ends = [[float(np.asarray(derived(to_surface(centre + sign * h * unit)))) for sign in (1, -1)] for unit in np.eye(5)]
        gradient = np.array([(up - down) / (2 * h) for up, down in ends])
        return float(np.sqrt(gradient @ self.covariance @ gradient))

    def interval(self, derived: Callable[[LossSurface], ArrayLike], level: float = 0.95) -> tuple[float, float]:
        """Interval of a positive derived quantity: t quantiles on its logarithm, where it is closer to normal."""
        middle = float(np.log(np.asarray(derived(self.surface))))
        reach = float(stats.t.ppf((1 + level) / 2, self.degrees_of_freedom))
        reach *= self.standard_error(lambda surface: np.log(np.asarray(derived(surface))))
        with np.errstate(over="ignore"):
            return float(np.exp(middle - reach)), float(np.exp(middle + reach))


def delta_method(surface: LossSurface, N: ArrayLike, D: ArrayLike, loss: ArrayLike, *,
                 delta: float = DELTA) -> DeltaMethod:
    """The approximation at a fitted surface.

    Raises:
        InferenceError: bad data, fewer than six points, or J'J is singular (a direction the data do not see), or no
            residual lies within delta.
    """
    data = points(N, D, loss)
    if data.size <= 5:
        raise InferenceError(f"the delta method needs at least six points, not {data.size}: no degree of freedom is left")
    J, r = jacobian(surface, data), data.log_loss - np.log(surface.loss(data.N, data.D))
    inside = np.abs(r) <= delta
    if not inside.any():
        raise InferenceError(f"no residual of ln L lies within delta = {delta}: use a wider one")
    psi = np.clip(r, -delta, delta)
    tau2 = (psi @ psi / (data.size - 5)) / np.mean(inside) ** 2
    scale = 1 / np.linalg.norm(J, axis=0)
    normal = (J * scale).T @ (J * scale)
    if np.linalg.cond(normal) > 1e13:
        raise InferenceError("the points do not identify the five parameters: the delta method has no interval for them")
    return DeltaMethod(surface, tau2 * scale[:, None] * np.linalg.inv(normal) * scale, data.size - 5)


def jacobian(surface: LossSurface, data: Points) -> Array:
    """(K, 5) d ln Lhat / d (ln A, ln B, ln E, alpha, beta)."""
    only_N, only_D = replace(surface, E=0.0, B=0.0), replace(surface, E=0.0, A=0.0)
    first, second = only_N.loss(data.N, data.D), only_D.loss(data.N, data.D)
    third = np.full_like(first, surface.E)
    terms = np.stack([first, second, third, -first * np.log(data.N), -second * np.log(data.D)], axis=1)
    return np.asarray(terms / (first + second + third)[:, None])
