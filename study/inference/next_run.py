"""Which run to train next: the expected information about ln D_opt that a run's loss would bring, for its price.

For a candidate x = (N, D) the information about q = ln D_opt(target) is I(q; L) under the posterior predictive of its loss.
Nested Monte Carlo over posterior draws: a draw j makes a loss y_j (its law, its group effect, Gaussian noise of its scale), the
other draws s are weighted by p(y_j | s), and

    I(x) = E_j [ ln sd(q) - ln sd(q | y_j) ]        nats, of Gaussian entropies

where sd(q | y_j) is the weighted one without draw j itself (a U-statistic: with it the data would be seen twice). A batch is
chosen greedily: the losses of the runs chosen so far stay in the weights, so that what one run tells is not paid for twice.
Lindley 1956; Ryan et al. 2016 (Int. Stat. Rev. 84, 128).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.inference.intervals import central
from study.inference.likelihood import noise_scale
from study.inference.parameters import Array
from study.inference.posterior import Posterior

OUTER, INNER = 150, 4000  # draws that make a loss, draws that are weighted
ALIVE = 8.0  # effective draws below which a batch ends: the weights can tell no more
LEAST = 1e-4  # nats: less is noise of the estimate


@dataclass(frozen=True)
class Candidates:
    """Runs that could be trained, arrays (K,)."""

    N: Array
    D: Array
    price: Array  # FLOP, or dollars
    group: NDArray[np.int64]  # index into the posterior's groups; one past their number and on: shapes not seen yet
    label: tuple[str, ...]  # run_id, or ""


@dataclass(frozen=True)
class Choice:
    """One run of a batch, in the order chosen."""

    index: int  # of the candidate
    information: float  # nats that it adds to those before it
    width: float  # expected 95 % width of ln D_opt after it and those before it
    spent: float  # price of it and those before it


@dataclass(frozen=True)
class Plan:
    """What to train next."""

    width: float  # 95 % width of ln D_opt now
    information: Array  # (K,) nats of each candidate alone
    choices: tuple[Choice, ...]
    ended: str  # why no more were chosen: "budget", "runs", "weights" or "information"


@dataclass(frozen=True)
class _Worlds:
    mean: Array  # (S, K) ln Lhat + u
    scale: Array  # (S, K)
    q: Array  # (S,)
    outer: NDArray[np.intp]  # (J,) which draws make the losses
    noise: Array  # (J, K) standard normal


def plan(posterior: Posterior, candidates: Candidates, target: float, budget: float, *, seed: int, most: int = 20,
         per_price: bool | None = None) -> Plan:
    """Choose runs greedily until the budget is spent: by information over price, or by information alone.

    Args:
        target: parameters for which D_opt is wanted.
        budget: total price of the batch.
        most: runs at the most.
        per_price: rank by information over price (True), by information (False), or both ways, and return the batch that tells
            more: either way alone can be far from the best batch of a budget, the better of the two cannot.

    Raises:
        ValueError: no candidate, or a price that is not positive.
    """
    if not len(candidates.N) or not np.all(candidates.price > 0):
        raise ValueError("candidates need a positive price, and there must be one")
    worlds = _worlds(posterior, candidates, target, seed)
    both = [_greedy(worlds, posterior, candidates, target, budget, most, way) for way in (True, False) if per_price in (way, None)]
    return min(both, key=lambda found: found.choices[-1].width if found.choices else np.inf)


def _greedy(worlds: "_Worlds", posterior: Posterior, candidates: Candidates, target: float, budget: float, most: int,
            per_price: bool) -> Plan:
    log_weight = np.zeros((len(worlds.outer), len(worlds.q)))
    log_weight[np.arange(len(worlds.outer)), worlds.outer] = -np.inf  # the draw that made the loss is left out
    low, high = central(np.log(posterior.draws.D_opt_at(target)))
    now, base = float(high - low), _log_sd(log_weight, worlds.q)
    alone = np.array([_gain(worlds, log_weight, base, k) for k in range(len(candidates.N))])
    choices: list[Choice] = []
    left, spent, total, gains = np.ones(len(alone), dtype=bool), 0.0, 0.0, alone
    ended = "runs"
    while len(choices) < most:
        affordable = left & (candidates.price <= budget - spent)
        if not affordable.any():
            ended = "budget" if left.any() else "runs"
            break
        worth = np.where(affordable, gains / (candidates.price if per_price else 1.0), -np.inf)
        best = int(np.argmax(worth))
        if gains[best] < LEAST:
            ended = "information"
            break
        log_weight = log_weight + _log_likelihood(worlds, best)
        spent, total = spent + float(candidates.price[best]), total + float(gains[best])
        left[best] = False
        choices.append(Choice(best, float(gains[best]), now * float(np.exp(-total)), spent))
        if float(np.median(_effective(log_weight))) < ALIVE:
            ended = "weights"
            break
        base = _log_sd(log_weight, worlds.q)
        gains = np.array([_gain(worlds, log_weight, base, k) if left[k] and candidates.price[k] <= budget - spent else -np.inf
                          for k in range(len(alone))])
    return Plan(now, alone, tuple(choices), ended)


def variance_gain(posterior: Posterior, candidates: Candidates, *, seed: int) -> Array:
    """ln(1 + Var[ln Lhat] / s^2) / 2 of each candidate, (K,): the information about all parameters together (D-optimality)."""
    worlds = _worlds(posterior, candidates, 1e9, seed)
    return np.asarray(0.5 * np.log1p(worlds.mean.var(axis=0) / np.median(worlds.scale, axis=0) ** 2))


def _worlds(posterior: Posterior, candidates: Candidates, target: float, seed: int) -> _Worlds:
    rng = np.random.default_rng(seed)
    take = rng.permutation(len(posterior.parameters))[:INNER]
    p, seen = posterior.parameters.take(take), len(posterior.rows.groups)
    fresh = p.tau[:, None] * rng.standard_normal((len(take), max(1, int(candidates.group.max()) + 1 - seen)))
    u = np.hstack([posterior.u[take], fresh])
    law = p.surface(posterior.N0, posterior.D0)
    mean = np.log(law.loss(candidates.N[:, None], candidates.D[:, None])).T + u[:, candidates.group]
    C = np.minimum(6 * candidates.N * candidates.D, posterior.rows.C.max())  # beyond the runs ln s is not followed
    scale = np.maximum(noise_scale(p, C[:, None], posterior.N0, posterior.D0).T, 1e-5)
    outer = np.arange(min(OUTER, len(take)))
    return _Worlds(mean, scale, np.log(law.D_opt_at(target)), outer, rng.standard_normal((len(outer), len(candidates.N))))


def _log_likelihood(worlds: _Worlds, k: int) -> Array:
    """ln p(y_j | draw s) of candidate k, (J, S)."""
    mean, scale = worlds.mean[:, k], worlds.scale[:, k]
    y = mean[worlds.outer] + scale[worlds.outer] * worlds.noise[:, k]
    return np.asarray(-0.5 * ((y[:, None] - mean) / scale) ** 2 - np.log(scale))


def _gain(worlds: _Worlds, log_weight: Array, base: Array, k: int) -> float:
    return float(np.mean(base - _log_sd(log_weight + _log_likelihood(worlds, k), worlds.q)))


def _log_sd(log_weight: Array, q: Array) -> Array:
    """ln of the weighted standard deviation of q, (J,); corrected for the effective number of draws."""
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean = weight @ q
    variance = np.maximum(weight @ q**2 - mean**2, 1e-12) / np.maximum(1 - (weight**2).sum(axis=1), 0.02)
    return np.asarray(0.5 * np.log(variance))


def _effective(log_weight: Array) -> Array:
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return np.asarray(weight.sum(axis=1) ** 2 / (weight**2).sum(axis=1))
