"""The study's answers from a posterior: derived per draw, summarised last.

Two kinds. The posterior of an optimum is what the law's parameters say. The posterior predictive is the optimum as a new
isoFLOP experiment would measure it: seven sizes from a quarter to four times the draw's N_opt at that compute, a loss
drawn for each with the model's noise, and the vertex of a parabola in ln N.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from study.inference.intervals import LEVELS, central, percent_key
from study.inference.parameters import Array
from study.inference.predictive import simulate
from study.laws.parabola import fit_parabola, vertex_of_three

if TYPE_CHECKING:
    from study.inference.posterior import Posterior

POINTS = 400  # of the search for the least expected loss
SIZES = 7  # of a new isoFLOP experiment
SPREAD = 4.0  # its sizes run from N_opt / SPREAD to N_opt x SPREAD


class Law(Protocol):
    """Draws of a law with an optimum under C = 6 N D."""

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array: ...
    def N_opt(self, C: ArrayLike) -> Array: ...
    def D_opt(self, C: ArrayLike) -> Array: ...
    def D_opt_at(self, N: ArrayLike) -> Array: ...


@dataclass(frozen=True)
class Summary:
    """Median of draws and their central intervals, by level."""

    median: float
    intervals: dict[float, tuple[float, float]]

    @property
    def ci95(self) -> tuple[float, float]:
        return self.intervals[0.95]

    def as_json(self) -> dict[str, Any]:
        """{"point": median, "ci50": [low, high], "ci80": ..., "ci95": ...}: how fit.json and the atlas's records hold draws."""
        return {"point": self.median, **{f"ci{percent_key(level)}": list(ends) for level, ends in self.intervals.items()}}


def summarise(draws: Array) -> Summary:
    """Median and central 50, 80 and 95 % intervals of draws, shape (S,).

    Raises:
        ValueError: a draw is not a number: a summary would hide it.
    """
    draws = np.asarray(draws, dtype=float)
    if np.isnan(draws).any():
        raise ValueError(f"{int(np.isnan(draws).sum())} of {draws.size} draws are not numbers")
    tails = {level: central(draws, level) for level in LEVELS}
    return Summary(float(np.median(draws)), {level: (float(low), float(high)) for level, (low, high) in tails.items()})


@dataclass(frozen=True)
class NewExperiment:
    """The optimum measured by a new isoFLOP experiment, one a draw, arrays (S,)."""

    C: Array
    N: Array  # vertex of the parabola, or the edge size
    at_edge: Array  # bool: no minimum inside the sampled sizes; the edge of lowest loss is kept

    @property
    def D(self) -> Array:
        """Tokens at the measured optimum: C / (6 N)."""
        return np.asarray(self.C / (6.0 * self.N))


def new_experiment(posterior: "Posterior", C: ArrayLike, *, seed: int) -> NewExperiment:
    """Measure N_opt at compute C (one value, or one a draw) with a new isoFLOP experiment in each draw's world.

    Its noise has the scale at C, or that of the largest fitted compute where C is beyond it: ln s grows by g a decade, and
    seven decades further s would exceed the loss.
    """
    rng, p, S = np.random.default_rng(seed), posterior.parameters, len(posterior.parameters)
    C = np.broadcast_to(np.asarray(C, dtype=float), (S,))
    offset = np.linspace(-np.log(SPREAD), np.log(SPREAD), SIZES)[:, None]  # of ln N from the draw's optimum, (7, 1)
    N = posterior.draws.N_opt(C) * np.exp(offset)
    one = posterior.spec.group == "budget"  # all sizes are of one budget; else each is a new shape or a new run
    effect = p.tau * rng.standard_normal((1 if one else SIZES, S))
    known = np.minimum(C, posterior.rows.C.max())
    loss = simulate(p, posterior.draws, N, C / (6.0 * N), known, effect, posterior.N0, posterior.D0, rng)
    vertex, _, curvature = fit_parabola(offset[:, 0], loss)
    inside = (curvature > 0) & (np.abs(vertex) <= np.log(SPREAD))
    edge = np.where(loss[0] < loss[-1], offset[0, 0], offset[-1, 0])
    return NewExperiment(C, posterior.draws.N_opt(C) * np.exp(np.where(inside, vertex, edge)), ~inside)


def new_experiment_at(posterior: "Posterior", N: float, *, seed: int) -> NewExperiment:
    """The same for "how many tokens at N": at each draw's own C = 6 N D_opt(N)."""
    return new_experiment(posterior, 6.0 * N * posterior.draws.D_opt_at(N), seed=seed)


def penalty(law: Law, C: float, factor: float) -> Array:
    """Loss above the optimum, nats a token, of a model `factor` times N_opt(C) at the same compute, per draw (S,)."""
    N, D = law.N_opt(C), law.D_opt(C)
    return law.loss(N * factor, D / factor) - law.loss(N, D)


@dataclass(frozen=True)
class Allocation:
    """Parameters and tokens for one compute budget, and the expected loss there under the posterior."""

    N: float
    D: float
    expected_loss: float


def expected_loss_allocation(law: Law, C: float) -> Allocation:
    """argmin over N of E[L(N, C / 6N)] under the posterior: what to train when the law itself is uncertain.

    Searched on a grid in ln N over the central 99.8 % of the draws' N_opt, refined by a parabola.
    """
    low, high = np.log(np.quantile(law.N_opt(C), [0.001, 0.999]))
    ln_N = np.linspace(low, high, POINTS)
    expected = np.array([float(np.mean(law.loss(np.exp(x), C / (6.0 * np.exp(x))))) for x in ln_N])
    i = int(np.argmin(expected))
    if 0 < i < POINTS - 1:
        ln_best = ln_N[i] + (ln_N[1] - ln_N[0]) * float(vertex_of_three(*expected[i - 1 : i + 2]))
    else:
        ln_best = ln_N[i]
    N = float(np.exp(ln_best))
    return Allocation(N, C / (6.0 * N), float(np.mean(law.loss(N, C / (6.0 * N)))))


def exact_cost_optimum(law: Law, C: float, sizes: Sequence[float], flops_per_token: Sequence[float], *, points: int = 600) -> Array:
    """N that minimises L(N, C / c(N)) per draw, (S,), where c(N) is the exact training cost a token.

    c is interpolated (beyond the ladder, continued) linearly in (ln N, ln c) along the design's ladder of `sizes`.
    """
    order = np.argsort(sizes)
    x, y = np.log(np.asarray(sizes, dtype=float))[order], np.log(np.asarray(flops_per_token, dtype=float))[order]
    centre = np.log(np.quantile(law.N_opt(C), [0.001, 0.999]))
    ln_N = np.linspace(centre[0] - 2.0, centre[1] + 2.0, points)
    inner = np.interp(ln_N, x, y)
    first, last = (y[1] - y[0]) / (x[1] - x[0]), (y[-1] - y[-2]) / (x[-1] - x[-2])
    cost = inner + first * np.minimum(ln_N - x[0], 0.0) + last * np.maximum(ln_N - x[-1], 0.0)
    best = np.argmin(np.stack([law.loss(np.exp(n), C / np.exp(c)) for n, c in zip(ln_N, cost, strict=True)]), axis=0)
    return np.asarray(np.exp(ln_N[best]))
