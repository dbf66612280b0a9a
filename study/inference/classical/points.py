"""The (N, D, loss) points every fit starts from: checked once, their logarithms kept."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.errors import StudyError

Array = NDArray[np.float64]


class InferenceError(StudyError):
    """Data that cannot be fitted, or a fit that did not succeed."""


@dataclass(frozen=True)
class Points:
    """K runs: parameters, tokens, nats a token. Built by `points`."""

    N: Array  # (K,)
    D: Array  # (K,)
    loss: Array  # (K,)

    @property
    def size(self) -> int:
        return len(self.N)

    @cached_property
    def log_loss(self) -> Array:
        return np.log(self.loss)

    @cached_property
    def mean_n(self) -> float:
        """Mean of ln N: the reference at which fits are centred."""
        return float(np.mean(np.log(self.N)))

    @cached_property
    def mean_d(self) -> float:
        return float(np.mean(np.log(self.D)))

    @cached_property
    def centred_n(self) -> Array:
        return np.asarray(np.log(self.N) - self.mean_n)

    @cached_property
    def centred_d(self) -> Array:
        return np.asarray(np.log(self.D) - self.mean_d)


def points(N: ArrayLike, D: ArrayLike, loss: ArrayLike) -> Points:
    """Check and broadcast N, D and loss to one dimension.

    Raises:
        InferenceError: lengths differ, no point, or a value that is not a finite positive number.
    """
    try:
        arrays = [np.asarray(value, dtype=float) for value in (N, D, loss)]
        n, d, y = (np.atleast_1d(array) for array in np.broadcast_arrays(*arrays))
    except ValueError as error:
        raise InferenceError(f"N, D and loss must be numbers of one length: {error}") from None
    if n.ndim != 1 or not n.size:
        raise InferenceError("a fit needs one-dimensional, non-empty N, D and loss")
    for name, array in (("N", n), ("D", d), ("loss", y)):
        bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
        if bad.size:
            raise InferenceError(f"{name} must be finite and positive: row {bad[0]} holds {array[bad[0]]}")
    return Points(n.astype(float), d.astype(float), y.astype(float))
