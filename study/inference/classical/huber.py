"""Approach 3: Hoffmann's law by Huber's loss on the residuals of ln L.

With the logarithms a = ln A, b = ln B, e = ln E (Hoffmann et al. 2022, arXiv 2203.15556, eq. 3):

    ln Lhat_i = logsumexp(a - alpha ln N_i, b - beta ln D_i, e)
    objective = sum_i huber_delta(ln L_i - ln Lhat_i)             the sum: a mean stops optimisers early

The published way is L-BFGS from a grid of 4,500 starts; here the same starts descend together (`newton.minimise`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.inference.classical.newton import Solutions, minimise
from study.inference.classical.points import InferenceError, Points, points
from study.laws.hoffmann import LossSurface

Array = NDArray[np.float64]
DELTA = 1e-3  # of ln L: Hoffmann et al., appendix D.3
FEW = 30  # points: so few may have several optima
FAR = (-5.0, 3.0)  # how far, in ln, a term may start from the loss at the geometric mean of N and D


@dataclass(frozen=True)
class HuberFit:
    """The best fit over all starts."""

    surface: LossSurface
    objective: float  # sum of Huber losses of ln L residuals
    delta: float
    starts: int
    reached: float  # fraction of the starts that end within 1e-6 (relative) of the best objective
    residuals: Array  # (K,) ln L - ln Lhat

    @property
    def log_parameters(self) -> Array:
        """(a, b, e, alpha, beta) = (ln A, ln B, ln E, alpha, beta)."""
        return log_parameters(self.surface)


def fit_huber(N: ArrayLike, D: ArrayLike, loss: ArrayLike, *, delta: float = DELTA, starts: ArrayLike | None = None,
              weights: ArrayLike | None = None) -> HuberFit:
    """Minimise the sum of Huber losses of ln L residuals over (a, b, e, alpha, beta).

    Args:
        N, D, loss: (K,) parameters, tokens, nats a token, all positive.
        delta: where the loss turns from quadratic to linear, in ln L; infinity for least squares.
        starts: (S, 5) rows of (a, b, e, alpha, beta); None for the published grid of 4,500.
        weights: (K,) multiplies each point's loss; None for ones.

    Raises:
        InferenceError: bad data, or no start ended in a finite optimum.
    """
    data = points(N, D, loss)
    ends, objective = descend(data, published_starts() if starts is None else starts, delta=delta, weights=weights)
    best = int(np.argmin(objective))
    if not np.isfinite(objective[best]):
        raise InferenceError("no start of the Huber fit ended in a finite optimum: check N, D and loss")
    a, b, e, alpha, beta = (float(value) for value in ends[best])
    surface = LossSurface(float(np.exp(e)), float(np.exp(a)), float(np.exp(b)), alpha, beta)
    reached = float(np.mean(objective <= objective[best] * (1 + 1e-6) + 1e-15))
    return HuberFit(surface, float(objective[best]), delta, len(objective), reached,
                    data.log_loss - np.log(surface.loss(data.N, data.D)))


def descend(data: Points, starts: ArrayLike, *, delta: float = DELTA,
            weights: ArrayLike | None = None) -> tuple[Array, Array]:
    """Minimise from every start: where each ends (S, 5), and the objective there (S,), infinite where it failed.

    A start whose term A/N^alpha or B/D^beta is absurd at the middle of the data (e^-15 of the loss, say) has no gradient
    to follow. Such a term is first brought within `FAR` of the loss; of the published 4,500 starts 550 distinct ones are
    then left on Chinchilla's points, and each stands for all the starts that became it.
    """
    near = _within_reach(data, np.atleast_2d(np.asarray(starts, dtype=float)))
    distinct, member = np.unique(near.round(9), axis=0, return_inverse=True)
    ends = minimise(data, distinct, delta=delta, weights=weights)
    objective = np.where(np.isfinite(ends.objective), ends.objective, np.inf)
    return ends.parameters[member.ravel()], objective[member.ravel()]


def refit(data: Points, fit: HuberFit, *, weights: ArrayLike | None = None,
          log_loss: ArrayLike | None = None) -> Solutions:
    """S refits of reweighted or replaced data, each started at the fit's own optimum.

    With few points, or where that descent fails, also from the four `corner_starts`; the best end is kept. On
    Chinchilla's points the corners never end anywhere else than the fit's optimum does.

    Args:
        weights: (S, K) multiplies each point's loss, e.g. how often a resample holds it.
        log_loss: (S, K) responses in place of the data's.
    """
    given = weights if weights is not None else log_loss
    if given is None:
        raise ValueError("refit needs weights or log_loss")
    w, y = (None if value is None else np.asarray(value, dtype=float) for value in (weights, log_loss))
    size = len(np.asarray(given))
    best = minimise(data, np.tile(fit.log_parameters, (size, 1)), delta=fit.delta, weights=w, log_loss=y)
    again = np.ones(size, dtype=bool) if data.size <= FEW else ~best.converged
    if again.any():
        w, y = (None if value is None else value[again] for value in (w, y))
        for start in corner_starts(data):
            ends = minimise(data, np.tile(start, (int(again.sum()), 1)), delta=fit.delta, weights=w, log_loss=y)
            best = _replace(best, np.flatnonzero(again), ends)
    return best


def published_starts() -> Array:
    """(4500, 5) starts of Hoffmann et al., appendix D.3: a, b in 0..25 by 5, e in -1..1 by .5, alpha, beta in 0..2 by .5."""
    a, rate, e = np.arange(0.0, 26.0, 5.0), np.arange(0.0, 2.1, 0.5), np.arange(-1.0, 1.1, 0.5)
    return np.stack(np.meshgrid(a, a, e, rate, rate, indexing="ij"), axis=-1).reshape(-1, 5)


def corner_starts(data: Points) -> Array:
    """(4, 5) starts with alpha, beta in {.2, .6} and the three terms equal at the geometric mean of N and D."""
    third = float(np.mean(data.log_loss)) - np.log(3)
    return np.array([[third + alpha * data.mean_n, third + beta * data.mean_d, third, alpha, beta]
                     for alpha in (0.2, 0.6) for beta in (0.2, 0.6)])


def log_parameters(surface: LossSurface) -> Array:
    """(..., 5) log-parameters (ln A, ln B, ln E, alpha, beta) of a surface or of draws."""
    s = surface
    return np.stack(np.broadcast_arrays(np.log(s.A), np.log(s.B), np.log(s.E), s.alpha, s.beta), axis=-1).astype(float)


def _within_reach(data: Points, starts: Array) -> Array:
    moved, level = starts.copy(), float(np.mean(data.log_loss))
    for column, rate, centre in ((0, 3, data.mean_n), (1, 4, data.mean_d)):
        shift = moved[:, rate] * centre
        moved[:, column] = np.clip(moved[:, column] - shift, level + FAR[0], level + FAR[1]) + shift
    return moved


def _replace(best: Solutions, rows: NDArray[np.intp], ends: Solutions) -> Solutions:
    """`best` with those of `rows` replaced whose objective in `ends` is lower by more than rounding."""
    take = ends.objective < best.objective[rows] * (1 - 1e-9)
    parameters, objective, converged = best.parameters.copy(), best.objective.copy(), best.converged.copy()
    for column, new in ((parameters, ends.parameters), (objective, ends.objective), (converged, ends.converged)):
        column[rows[take]] = new[take]
    return Solutions(parameters, objective, converged)
