"""The vertex of a parabola: where a profile of losses has its minimum."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
ROUNDING = 64 * float(np.finfo(float).eps)  # of y, what least squares may leave of a line's bend


def fit_parabola(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
    """Least squares of y (R,) or (R, S) on 1, x, x^2: the vertex's place and height, and the coefficient of x^2, each (S,).

    A line has no vertex: its place and height are nan where the bend of y is within rounding. Whether the vertex is a minimum
    (coefficient > 0) and lies among x is the caller's to ask.
    """
    at = np.asarray(x, dtype=float)
    middle = at.mean()
    values = np.asarray(y, dtype=float)
    c2, c1, c0 = np.polyfit(at - middle, values, 2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        bent = np.abs(c2) * np.max((at - middle) ** 2) > ROUNDING * np.abs(values).max(axis=0)
        place = np.where(bent, np.asarray(-0.5 * c1) / c2, np.nan)
        height = np.asarray(c0 + 0.5 * c1 * place)
    return np.asarray(middle + place), height, np.asarray(c2)


def vertex_of_three(left: ArrayLike, middle: ArrayLike, right: ArrayLike) -> Array:
    """The vertex through three equally spaced points, in steps from the middle one, at most one; 0 where it is no minimum."""
    low, mid, high = (np.asarray(value, dtype=float) for value in (left, middle, right))
    bend = low - 2 * mid + high
    shift = np.where(bend > 0, 0.5 * (low - high) / np.where(bend > 0, bend, 1.0), 0.0)
    return np.clip(shift, -1.0, 1.0)
