"""The mode of any law's posterior, the curvature there, and coordinates in which few rows make no funnel."""

import warnings
from typing import Any

import numpy as np
from scipy.optimize import minimize

from study.inference.general.density import Problem, coordinates
from study.inference.parameters import Array

STARTS, PRIOR_POINTS = 8, 600
SHORT, LONG = 100, 200  # steps of a descent: after 30 the wrong one of two modes may still lie lower


def widened(y: Any, centre: Array, xp: Any = np) -> tuple[Any, Any]:
    """Coordinates x from y (..., K): the law's distances from the mode times s / s at the mode; and the log Jacobian.

    With few rows the law is known as finely as the noise is small: in x that is a funnel, in y it is none. y may also be one
    PyTensor vector.
    """
    ratio = y[..., -2] - centre[-2]
    inner = centre[:-2] + (y[..., :-2] - centre[:-2]) * (xp.exp(ratio)[..., None] if xp is np else xp.exp(ratio))
    return xp.concatenate([inner, y[..., -2:]], axis=-1), (len(centre) - 2) * ratio


def laplace(at: Problem, rng: np.random.Generator) -> tuple[Array, Array]:
    """The mode (K,) and the Cholesky factor of the inverse Hessian there, both of the log posterior in the coordinates.

    Descents from the best of many prior points are cut short. The best of them goes on in coordinates in which its Hessian is
    the identity: along a narrow valley L-BFGS takes hundreds of steps, and there about ten.
    """
    mu = np.array([prior.mu for prior in at.law.priors.values()] + [np.log(0.05), 1.5 if at.group is None else np.log(0.005)])
    sigma = np.array([prior.sigma for prior in at.law.priors.values()] + [0.8, 0.5])
    points = mu + sigma * np.vstack([np.zeros_like(mu), rng.standard_normal((PRIOR_POINTS, len(mu)))])
    points[:, :-2] = coordinates(at.law, points[:, :-2])
    reach = 12 * points.std(axis=0)
    best = points[np.argsort(-at.log_posterior(points))[:STARTS]]
    widest, unit = 2 * sigma.max(), np.eye(len(mu))  # a flat direction is as wide as the prior
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a line search that leaves the support
        _, mode = min((descend(at, start, unit, SHORT, reach) for start in best), key=lambda end: end[0])
        for _ in range(2):
            _, mode = descend(at, mode, inverse_root(at, mode, widest), LONG)
    return mode, inverse_root(at, mode, widest)


def descend(at: Problem, start: Array, factor: Array, steps: int, reach: Array | None = None) -> tuple[float, Array]:
    """Minus the log posterior and the point x (K,) after at most `steps` of L-BFGS in z, x = start + factor z, |z| <= reach."""
    def objective(z: Array) -> tuple[float, Array]:
        value, slope = with_slope(at, start + factor @ z)
        return (-value, -slope @ factor) if np.isfinite(value) else (1e10, np.zeros_like(z))

    found = minimize(objective, np.zeros_like(start), jac=True, method="L-BFGS-B", options={"maxiter": steps},
                     bounds=None if reach is None else list(zip(-reach, reach, strict=True)))
    return float(found.fun), start + factor @ found.x


def with_slope(at: Problem, x: Array) -> tuple[float, Array]:
    """The log posterior at x (K,) and its gradient by central differences, 0 where a side is outside the support."""
    step = 1e-4 * np.eye(len(x))
    values = at.log_posterior(np.vstack([x, x + step, x - step]))
    with np.errstate(invalid="ignore"):
        slope = (values[1:len(x) + 1] - values[len(x) + 1:]) / 2e-4
    return float(values[0]), np.where(np.isfinite(slope), slope, 0.0)


def inverse_root(at: Problem, x: Array, widest: float) -> Array:
    """Cholesky factor of the inverse of minus the log posterior's Hessian at x; no direction is wider than `widest`."""
    h = 1e-3 * np.eye(len(x))
    hessian = np.stack([(with_slope(at, x - row)[1] - with_slope(at, x + row)[1]) / 2e-3 for row in h])
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    return np.linalg.cholesky((vectors / np.maximum(values, 1 / widest**2)) @ vectors.T)
