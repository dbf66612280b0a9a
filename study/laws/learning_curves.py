"""Amari's four learning curves, each by a learner small enough to simulate, its error computed exactly.

Amari, Fujita & Shinomoto 1992 (Neural Computation 4, 605): the error of a learner that has seen D examples falls as

    1  deterministic, no noise, one solution          D^-1      a threshold on [0, 1], any one that separates the examples
    2  deterministic, no noise, a set of solutions    D^-2      the same, with a gap in which no example falls
    3  deterministic, noisy labels                    D^-1/2    a direction in the plane, averaged from labels some of which flip
    4  stochastic, noisy                              E + c/D   the probabilities of K outcomes, scored by log loss

In 1 and 2 the learner draws its threshold uniformly among those that make no mistake. In 3 the error is what the learner adds
to the teacher's own. In 4 E is the entropy of the outcomes and c = (K - 1) / 2 to first order.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.laws.law import Law, LogNormal
from study.laws.power import power, pure_power

Array = NDArray[np.float64]
EXPONENT = LogNormal(0.0, 0.7)  # 0.25 to 4: wide, for exponents from 1/2 to 2
SIZES = tuple(2**k for k in range(4, 13))
GAP = 0.2  # share of [0, 1] around the boundary without examples
FLIPPED = 0.2  # of the labels
OUTCOMES = np.array([0.4, 0.3, 0.2, 0.1])


@dataclass(frozen=True)
class Case:
    """One of the four: the exponent that theory gives and a learner that shows it."""

    name: str
    exponent: float  # of D in the reducible error
    entropy: float  # E, nats; 0 without
    simulate: Callable[[int, int, np.random.Generator], Array]  # (D, learners, rng) -> errors


def threshold(D: int, learners: int, rng: np.random.Generator, gap: float = 0.0) -> Array:
    """Error of thresholds drawn among those that separate D examples; the true one is 1/2, examples avoid a gap about it."""
    x = rng.random((learners, D)) * (1 - gap)
    x = np.where(x < 0.5 * (1 - gap), x, x + gap)
    low = np.max(np.where(x < 0.5, x, 0.0), axis=1)
    high = np.min(np.where(x >= 0.5, x, 1.0), axis=1)
    chosen = low + (high - low) * rng.random(learners)
    return np.asarray(np.maximum(np.abs(chosen - 0.5) - gap / 2, 0.0) / (1 - gap))


def gapped_threshold(D: int, learners: int, rng: np.random.Generator) -> Array:
    """The same where every threshold of a gap is right."""
    return threshold(D, learners, rng, GAP)


def direction(D: int, learners: int, rng: np.random.Generator) -> Array:
    """Excess error of the direction sum(y x) in the plane, y = sign(x_1) with some labels flipped: its angle over pi."""
    x = rng.standard_normal((learners, D, 2))
    y = np.sign(x[..., 0]) * np.where(rng.random((learners, D)) < FLIPPED, -1.0, 1.0)
    mean = (y[..., None] * x).mean(axis=1)
    return np.asarray((1 - 2 * FLIPPED) * np.abs(np.arctan2(mean[:, 1], mean[:, 0])) / np.pi)


def frequencies(D: int, learners: int, rng: np.random.Generator) -> Array:
    """Log loss of the outcomes' estimated probabilities, (count + 1/2) / (D + K/2), nats."""
    counts = rng.multinomial(D, OUTCOMES, size=learners)
    return np.asarray(-np.log((counts + 0.5) / (D + 0.5 * len(OUTCOMES))) @ OUTCOMES)


CASES = (
    Case("one solution, no noise", 1.0, 0.0, threshold),
    Case("many solutions, no noise", 2.0, 0.0, gapped_threshold),
    Case("noisy labels", 0.5, 0.0, direction),
    Case("stochastic learner", 1.0, float(-(OUTCOMES * np.log(OUTCOMES)).sum()), frequencies),
)


def curve_law(case: Case) -> Law:
    """The power law that a case's curve is fitted by: with E where theory has one, else pure."""
    if case.entropy > 0:
        return power("D", entropy=LogNormal(math.log(1.2), 0.4), exponent=EXPONENT, term=LogNormal(-4.0, 2.0))  # of four outcomes
    return pure_power("D", relative=True, exponent=EXPONENT)


def learning_curve(case: Case, *, seed: int, sizes: Sequence[int] = SIZES, learners: int = 2000) -> pd.DataFrame:
    """Mean error and its standard error by number of examples: columns D, loss, se."""
    rng, rows = np.random.default_rng(seed), []
    for D in sizes:
        errors = np.concatenate([case.simulate(D, some, rng) for some in _parts(learners, D)])
        rows.append({"D": float(D), "loss": float(errors.mean()), "se": float(errors.std(ddof=1) / np.sqrt(len(errors)))})
    return pd.DataFrame(rows)


def _parts(learners: int, D: int) -> list[int]:
    # at most 2 M examples in memory
    size = max(1, 2_000_000 // D)
    return [min(size, learners - done) for done in range(0, learners, size)]
