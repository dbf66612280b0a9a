"""Bootstraps of the Huber fit: by row and by cluster of rows. Each gives draws of the surface.

Rows of one budget share a figure's reading error, a schedule or a batch size, so they are not independent; resampling
whole budgets keeps what they share together (Cameron, Gelbach & Miller 2008) and is wider.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.inference.classical.huber import HuberFit, fit_huber, refit
from study.inference.classical.points import InferenceError, Points, points
from study.inference.intervals import central
from study.laws.hoffmann import LossSurface

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bootstrap:
    """S refits of resampled data."""

    kind: str  # "row" or "clustered"
    fit: HuberFit  # of the data themselves
    surface: LossSurface  # S draws
    converged: float  # fraction of the refits
    clusters: int  # independent units that were resampled

    def interval(self, derived: Callable[[LossSurface], ArrayLike], level: float = 0.95) -> tuple[float, float]:
        """Percentile interval of a derived quantity, computed per draw: e.g. lambda s: s.D_opt_at(1e9)."""
        draws = np.asarray(derived(self.surface), dtype=float)
        low, high = central(draws, level)
        return float(low), float(high)

    def standard_errors(self) -> dict[str, float]:
        """Standard deviation over the draws of E, A, B, alpha, beta."""
        return {name: float(np.std(getattr(self.surface, name), ddof=1)) for name in ("E", "A", "B", "alpha", "beta")}


def row_bootstrap(N: ArrayLike, D: ArrayLike, loss: ArrayLike, *, seed: int, resamples: int = 4000,
                  starts: ArrayLike | None = None) -> Bootstrap:
    """Case bootstrap: K rows drawn with replacement. `starts`: see `fit_huber`.

    Raises:
        InferenceError: bad data.
    """
    data = points(N, D, loss)
    return clustered_bootstrap(N, D, loss, np.arange(data.size), seed=seed, resamples=resamples, kind="row", starts=starts)


def clustered_bootstrap(N: ArrayLike, D: ArrayLike, loss: ArrayLike, clusters: ArrayLike, *, seed: int,
                        resamples: int = 4000, kind: str = "clustered", starts: ArrayLike | None = None) -> Bootstrap:
    """Cluster bootstrap: whole clusters drawn with replacement, as many as there are.

    Args:
        clusters: (K,) any labels; rows with one label are drawn together (`compute_bins`, widths, budgets).

    Raises:
        InferenceError: bad data, labels of another length, or fewer than two clusters.
    """
    data = points(N, D, loss)
    labels = np.unique(np.asarray(clusters), return_inverse=True)[1].ravel()
    if len(labels) != data.size:
        raise InferenceError(f"{len(labels)} cluster labels for {data.size} points: give one label a point")
    count = int(labels.max()) + 1
    if count < 2:
        raise InferenceError("a cluster bootstrap needs at least two clusters")
    fit = fit_huber(N, D, loss, starts=starts)
    ends = refit(data, fit, weights=cluster_weights(labels, resamples, np.random.default_rng(seed)))
    return Bootstrap(kind, fit, ends.surface, float(ends.converged.mean()), count)


def cluster_weights(labels: NDArray[np.intp], resamples: int, rng: np.random.Generator) -> Array:
    """(resamples, K) how often each row is held when whole clusters 0 .. G-1 are drawn with replacement, G of them."""
    count = int(labels.max()) + 1
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples)[:, labels].astype(float)


def resampled(data: Points, fit: HuberFit, resamples: int, rng: np.random.Generator) -> Array:
    """ln L of the fit plus centred residuals drawn with replacement, (resamples, K); the design stays as it is.

    Residuals are inflated by sqrt(K / (K - 5)), since fitting five parameters shrinks them.
    """
    residuals = (fit.residuals - fit.residuals.mean()) * np.sqrt(data.size / max(data.size - 5, 1))
    return data.log_loss - fit.residuals + rng.choice(residuals, size=(resamples, data.size))


def compute_bins(C: ArrayLike, bins: int = 9) -> NDArray[np.intp]:
    """Cluster labels 0 .. bins-1 from log C, bins of equal count: bin k holds the ranks from kK/bins to (k+1)K/bins.

    Chinchilla's published points carry no budget label and scatter around the nine budgets, so the labels are a choice;
    bins of equal width would leave two points in the last of nine and widen the interval.
    """
    order = np.argsort(np.argsort(np.asarray(C, dtype=float), kind="stable"), kind="stable")
    return np.asarray(order * bins // len(order))
