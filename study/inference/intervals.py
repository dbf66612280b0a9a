"""Central intervals: the one way that draws become two ends."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from study.inference.parameters import Array

LEVELS = (0.5, 0.8, 0.95)  # that are reported


def central(draws: ArrayLike, level: float = 0.95, *, axis: int | None = None) -> tuple[Array, Array]:
    """Ends of the central interval of `level` over the draws (all of them, or along one axis); nan where one draw is."""
    low, high = np.quantile(np.asarray(draws, dtype=float), [(1 - level) / 2, (1 + level) / 2], axis=axis)
    return low, high


def inside(predicted: Array, measured: ArrayLike, levels: Sequence[float] = LEVELS) -> dict[float, int]:
    """How many measured values (R,) lie in the central interval of each level of predicted ones (S, R)."""
    at, out = np.asarray(measured, dtype=float), {}
    for level in levels:
        low, high = central(predicted, level, axis=0)
        out[level] = int(np.sum((at >= low) & (at <= high)))
    return out
