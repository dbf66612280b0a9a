"""Draws of any law's posterior: importance sampling about the mode, adapted where that does not do; NUTS where neither does.

The gate is the study's own: k-hat <= 0.7 for importance draws, R-hat, ESS and divergences for NUTS.
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from study.inference.fast.adapt import Adaptation, WeightedDraws, adapt, weigh
from study.inference.fast.mixture import Mixture, rebuild
from study.inference.general.density import Problem, coordinates, problem
from study.inference.parameters import Array
from study.inference.posterior import Diagnostics, ImportanceDiagnostics
from study.laws.law import Law

STARTS, PRIOR_POINTS = 4, 600
SHORT, LONG = 30, 200  # steps of a descent
SPREAD = 1.3  # of the first proposal, in standard deviations of Laplace's approximation
RULE = Adaptation(round=1500, least=1, most=12, enough=0.3, growth=0.0)


@dataclass(frozen=True)
class LawPosterior:
    """S draws of a law's posterior."""

    law: Law
    problem: Problem
    x: Array  # (S, K) coordinates, see `density`
    u: Array  # (S, G) group effects
    diagnostics: Diagnostics | ImportanceDiagnostics
    seed: int

    @property
    def theta(self) -> dict[str, Array]:
        """Draws (S,) by symbol, coefficients at the reference."""
        return self.problem.theta(self.x)

    @property
    def s(self) -> Array:
        """Scale of the noise in ln y, (S,)."""
        return np.asarray(np.exp(self.x[:, -2]))

    def mean(self, columns: dict[str, Any]) -> Array:
        """The law's mean at columns in their own units (floats or (R,)), in the unit of y: (S, R)."""
        at = {name: np.log(np.atleast_1d(np.asarray(columns[name], dtype=float)) / self.problem.reference[name])
              for name in self.law.columns}
        return np.asarray(self.problem.scale * np.exp(self.problem.log_mean(self.x, at)))

    def predict(self, table: pd.DataFrame, *, seed: int, group: str | None = None) -> Array:
        """Posterior predictive y of the rows of `table`, (S, R); a group that was fitted keeps its effect."""
        rng = np.random.default_rng(seed)
        mean = np.log(self.mean({name: table[name].to_numpy(dtype=float) for name in self.law.columns}))
        z = rng.standard_normal(mean.shape)
        if self.problem.group is None:
            nu = np.exp(self.x[:, -1, None])
            z = z / np.sqrt(rng.chisquare(np.broadcast_to(nu, mean.shape)) / nu)
        elif group is not None:
            known = {name: self.u[:, k] for k, name in enumerate(self.problem.groups)}
            for name in dict.fromkeys(table[group].astype(str)):
                fresh = np.exp(self.x[:, -1]) * rng.standard_normal(len(self.x))
                mean[:, (table[group].astype(str) == name).to_numpy()] += known.get(name, fresh)[:, None]
        return np.asarray(np.exp(np.minimum(mean + self.s[:, None] * z, 700.0)))


def fit_law(law: Law, table: pd.DataFrame, *, seed: int, draws: int = 4000, reference: dict[str, float] | None = None,
            scale: float | None = None, group: str | None = None, fallback: bool = True) -> LawPosterior:
    """The posterior of a law given a table that has its columns and its response.

    reference, scale: what the columns and the response are divided by (default: the table's geometric means; 1 for losses),
    so that fits of subsets may share one prior. group: the column whose rows share an error.
    fallback: NUTS where k-hat > 0.7; else the draws come back with their k-hat.

    Raises:
        LawError: the table cannot be fitted. UnconvergedError: neither way converged.
    """
    at = problem(law, table, reference=reference, scale=scale, group=group)
    rng = np.random.default_rng(seed)
    found = importance(at, draws, rng)
    if fallback and not found.diagnostics.converged:
        from study.inference.general.nuts import nuts

        return nuts(at, seed=seed, draws=max(1000, draws // 4))
    x = found.x[found.equal(draws, rng)]
    return LawPosterior(law, at, x, at.effects(x, rng), found.diagnostics, seed)


def importance(at: Problem, count: int, rng: np.random.Generator) -> WeightedDraws:
    """Weighted draws of the coordinates: from Laplace's approximation widened, or where that fails from an adapted mixture."""
    centre, factor = laplace(at, rng)

    def evaluate(proposal: Mixture, count: int) -> tuple[Array, Array, Array]:
        y, _ = proposal.draw(count, rng)
        x, log_jacobian = widened(y, centre)
        return y, np.zeros((count, 2)), at.log_posterior(x) + log_jacobian - proposal.log_density(y)

    proposal = Mixture(centre[None], (SPREAD * factor, 2 * SPREAD * factor), np.zeros((1, 2)))
    found, _ = weigh(evaluate, proposal, count)
    if found.diagnostics.khat > 0.5 or found.diagnostics.effective < 0.15 * count:
        for larger in (2, 8):
            proposal = adapt(evaluate, proposal, RULE, rng)
            found, log_weight = weigh(evaluate, proposal, larger * count)
            if found.diagnostics.converged:
                break
            proposal = rebuild(found.x, found.psi, log_weight, rng)
    return replace(found, x=widened(found.x, centre)[0])


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
