"""Damped Newton for Hoffmann's law under Huber's loss, many problems at once: each is a row of one array.

A bootstrap is thousands of refits that start next to their optimum; a grid of starts is hundreds of descents of the
same data. Both are rows here, with analytic gradients and Hessians, and finished rows leave the array.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.inference.classical.points import Points
from study.laws.hoffmann import LossSurface

Array = NDArray[np.float64]
State = tuple[Array, Array, Array, Array]  # objective, gradient, Hessian, reweighted normal matrix
CHUNK = 256  # problems in one array: some 240 points of 256 problems stay in the cache
ITERATIONS = 500
TOLERANCE = 1e-11  # fraction of the objective that a Newton step must promise to go on
MAX_STEP = 3.0  # largest change of a centred parameter in one step


@dataclass(frozen=True)
class Solutions:
    """Where a batch of S minimisations ended."""

    parameters: Array  # (S, 5): a, b, e, alpha, beta
    objective: Array  # (S,)
    converged: NDArray[np.bool_]  # (S,) a Newton step promises less than `TOLERANCE`

    @property
    def surface(self) -> LossSurface:
        """The S surfaces as draws."""
        return to_surface(self.parameters)


def to_surface(parameters: Array) -> LossSurface:
    """LossSurface of (..., 5) log-parameters (a, b, e, alpha, beta) = (ln A, ln B, ln E, alpha, beta)."""
    a, b, e, alpha, beta = np.moveaxis(parameters, -1, 0)
    return LossSurface(np.exp(e), np.exp(a), np.exp(b), alpha, beta)


def minimise(data: Points, starts: Array, *, delta: float, weights: ArrayLike | None = None,
             log_loss: ArrayLike | None = None) -> Solutions:
    """Damped Newton on S problems at once.

    The step solves (H + mu W) s = -g in the metric of the reweighted normal matrix W = sum w psi(r)/r J J' (the
    majorising step of iteratively reweighted least squares is mu = 1, H = 0; Newton's is mu = 0), eigenvalues of H in
    that metric floored, so that every step descends. mu falls when the quadratic model predicts well and grows when not.

    Args:
        starts: (S, 5) rows of (a, b, e, alpha, beta).
        delta: where Huber's loss turns linear, in ln L; infinity for least squares.
        weights: (K,) or (S, K), e.g. how often a resample holds each point.
        log_loss: (S, K) other responses than the data's, e.g. of a residual bootstrap.
    """
    delta = min(delta, 1e6)  # an infinite delta (least squares), without inf - inf
    w = np.broadcast_to(1.0 if weights is None else np.asarray(weights, dtype=float), (len(starts), data.size))
    y = np.broadcast_to(data.log_loss if log_loss is None else np.asarray(log_loss, dtype=float), w.shape)
    parts = [_minimise(data, starts[i:i + CHUNK], w[i:i + CHUNK], y[i:i + CHUNK], delta)
             for i in range(0, len(starts), CHUNK)]
    return Solutions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _minimise(data: Points, starts: Array, w: Array, y: Array, delta: float) -> tuple[Array, Array, NDArray[np.bool_]]:
    n, d = data.centred_n, data.centred_d
    final = starts.astype(float).copy()
    final[:, 0] -= final[:, 3] * data.mean_n  # a and b at the geometric mean of N and D: a hundred times better conditioned
    final[:, 1] -= final[:, 4] * data.mean_d
    objective, converged = np.full(len(starts), np.inf), np.zeros(len(starts), dtype=bool)
    alive = np.arange(len(starts))
    theta, mu = final.copy(), np.full(len(starts), 1.0)
    state = _evaluate(theta, n, d, w, y, delta)
    for _ in range(ITERATIONS):
        value, gradient, hessian, metric = state
        step, predicted, decrement = _step(gradient, hessian, metric, mu)
        trial = _evaluate(theta + step, n, d, w, y, delta)
        with np.errstate(invalid="ignore"):
            gain = (value - trial[0]) / np.maximum(predicted, 1e-300)
        accept = (trial[0] <= value) & np.isfinite(trial[0])
        theta = np.where(accept[:, None], theta + step, theta)
        state = _where(accept, trial, state)
        mu = np.where(accept & (gain > 0.75), mu / 5, np.where(accept & (gain > 0.25), mu, np.maximum(mu, 1e-6) * 4))
        done = (decrement <= TOLERANCE * value) | (mu > 1e12)
        final[alive], objective[alive], converged[alive] = theta, state[0], decrement <= TOLERANCE * value
        if done.all():
            break
        if done.mean() > 0.1:  # drop the finished rows
            keep = ~done
            alive, theta, mu, w, y = alive[keep], theta[keep], mu[keep], w[keep], y[keep]
            state = state[0][keep], state[1][keep], state[2][keep], state[3][keep]
    final[:, 0] += final[:, 3] * data.mean_n
    final[:, 1] += final[:, 4] * data.mean_d
    return final, objective, converged


def _evaluate(theta: Array, n: Array, d: Array, w: Array, y: Array, delta: float) -> State:
    """Objective (S,), gradient (S, 5), Hessian (S, 5, 5) and the reweighted normal matrix (S, 5, 5).

    With p the softmax of the three terms, J = d lnLhat / d theta = (p1, p2, p3, -p1 n, -p2 d), and the second
    derivative of lnLhat is M - J J', M = sum_j p_j x_j x_j' over the terms' regressors x_j.
    """
    a, b, e, alpha, beta = theta.T[:, :, None]
    x, z = a - alpha * n, b - beta * d
    top = np.maximum(np.maximum(x, z), e)
    p1, p2, p3 = np.exp(x - top), np.exp(z - top), np.exp(e - top)
    total = p1 + p2 + p3
    p1, p2, p3 = p1 / total, p2 / total, p3 / total
    r = y - (top + np.log(total))
    size = np.abs(r)
    inside = size <= delta
    psi = np.where(inside, r, np.copysign(delta, r))
    value = np.einsum("sk,sk->s", w, np.where(inside, 0.5 * r * r, delta * (size - 0.5 * delta)))
    J = np.stack([p1, p2, p3, -p1 * n, -p2 * d], axis=1)  # (S, 5, K)
    weighted = w * psi
    gradient = -np.einsum("sik,sk->si", J, weighted)
    Jt = J.transpose(0, 2, 1)
    hessian = (J * (w * inside + weighted)[:, None]) @ Jt
    metric = (J * (w * np.where(inside, 1.0, delta / np.maximum(size, delta)))[:, None]) @ Jt
    for i, j, p in ((0, 3, p1 * weighted), (1, 4, p2 * weighted)):  # the blocks of M
        v = n if i == 0 else d
        first, second = p.sum(1), p @ (v * v)
        hessian[:, i, i] -= first
        hessian[:, j, j] -= second
        cross = p @ v
        hessian[:, i, j] += cross
        hessian[:, j, i] += cross
    hessian[:, 2, 2] -= np.einsum("sk,sk->s", p3, weighted)
    return value, gradient, hessian, metric


def _step(gradient: Array, hessian: Array, metric: Array, mu: Array) -> tuple[Array, Array, Array]:
    """The damped step (S, 5), the decrease its quadratic model predicts (S,), and the undamped Newton decrement (S,)."""
    # unit diagonal: ridge and units are comparable; below 1e-150 the ridge alone, before the squares of a dead term underflow
    scale = 1 / np.sqrt(np.maximum(np.einsum("sii->si", metric), 1e-150))
    eye = np.eye(5)
    W = metric * scale[:, :, None] * scale[:, None, :] + 1e-10 * eye
    root = np.linalg.inv(np.linalg.cholesky(W))  # W^-1 = root' root
    H = hessian * scale[:, :, None] * scale[:, None, :]
    H = root @ H @ root.transpose(0, 2, 1)
    lam, V = np.linalg.eigh((H + H.transpose(0, 2, 1)) / 2)
    g = np.einsum("sji,sj->si", V, np.einsum("sij,sj->si", root, gradient * scale))
    curvature = np.maximum(np.abs(lam), 1e-3)
    q = -g / (curvature + mu[:, None])
    step = scale * np.einsum("sji,sj->si", root, np.einsum("sij,sj->si", V, q))
    shrink = np.minimum(1.0, MAX_STEP / np.maximum(np.max(np.abs(step), axis=1), 1e-300))
    q = q * shrink[:, None]
    predicted = -np.sum(g * q + 0.5 * curvature * q * q, axis=1)
    return step * shrink[:, None], predicted, 0.5 * np.sum(g * g / curvature, axis=1)


def _where(accept: NDArray[np.bool_], new: State, old: State) -> State:
    one, two = accept[:, None], accept[:, None, None]
    return (np.where(accept, new[0], old[0]), np.where(one, new[1], old[1]),
            np.where(two, new[2], old[2]), np.where(two, new[3], old[3]))
