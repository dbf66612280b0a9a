"""Where NUTS starts: the mode of a plain version of the posterior, and its shape there."""

import numpy as np
from scipy.optimize import minimize

from study.inference.observations import Observations
from study.inference.parameters import Array
from study.inference.priors import Priors
from study.inference.spec import ModelSpec
from study.laws.nesting import log_norm

NU = 5.0  # heavy enough tails that an outlier does not decide where the chains start


def starting_point(rows: Observations, spec: ModelSpec, priors: Priors, N0: float, D0: float) -> tuple[Array, Array]:
    """Origin and Cholesky factor of the coordinates of the surface (`bayes.coordinates`), (5, 6), and their shear, (5, G).

    The mode is over (ln E, ln tA, ln tB, ln alpha, ln beta, ln s, g), where every point has E > 0, with no group effect
    and Student-t noise; the factor is that of the posterior covariance in its Gauss-Newton approximation. The
    shear is how far the coordinates must move to make up for group effects u: a width effect looks like a change of A and alpha.
    Where the noise does not depend on C the slope g is 0: it decides how much a run counts for the shape.
    """
    law, n, d, y = spec.law, np.log(rows.N / N0), np.log(rows.D / D0), np.log(rows.loss)
    c = np.log10(rows.C / (6 * N0 * D0)) * spec.scale_slope
    centre = np.array([priors.E[0], priors.t[0], priors.t[0], priors.exponent[0], priors.exponent[0], priors.s[0], 0.0])
    spread = np.array([priors.E[1], priors.t[1], priors.t[1], priors.exponent[1], priors.exponent[1], priors.s[1], priors.g])

    def fitted(theta: Array) -> Array:
        alpha, beta = np.exp(theta[3]), np.exp(theta[4])
        kappa = beta if law == "kaplan" else 1.0
        terms = log_norm(theta[1], theta[2], alpha, beta, kappa, n, d)
        return np.asarray(np.logaddexp(theta[0], terms) if law != "kaplan" else terms)

    def objective(theta: Array) -> float:
        ln_sigma = theta[5] + theta[6] * c
        z = (y - fitted(theta)) * np.exp(-ln_sigma)
        log_likelihood = -0.5 * (NU + 1) * np.log1p(z**2 / NU).sum() - ln_sigma.sum()
        return float(-log_likelihood + 0.5 * (((theta - centre) / spread) ** 2).sum())

    first = centre.copy()
    first[5] = np.log(0.1)  # wide noise first: the surface of the likelihood is then smooth enough to descend
    mode = minimize(objective, minimize(objective, first, method="Nelder-Mead", options={"maxiter": 600}).x, method="BFGS").x

    J = _jacobian(fitted, mode)[:, :5]
    weight = np.exp(-2 * (mode[5] + mode[6] * c))[:, None]
    precision = J.T @ (J * weight) + np.diag(1 / spread[:5] ** 2)
    T = _jacobian(lambda theta: _coordinates(theta, law), mode)[:, :5]
    size = 4 if law == "kaplan" else 5
    start = np.zeros((5, 6))
    start[:size, 0] = _coordinates(mode, law)
    covariance = T @ np.linalg.solve(precision, T.T)
    start[:size, 1:size + 1] = np.linalg.cholesky(covariance)
    membership = np.equal.outer(rows.group, np.arange(len(rows.groups))).astype(float)
    shear = np.zeros((5, len(rows.groups)))
    shear[:size] = T @ np.linalg.solve(precision, J.T @ (membership * weight))
    return start, shear


def _coordinates(theta: Array, law: str) -> Array:
    ln_E, ln_tA, ln_tB, ln_alpha, ln_beta = theta[:5]
    if law == "kaplan":
        u, v = ln_tA / np.exp(ln_beta), ln_tB / np.exp(ln_beta)
        return np.array([np.exp(ln_beta) * np.logaddexp(u, v), u - v, ln_alpha, ln_beta])
    L0 = np.exp(ln_E) + np.exp(ln_tA) + np.exp(ln_tB)
    return np.array([L0, ln_alpha + ln_tA, ln_beta + ln_tB, ln_alpha, ln_beta])


def _jacobian(function, point: Array) -> Array:  # type: ignore[no-untyped-def]
    step = 1e-5
    return np.column_stack([(function(point + step * e) - function(point - step * e)) / (2 * step)
                            for e in np.eye(len(point))])
