"""Approaches 1 and 2 of Hoffmann et al. 2022 (arXiv 2203.15556, sections 3.1 and 3.2): N_opt(C) without a law of L(N, D).

Approach 1, the envelope: at each C the model, among all training curves, whose loss is lowest there. Approach 2,
isoFLOP profiles: at each budget the vertex of a parabola of L in ln N. Both end in power laws N_opt = k C^a.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.inference.classical.points import InferenceError, points
from study.laws.hoffmann import FLOPS_PER_PARAMETER_TOKEN
from study.laws.parabola import fit_parabola

Array = NDArray[np.float64]
GRID = 1500  # values of C along the envelope


@dataclass(frozen=True)
class PowerLaw:
    """y = exp(intercept) x^exponent, least squares of ln y on ln x."""

    exponent: float
    intercept: float
    exponent_se: float  # nan with two points

    def at(self, x: ArrayLike) -> Array:
        """y at x."""
        return np.asarray(np.exp(self.intercept + self.exponent * np.log(np.asarray(x, dtype=float))))


@dataclass(frozen=True)
class Envelope:
    """Approach 1."""

    C: Array  # (G,) FLOP
    N: Array  # (G,) parameters of the best curve
    D: Array  # (G,) = C / 6N
    loss: Array  # (G,)
    edge: NDArray[np.bool_]  # (G,) the best is the smallest or the largest model seen at this C: a bound, not an optimum
    N_law: PowerLaw  # fitted where not edge


@dataclass(frozen=True)
class IsoFlop:
    """Approach 2, one entry a budget."""

    C: Array  # (B,) FLOP
    N_opt: Array  # (B,) vertex of the parabola
    D_opt: Array  # (B,) = C / (6 N_opt)
    loss: Array  # (B,) at the vertex
    inside: NDArray[np.bool_]  # (B,) convex with its vertex among the sizes; others are left out of the power laws
    N_law: PowerLaw


@dataclass(frozen=True)
class Vertex:
    """The optimum of one isoFLOP profile, () or (S,); nan where no minimum lies among the sizes."""

    N: Array
    D: Array  # read between the profile's own cells, whose 6 N D may differ from the budget
    loss: Array


def vertex(N: ArrayLike, D: ArrayLike, loss: ArrayLike) -> Vertex:
    """The vertex of a parabola of L in ln N through a profile's cells N and D, (R,), and losses (R,) or (R, S).

    ln D there is interpolated linearly in ln N.
    """
    x, d = np.log(np.asarray(N, dtype=float)), np.log(np.asarray(D, dtype=float))
    place, height, curvature = fit_parabola(x, loss)
    inside, order = (curvature > 0) & (place >= x.min()) & (place <= x.max()), np.argsort(x, kind="stable")
    at = np.where(inside, place, np.nan)
    return Vertex(np.exp(at), np.exp(np.interp(at, x[order], d[order])), np.where(inside, height, np.nan))


def fit_power_law(x: ArrayLike, y: ArrayLike) -> PowerLaw:
    """Least squares of ln y on ln x.

    Raises:
        InferenceError: fewer than two distinct x.
    """
    u, v = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    if len(np.unique(u)) < 2:
        raise InferenceError("a power law needs optima at two budgets at least: add budgets or widen the range of sizes")
    centred = u - u.mean()
    slope = float(centred @ v / (centred @ centred))
    rest = v - v.mean() - slope * centred
    error = float(np.sqrt(rest @ rest / (len(u) - 2) / (centred @ centred))) if len(u) > 2 else float("nan")
    return PowerLaw(slope, float(v.mean() - slope * u.mean()), error)


def fit_envelope(N: ArrayLike, C: Sequence[ArrayLike], loss: Sequence[ArrayLike]) -> Envelope:
    """Approach 1 on R training curves.

    Each curve is interpolated in ln C, and only inside its own range; `GRID` values of C, evenly spaced in ln C, span
    those where two curves or more are defined.

    Args:
        N: (R,) parameters.
        C: R arrays of FLOP along each run, increasing.
        loss: R arrays of nats a token, smoothed beforehand if noisy: a minimum over noise is biased low.

    Raises:
        InferenceError: lengths differ, or fewer than two curves overlap, or no interior optimum at two values of C.
    """
    sizes = np.asarray(N, dtype=float)
    if not len(sizes) == len(C) == len(loss) or len(sizes) < 2:
        raise InferenceError(f"the envelope needs N, C and loss of two curves or more, not {len(sizes)}, {len(C)}, {len(loss)}")
    curves = [points(1.0, c, y) for c, y in zip(C, loss, strict=True)]
    starts, ends = (np.sort([f(curve.D) for curve in curves]) for f in (np.min, np.max))
    if starts[1] >= ends[-2]:
        raise InferenceError("no two training curves overlap in C: the envelope is undefined")
    at = np.geomspace(starts[1], ends[-2], GRID)
    heights = np.stack([np.interp(np.log(at), np.log(curve.D), curve.loss, left=np.nan, right=np.nan) for curve in curves])
    seen = np.isfinite(heights)
    both = seen.sum(0) >= 2
    at, heights, seen = at[both], heights[:, both], seen[:, both]
    best = np.nanargmin(heights, axis=0)
    chosen = sizes[best]
    low = np.min(np.where(seen, sizes[:, None], np.inf), axis=0)
    high = np.max(np.where(seen, sizes[:, None], -np.inf), axis=0)
    edge = (chosen == low) | (chosen == high)
    tokens = at / (FLOPS_PER_PARAMETER_TOKEN * chosen)
    return Envelope(at, chosen, tokens, heights[best, np.arange(len(at))], edge,
                    fit_power_law(at[~edge], chosen[~edge]))


def fit_isoflop(N: ArrayLike, budget: ArrayLike, loss: ArrayLike) -> IsoFlop:
    """Approach 2: a least-squares parabola of L in ln N at each budget, its vertex, and power laws through the vertices.

    Args:
        N, budget, loss: (K,) parameters, the budget's FLOP (equal for the runs of one profile), nats a token.

    Raises:
        InferenceError: bad data, a budget with fewer than three sizes, or fewer than two budgets with an optimum inside.
    """
    data = points(N, budget, loss)
    budgets, rows = np.unique(data.D), []
    for value in budgets:
        profile = np.equal(data.D, value)
        x, y = np.log(data.N[profile]), data.loss[profile]
        if len(np.unique(x)) < 3:
            raise InferenceError(f"budget {value:.3g} has {len(np.unique(x))} sizes: a parabola needs three")
        place, top, curvature = (float(value) for value in fit_parabola(x, y))
        rows.append((place, top, curvature > 0 and x.min() <= place <= x.max()))
    vertex, height, ok = (np.array(column) for column in zip(*rows, strict=True))
    inside = ok.astype(bool)
    with np.errstate(over="ignore"):
        optimum = np.exp(vertex)
    tokens = budgets / (FLOPS_PER_PARAMETER_TOKEN * optimum)
    return IsoFlop(budgets, optimum, tokens, height, inside, fit_power_law(budgets[inside], optimum[inside]))


def vertex_shift(alpha: float, beta: float, x: ArrayLike) -> float:
    """How far approach 2 misses ln N_opt with no noise at all, for sizes at x = ln(N / N_opt).

    On an isoFLOP curve of Hoffmann's law, with x measured from the optimum,

        L - E = K (beta exp(-alpha x) + alpha exp(beta x)),      K = A N_opt^-alpha / beta = B D_opt^-beta / alpha

    (the optimum's own condition is alpha A N^-alpha = beta B D^-beta), so the parabola's vertex depends on alpha, beta and
    the sizes alone: not on C, E, A or B. It is zero when alpha = beta and the sizes are symmetric. With sizes at the same
    x for every budget the exponents are exact and every N_opt is off by one factor; if the sizes drift against the optimum
    as C grows, the exponents are biased too.
    """
    at = np.asarray(x, dtype=float)
    return float(fit_parabola(at, beta * np.exp(-alpha * at) + alpha * np.exp(beta * at))[0])
