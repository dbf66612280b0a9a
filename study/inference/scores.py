"""How predicted runs came out: measured values against posterior predictive ones, in ln."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from study.inference.intervals import LEVELS, central, inside
from study.inference.parameters import Array

ONE_SD = 0.68  # half this central interval stands for the predictive s.d.: a Student-t may have none


@dataclass(frozen=True)
class Scores:
    """Of R runs. z is (ln measured - predictive median) over half the central 68 % interval, run by run.

    `p_error` and `p_inside` are posterior predictive tail probabilities of the mean z (two-sided) and of the number inside
    95 %, over replicates of all R runs together: those of one replicate share one draw of the law, as the real ones share
    one law.
    """

    inside: dict[float, int]  # runs in the central predictive interval of each level
    z: float  # its mean
    z_rms: float
    error: float  # mean of ln measured - median
    error_rms: float
    p_error: float
    p_inside: float


def score(predicted: Array, measured: ArrayLike) -> Scores:
    """The scores of predictive draws (S, R) and measured values (R,), both positive."""
    logs, seen = np.log(predicted), np.log(np.asarray(measured, dtype=float))
    low, high = central(logs, ONE_SD, axis=0)
    middle, sd = np.median(logs, axis=0), np.maximum((high - low) / 2, 1e-12)
    z, replicates = (seen - middle) / sd, ((logs - middle) / sd).mean(axis=1)
    tail = float(np.mean(replicates >= z.mean()))
    counts = inside(predicted, measured, LEVELS)
    ends = central(logs, 0.95, axis=0)
    within = ((logs >= ends[0]) & (logs <= ends[1])).sum(axis=1)
    return Scores(counts, float(z.mean()), rms(z), float(np.mean(seen - middle)), rms(seen - middle),
                  min(1.0, 2 * min(tail, 1 - tail)), float(np.mean(within <= counts[0.95])))


def interval_score(low: float, high: float, at: float, level: float = 0.95) -> float:
    """Width of an interval and 2 / (1 - level) times how far the value lies outside it: least, in the mean, for the true one.

    Source: Gneiting and Raftery (2007), doi:10.1198/016214506000001437, eq. 43.
    """
    return (high - low) + 2 / (1 - level) * (max(0.0, low - at) + max(0.0, at - high))


def rms(values: Array) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(values**2)))
