"""What the residuals still follow after a fit: a drift in ln C, ln N or ln D/N is what an extrapolation multiplies."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from study.inference.likelihood import noise_scale
from study.inference.parameters import Array, evenly
from study.inference.posterior import Posterior

AXES = ("C", "N", "D/N")
LEVEL = 0.95
SURE = 0.001  # two-sided p below which a slope counts as a drift: three are looked at, at every fit
DRAWS = 500


@dataclass(frozen=True)
class Trend:
    """The slope of ln(L / fitted) over a decade of `axis`, with its interval."""

    axis: str
    slope: float  # ln L a decade
    ci95: tuple[float, float]
    p: float  # two-sided, of no slope

    @property
    def drifts(self) -> bool:
        """p < `SURE`."""
        return self.p < SURE


def residual_trends(posterior: Posterior) -> tuple[Trend, ...]:
    """Weighted least squares of the residuals on each axis.

    The weight of a residual is the inverse square of the noise's scale times
    the Student-t's (nu + 1) / (nu + z^2), so that an outlier bends nothing. R - 6 degrees of freedom: the law
    has taken five, the slope one.
    """
    rows, p = posterior.rows, posterior.parameters
    residual, scale = residuals(posterior)
    nu = float(np.median(p.nu)) if np.all(np.isfinite(p.nu)) else np.inf
    weight = scale**-2.0 * (1.0 if np.isinf(nu) else (nu + 1) / (nu + (residual / scale) ** 2))
    at = {"C": np.log10(rows.C), "N": np.log10(rows.N), "D/N": np.log10(rows.D / rows.N)}
    return tuple(found for axis in AXES if (found := _slope(axis, at[axis], residual, weight)) is not None)


def residuals(posterior: Posterior) -> tuple[Array, Array]:
    """ln L less the posterior mean of ln Lhat + u, and the scale of the noise (the mean of its logarithm), each (R,)."""
    rows, p = posterior.rows, posterior.parameters
    take = evenly(len(p), DRAWS)
    law = p.take(take).surface(posterior.N0, posterior.D0)
    fitted = np.log(law.loss(rows.N[:, None], rows.D[:, None])) + posterior.u[take].T[rows.group]
    scale = np.exp(np.log(noise_scale(p.take(take), rows.C[:, None], posterior.N0, posterior.D0)).mean(axis=1))
    return np.log(rows.loss) - fitted.mean(axis=1), scale


def _slope(axis: str, x: Array, y: Array, weight: Array) -> Trend | None:
    freedom = len(x) - 6
    x = x - np.average(x, weights=weight)
    spread = float(np.sum(weight * x**2))
    if freedom < 1 or np.ptp(x) < 1e-6:
        return None
    slope = float(np.sum(weight * x * y)) / spread
    left = y - np.average(y, weights=weight) - slope * x
    se = float(np.sqrt(np.sum(weight * left**2) / freedom / spread))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    p = float(2 * stats.t.sf(abs(slope) / max(se, 1e-300), freedom))
    return Trend(axis, slope, (slope - reach * se, slope + reach * se), p)
