"""Adaptive importance sampling: a mixture that follows its own weighted draws, and draws whose weights are smoothed (PSIS).

What is sampled is told by one function, `Evaluate`: draws of a mixture and the log weights that make them the posterior's.
The tail shape k-hat of the weights says whether they can be trusted (Vehtari et al., arXiv 1507.02646).
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from study.inference.fast.mixture import Mixture, effective, rebuild, resample
from study.inference.parameters import Array
from study.inference.posterior import KHAT, ImportanceDiagnostics

# (mixture, count) -> x (M, K), psi (M, 2) and log weights (M,); zeros where there are no conditional modes psi
Evaluate: TypeAlias = Callable[[Mixture, int], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class Adaptation:
    """When a mixture has followed its draws long enough.

    After `least` rounds, once a fraction `enough` of a round's draws is effective; or once a fraction of at least
    `enough / slack` no longer grows by the factor `growth`.
    """

    round: int  # draws
    least: int  # rounds
    most: int
    enough: float
    slack: float = 3.0
    growth: float = 1.1


@dataclass(frozen=True)
class WeightedDraws:
    """Draws of (x, psi) with smoothed log weights."""

    x: Array  # (M, K)
    psi: Array  # (M, 2)
    log_weight: Array  # (M,)
    diagnostics: ImportanceDiagnostics

    def equal(self, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Indices of `count` equally weighted draws, in random order."""
        return rng.permutation(resample(self.log_weight, count, rng))


def adapt(evaluate: Evaluate, mixture: Mixture, rule: Adaptation, rng: np.random.Generator) -> Mixture:
    """Draw, weight and rebuild the mixture on the weighted draws, until `rule` says that it covers the target."""
    before = 0.0
    for index in range(rule.most):
        x, psi, log_weight = evaluate(mixture, rule.round)
        fraction = effective(log_weight) / rule.round
        mixture = rebuild(x, psi, log_weight, rng)
        settled = rule.enough / rule.slack < fraction < rule.growth * before
        if index + 1 >= rule.least and (fraction > rule.enough or settled):
            break
        before = fraction
    return mixture


def weigh(evaluate: Evaluate, mixture: Mixture, count: int) -> tuple[WeightedDraws, Array]:
    """Draws of a mixture with smoothed weights, and the weights as they were."""
    x, psi, log_weight = evaluate(mixture, count)
    smooth, khat = smoothed(log_weight)
    return WeightedDraws(x, psi, smooth, ImportanceDiagnostics(khat, effective(smooth), len(x))), log_weight


def settle(evaluate: Evaluate, mixture: Mixture, counts: Sequence[int], needed: float, rng: np.random.Generator) -> WeightedDraws:
    """The first of so many draws whose k-hat passes and of which `needed` are effective, else the last.

    Each further attempt draws from a mixture rebuilt on the attempt before.
    """
    for count in counts:
        found, log_weight = weigh(evaluate, mixture, count)
        if found.diagnostics.khat <= KHAT and found.diagnostics.effective >= needed:
            break
        mixture = rebuild(found.x, found.psi, log_weight, rng)
    return found


def smoothed(log_weight: Array) -> tuple[Array, float]:
    """Pareto-smoothed log weights, normalised, and k-hat."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # arviz announces its 1.0 at import
        import arviz as az
    smooth, khat = az.psislw(np.maximum(log_weight, log_weight.max() - 500.0))
    return np.asarray(smooth), float(khat)
