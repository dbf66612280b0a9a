"""Digits that hold: a printed quantile is rounded by its Monte Carlo error, so that another seed prints the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from study.inference.answers import summarise
from study.inference.intervals import LEVELS
from study.inference.parameters import Array
from study.inference.posterior import CHAINS, ImportanceDiagnostics, Posterior

MOST = 3  # significant digits
ENOUGH = 2  # that must hold before drawing stops
TAIL = float(stats.norm.cdf(-1.0))


@dataclass(frozen=True)
class Estimate:
    """Median and central intervals of positive draws, and the relative Monte Carlo standard error of each."""

    median: float
    intervals: dict[float, tuple[float, float]]
    median_error: float
    interval_errors: dict[float, tuple[float, float]]

    @property
    def ci95(self) -> tuple[float, float]:
        """The central 95 % interval."""
        return self.intervals[0.95]

    @property
    def digits(self) -> tuple[int, int, int]:
        """Significant digits that hold of the median and of the ends of the 95 % interval."""
        low, high = self.interval_errors[0.95]
        return (holding(self.median, self.median_error), holding(self.ci95[0], low), holding(self.ci95[1], high))

    def times(self, factor: float) -> "Estimate":
        """The same of the draws times a positive constant: relative errors stay."""
        scaled = {level: (factor * low, factor * high) for level, (low, high) in self.intervals.items()}
        return replace(self, median=factor * self.median, intervals=scaled)


def estimate(posterior: Posterior, values: Array) -> Estimate:
    """Median and central 50, 80 and 95 % intervals of positive draws (S,), in the posterior's order, with their errors.

    The error of a quantile is half the distance between the order statistics one standard error of its rank apart, with the
    effective number of draws in place of S (Vehtari et al. 2021, arXiv 1903.08008, section 4.4), on the logarithm.

    Raises:
        ValueError: a draw is not a positive number.
    """
    return mixed([(posterior, values)])


def mixed(parts: Sequence[tuple[Posterior, Array]]) -> Estimate:
    """The same of an equal mixture of posteriors, each with its draws (S,), as many from each.

    The variance of the mixture's distribution function at a point is the mean of those of its k parts, over k.

    Raises:
        ValueError: a draw is not a positive number, or the parts are not of one length.
    """
    values = np.stack([values for _, values in parts])
    if not np.all(values > 0):
        raise ValueError(f"{int(np.sum(~(values > 0)))} of {values.size} draws are not positive numbers")
    logs = np.log(values)
    order = np.sort(logs, axis=None)
    ends = {level: ((1 - level) / 2, (1 + level) / 2) for level in LEVELS}

    def error(prob: float) -> float:
        below = logs <= np.quantile(order, prob)
        shares = [(float(part.mean()), _effective(posterior, part)) for (posterior, _), part in zip(parts, below, strict=True)]
        variance = sum(share * (1 - share) / effective for share, effective in shares) / len(parts) ** 2
        effective = prob * (1 - prob) / variance if variance > 0 else float(order.size)
        low, high = stats.beta.ppf([TAIL, 1 - TAIL], prob * effective + 1, (1 - prob) * effective + 1)
        at = np.clip([np.floor(low * order.size) - 1, np.ceil(high * order.size) - 1], 0, order.size - 1).astype(int)
        return float(order[at[1]] - order[at[0]]) / 2

    found = summarise(values.ravel())
    return Estimate(found.median, found.intervals, error(0.5),
                    {level: (error(low), error(high)) for level, (low, high) in ends.items()})


def holding(value: float, error: float) -> int:
    """Significant digits of `value` (1 to `MOST`) whose last is wider than twice the standard error, `error` being relative."""
    if not np.isfinite(error):
        return 1
    for digits in range(MOST, 1, -1):
        if abs(value) * error <= 0.5 * unit(value, digits):
            return digits
    return 1


def unit(value: float, digits: int) -> float:
    """One unit of the last of so many significant digits of `value`."""
    return float(10.0 ** (np.floor(np.log10(abs(value))) - digits + 1)) if value else 1.0


def rounded(value: float, digits: int) -> float:
    """`value` to so many significant digits."""
    return float(f"{value:.{digits - 1}e}")


def hold(posterior: Posterior, values: Array) -> bool:
    """Whether `ENOUGH` digits hold of the median and of both ends of the 95 % interval."""
    return min(estimate(posterior, values).digits) >= ENOUGH


def _effective(posterior: Posterior, below: Array) -> float:
    """Effective number of draws for the share that lies below a point, from whether each (S,) does."""
    seen = posterior.diagnostics
    if isinstance(seen, ImportanceDiagnostics):
        return max(2.0, min(seen.effective, float(len(below))))
    import arviz as az

    if below.all() or not below.any():
        return float(len(below))
    return max(2.0, float(az.ess(below.astype(float).reshape(CHAINS, -1), method="mean")))
