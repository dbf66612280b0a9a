"""What a design can and cannot tell: which directions of parameter space the runs moved away from the prior.

All in the logarithms of (E, tA, tB, alpha, beta), where the prior is Gaussian. An eigenvalue of the prior-whitened
posterior covariance is the share of the prior variance left along its direction: 1 where nothing was learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from study.inference.observations import Observations
from study.inference.parameters import Array, Parameters
from study.inference.posterior import Posterior
from study.laws.nesting import log_norm

LAW = ("E", "tA", "tB", "alpha", "beta")
LEARNED = 0.5  # an eigenvalue below this: most of the prior variance is gone
PROFILED = (*LAW, "a", "D_opt_at")
LINEAR = ("g",)  # coordinates that are not logarithms


@dataclass(frozen=True)
class Directions:
    """Eigenvalues (ascending) and directions of the prior-whitened posterior covariance."""

    names: tuple[str, ...]
    eigenvalues: Array  # (K,) posterior variance over prior variance
    vectors: Array  # (K, K) columns, in units of prior s.d. of the logarithms

    @property
    def learned(self) -> int:
        """How many directions the data narrow: eigenvalue < 0.5."""
        return int(np.sum(self.eigenvalues < LEARNED))

    def describe(self, k: int) -> str:
        """Direction k in words: its largest components, e.g. "+0.7 ln E -0.6 ln alpha"."""
        vector = self.vectors[:, k] * np.sign(self.vectors[np.argmax(np.abs(self.vectors[:, k])), k])
        order = [j for j in np.argsort(-np.abs(vector)) if abs(vector[j]) >= 0.3]
        return " ".join(f"{vector[j]:+.1f} ln {self.names[j]}" for j in order)


def coordinates(draws: Parameters, names: Sequence[str] = LAW) -> Array:
    """(S, K) the named parameters as logarithms (g as it is)."""
    return np.column_stack([getattr(draws, name) if name in LINEAR else np.log(getattr(draws, name)) for name in names])


def directions(posterior: Parameters, prior: Parameters) -> Directions:
    """Eigenvalues of W' S W, S the posterior covariance and W W' the inverse of the prior's, from draws of both."""
    prior_covariance, covariance = (np.cov(coordinates(draws).T) for draws in (prior, posterior))
    whiten = np.linalg.inv(np.linalg.cholesky(prior_covariance))
    values, vectors = np.linalg.eigh(whiten @ covariance @ whiten.T)
    return Directions(LAW, np.asarray(values, dtype=float), np.asarray(vectors, dtype=float))


def contraction(posterior: Parameters, prior: Parameters, names: Sequence[str]) -> dict[str, float]:
    """1 - posterior variance / prior variance of each parameter's logarithm: 0 nothing learned, 1 everything."""
    after, before = coordinates(posterior, names).var(axis=0), coordinates(prior, names).var(axis=0)
    return {name: float(1 - after[k] / before[k]) for k, name in enumerate(names)}


def condition_numbers(posterior: Posterior) -> dict[str, float]:
    """Condition number of the posterior correlation in three parametrisations.

    "naive": (E, ln A, ln B, alpha, beta). "centred": (E, ln tA, ln tB, alpha, beta). "slopes": (L0, ln(alpha tA),
    ln(beta tB), ln alpha, ln beta) with L0 = E + tA + tB, the one that is sampled.
    """
    p, surface = posterior.parameters, posterior.draws
    forms = {
        "naive": (p.E, np.log(surface.A), np.log(surface.B), p.alpha, p.beta),
        "centred": (p.E, np.log(p.tA), np.log(p.tB), p.alpha, p.beta),
        "slopes": (p.E + p.tA + p.tB, np.log(p.alpha * p.tA), np.log(p.beta * p.tB), np.log(p.alpha), np.log(p.beta)),
    }
    return {name: float(np.linalg.cond(np.corrcoef(np.stack(columns)))) for name, columns in forms.items()}


def profile(rows: Observations, name: str, values: Array, *, N0: float, D0: float, scale: float | None = None,
            at: float = 1e9) -> Array:
    """Profile likelihood: least -2 ln(likelihood) over the other parameters, with the least over `values` subtracted.

    Normal noise in ln L, no prior. Interval at level p: where the profile is below the chi-square(1) quantile of p. A
    direction the runs do not see stays flat.

    Args:
        name: one of `PROFILED`; "a" = beta / (alpha + beta), "D_opt_at" = tokens for which `at` parameters are optimal.
        values: (V,) at which it is held, in order, so that each search starts where the one before ended.
        scale: s.d. of ln L where it is known; None to profile it too (needs more rows than parameters).

    Raises:
        ValueError: an unknown name, or no `scale` with five rows or fewer.
    """
    if name not in PROFILED:
        raise ValueError(f"no profile of {name!r}: one of {', '.join(PROFILED)}")
    if scale is None and len(rows) <= len(LAW):
        raise ValueError(f"{len(rows)} runs leave no residual to tell the noise from: give its scale")
    n, d, y = np.log(rows.N / N0), np.log(rows.D / D0), np.log(rows.loss)
    middle = float(y.mean()) - np.log(3)
    starts = [np.array([middle, middle, middle, np.log(alpha), np.log(beta)]) for alpha in (0.2, 0.5) for beta in (0.2, 0.5)]

    def residuals(free: Array, value: float) -> Array:
        log_E, log_tA, log_tB, alpha, beta = _held(free, name, value, float(np.log(at / N0)), float(-np.log(D0)))
        return np.asarray(y - np.logaddexp(log_E, log_norm(log_tA, log_tB, alpha, beta, 1.0, n, d)))

    held = LAW.index(name) if name in LAW else {"a": 4, "D_opt_at": 2}[name]
    keep: NDArray[np.intp] = np.array([k for k in range(5) if k != held])
    ends, least = [start[keep] for start in starts], []
    for value in values:
        fits = [least_squares(residuals, start, args=(float(value),), bounds=(-25, 5)) for start in ends]
        best = min(fits, key=lambda fit: float(fit.cost))
        least.append(2 * float(best.cost))
        ends = [best.x, *(start[keep] for start in starts)]
    squares = np.array(least)
    deviance = squares / scale**2 if scale is not None else len(rows) * np.log(squares)
    return np.asarray(deviance - deviance.min())


def _held(free: Array, name: str, value: float, n_at: float, minus_log_D0: float) -> tuple[float, float, float, float, float]:
    # ln E, ln tA, ln tB, alpha, beta with one of them, or a derived quantity, held at `value`
    logs = list(free)
    if name in LAW:
        logs.insert(LAW.index(name), float(np.log(value)))
    elif name == "a":  # beta = alpha a / (1 - a)
        logs.insert(4, logs[3] + float(np.log(value / (1 - value))))
    else:  # alpha tA exp(-alpha n) = beta tB exp(-beta d) at (N, D_opt)
        log_tA, alpha, beta = logs[1], float(np.exp(logs[2])), float(np.exp(logs[3]))
        d_opt = float(np.log(value)) + minus_log_D0
        logs.insert(2, float(np.log(alpha / beta)) + log_tA - alpha * n_at + beta * d_opt)
    return logs[0], logs[1], logs[2], float(np.exp(logs[3])), float(np.exp(logs[4]))
