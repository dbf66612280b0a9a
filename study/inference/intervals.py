"""Central intervals: how draws become two ends.

Not where a draw may be infinite and is kept (`fit.output`): quantiles take the nearest draw there, because interpolation beside an
infinite one is undefined.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from study.inference.parameters import Array

LEVELS = (0.5, 0.8, 0.95)  # that are reported


def central(draws: ArrayLike, level: float = 0.95, *, axis: int | None = None, omit_nan: bool = False) -> tuple[Array, Array]:
    """Ends of the central interval of `level` over the draws (all of them, or along one axis).

    They are nan where a draw is, or with `omit_nan` those of the other draws.
    """
    quantile = np.nanquantile if omit_nan else np.quantile
    low, high = quantile(np.asarray(draws, dtype=float), [(1 - level) / 2, (1 + level) / 2], axis=axis)
    return low, high


def inside(predicted: Array, measured: ArrayLike, levels: Sequence[float] = LEVELS) -> dict[float, int]:
    """How many measured values (R,) lie in the central interval of each level of predicted ones (S, R)."""
    at, out = np.asarray(measured, dtype=float), {}
    for level in levels:
        low, high = central(predicted, level, axis=0)
        out[level] = int(np.sum((at >= low) & (at <= high)))
    return out


def decades(draws: ArrayLike) -> float:
    """How many powers of ten the central 95 % interval of positive draws spans."""
    low, high = central(draws, omit_nan=True)
    return float(np.log10(high / low))


def percent_key(level: float) -> str:
    """A level as the key of a JSON file: "95"."""
    return f"{100 * level:g}"
