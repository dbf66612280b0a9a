"""What most scripts do: `scipy.optimize.curve_fit` on L(N, D), with its covariance taken at face value.

It is here to be compared with. On three runs it either refuses (Levenberg-Marquardt needs as many points as parameters)
or, with bounds, returns five parameters that depend on where it started and a covariance that does not say so.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeWarning, curve_fit

from study.inference.classical.points import InferenceError, points
from study.laws.hoffmann import LossSurface

Array = NDArray[np.float64]
START = (1.7, 400.0, 400.0, 0.34, 0.28)  # E, A, B, alpha, beta: near Hoffmann's, the usual guess
UPPER = (10.0, 1e6, 1e6, 2.0, 2.0)
EXACT = 1e-8  # nats^2: a sum of squares below it is rounding


@dataclass(frozen=True)
class CurveFit:
    """curve_fit from S starts. Rows of failed starts are nan."""

    surface: LossSurface  # of the start with the least sum of squares
    covariance: Array  # (5, 5) of (E, A, B, alpha, beta) there, as curve_fit returns it
    surfaces: LossSurface  # S draws, one a start
    sums_of_squares: Array  # (S,) residuals of L, nats^2
    failures: tuple[str, ...]  # what curve_fit raised or warned, distinct, in order

    @property
    def standard_errors(self) -> dict[str, float]:
        """Square roots of the covariance's diagonal; inf where curve_fit could not estimate it."""
        with np.errstate(invalid="ignore"):
            diagonal = np.sqrt(np.diag(self.covariance))
        return dict(zip(("E", "A", "B", "alpha", "beta"), (float(value) for value in diagonal), strict=True))

    def exact(self) -> NDArray[np.bool_]:
        """(S,) which starts end on a surface through every point: more than one means the data cannot tell."""
        return np.asarray(self.sums_of_squares < EXACT)


def fit_curve_fit(N: ArrayLike, D: ArrayLike, loss: ArrayLike, starts: ArrayLike = START, *, bounded: bool = True,
                  sigma: float | None = None) -> CurveFit:
    """Least squares of L over (E, A, B, alpha, beta) from each start.

    Args:
        starts: (5,) or (S, 5) rows of (E, A, B, alpha, beta).
        bounded: 0 <= parameters <= UPPER by a trust region; False for Levenberg-Marquardt, which needs five points.
        sigma: noise of L in nats, taken as known (absolute); None to estimate it from the residuals.

    Raises:
        InferenceError: bad data, or every start failed; the message holds curve_fit's own.
    """
    data = points(N, D, loss)
    rows = np.atleast_2d(np.asarray(starts, dtype=float))
    ends, covariances = np.full(rows.shape, np.nan), np.full((len(rows), 5, 5), np.nan)
    sums, messages = np.full(len(rows), np.nan), []
    noise = {} if sigma is None else {"sigma": np.full(data.size, sigma), "absolute_sigma": True}
    for k, start in enumerate(rows):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                method = {"bounds": (0, UPPER), "x_scale": np.maximum(start, 1e-3)} if bounded else {}
                p0 = np.minimum(start, UPPER) if bounded else start
                ends[k], covariances[k] = curve_fit(_loss, (data.N, data.D), data.loss, p0=p0, maxfev=20_000, **noise, **method)
                sums[k] = float(np.sum((data.loss - _loss((data.N, data.D), *ends[k])) ** 2))
            except (RuntimeError, TypeError, ValueError) as error:
                messages.append(str(error).splitlines()[0])
        messages += [str(item.message) for item in caught if issubclass(item.category, OptimizeWarning)]
    if not np.isfinite(sums).any():
        raise InferenceError(f"curve_fit failed from every start: {messages[0] if messages else 'no finite optimum'}")
    best = int(np.nanargmin(sums))
    return CurveFit(LossSurface(*(float(value) for value in ends[best])), covariances[best], LossSurface(*ends.T), sums,
                    tuple(dict.fromkeys(messages)))


def _loss(at: tuple[Array, Array], E: float, A: float, B: float, alpha: float, beta: float) -> Array:
    # the search may try any number: a negative coefficient gives nan, which the search then avoids
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return LossSurface(E, A, B, alpha, beta).loss(*at)
