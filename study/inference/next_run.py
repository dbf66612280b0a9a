"""Which run to train next: the information about ln D_opt that a run's loss would bring, for its price.

For a candidate x = (N, D) the information about q = ln D_opt(target) is I(q; L), in nats. With q and the losses y(x) that
the posterior predicts taken as jointly Gaussian, from the draws' own covariances,

    I(x) = -ln(1 - r^2) / 2,     r^2 = Cov(q, m(x))^2 / (Var q (Var m(x) + s(x)^2))

where m(x) = ln Lhat(x) + u is a draw's law with its group's effect, and s(x)^2 the variance that a Gaussian of the noise's
Fisher information has: (nu + 3) / (nu + 1) times the square of its scale. A batch is chosen greedily, each run given those
before it, by conditioning the covariance on its loss: what one run tells is not paid for twice. Tested against refits of
simulated losses, which find more where q is far from Gaussian: the ranking is what is used.

Sources: Lindley 1956; sequential designs under Gaussian conditioning: Krause, Singh and Guestrin 2008 (JMLR 9, 235).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.inference.intervals import central
from study.inference.likelihood import noise_scale
from study.inference.parameters import Array
from study.inference.posterior import Posterior

DRAWS = 4000  # at the most
TAIL = 0.01  # of q's draws, clipped at either end: few runs leave tails that would rule the covariances
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
    ended: str  # why no more were chosen: "budget", "runs" or "information"


@dataclass(frozen=True)
class Joint:
    """The covariance of (q, m_1, ..., m_K) over the posterior, (K + 1, K + 1), and the noise variances, (K,)."""

    covariance: Array
    noise: Array

    def information(self) -> Array:
        """Nats about q of each candidate, (K,)."""
        C = self.covariance
        r2 = C[0, 1:] ** 2 / np.maximum(C[0, 0] * (np.diag(C)[1:] + self.noise), 1e-300)
        return np.asarray(-0.5 * np.log1p(-np.clip(r2, 0.0, 1 - 1e-9)))

    def given(self, k: int) -> "Joint":
        """After the loss of candidate k is known."""
        C = self.covariance
        return Joint(C - np.outer(C[:, k + 1], C[k + 1]) / (C[k + 1, k + 1] + self.noise[k]), self.noise)


def plan(posterior: Posterior, candidates: Candidates, target: float, budget: float, *, seed: int, most: int = 20,
         per_price: bool | None = None) -> Plan:
    """Choose runs greedily until the budget is spent: by information over price, or by information alone.

    Args:
        target: parameters for which D_opt is wanted.
        budget: total price of the batch.
        seed: of the effects of groups that no run has been seen of.
        most: runs at the most.
        per_price: rank by information over price (True), by information (False), or both ways, and return the batch that tells
            more: either way alone can be far from the best batch of a budget, the better of the two cannot.

    Raises:
        ValueError: no candidate, or a price that is not positive.
    """
    if not len(candidates.N) or not np.all(candidates.price > 0):
        raise ValueError("candidates need a positive price, and there must be one")
    joint = joint_of(posterior, candidates, target, seed)
    low, high = central(np.log(posterior.draws.D_opt_at(target)))
    both = [_greedy(joint, float(high - low), candidates, budget, most, way) for way in (True, False) if per_price in (way, None)]
    return min(both, key=lambda found: found.choices[-1].width if found.choices else np.inf)


def _greedy(joint: Joint, now: float, candidates: Candidates, budget: float, most: int, per_price: bool) -> Plan:
    alone = gains = joint.information()
    choices: list[Choice] = []
    left, spent, total = np.ones(len(alone), dtype=bool), 0.0, 0.0
    ended = "runs"
    while len(choices) < most:
        affordable = left & (candidates.price <= budget - spent)
        if not affordable.any():
            ended = "budget" if left.any() else "runs"
            break
        worth = np.where(affordable & (gains >= LEAST), gains / (candidates.price if per_price else 1.0), -np.inf)
        best = int(np.argmax(worth))
        if not np.isfinite(worth[best]):
            ended = "information"
            break
        spent, total = spent + float(candidates.price[best]), total + float(gains[best])
        left[best] = False
        choices.append(Choice(best, float(gains[best]), now * float(np.exp(-total)), spent))
        joint = joint.given(best)
        gains = joint.information()
    return Plan(now, alone, tuple(choices), ended)


def group_index(posterior: Posterior, labels: Iterable[object]) -> NDArray[np.int64]:
    """Index of each label among the posterior's groups, (K,); labels that it has not seen get the indices after them."""
    names = [str(label) for label in labels]
    known = {name: k for k, name in enumerate(posterior.rows.groups)}
    for name in names:
        known.setdefault(name, len(known))
    return np.array([known[name] for name in names], dtype=np.int64)


def gaussian_variance(nu: Array, scale: Array) -> Array:
    """Variance of the normal with the Fisher information of a Student-t: (nu + 3) / (nu + 1) scale^2; scale^2 of a normal."""
    finite = np.isfinite(nu)
    return np.asarray(np.where(finite, (nu + 3) / (np.where(finite, nu, 0.0) + 1), 1.0) * scale**2)


def variance_gain(posterior: Posterior, candidates: Candidates, *, seed: int) -> Array:
    """ln(1 + Var m / s^2) / 2 of each candidate, (K,): the information about all parameters together (D-optimality)."""
    joint = joint_of(posterior, candidates, 1e9, seed)
    return np.asarray(0.5 * np.log1p(np.diag(joint.covariance)[1:] / joint.noise))


def joint_of(posterior: Posterior, candidates: Candidates, target: float, seed: int) -> Joint:
    """The joint covariance of q = ln D_opt(target) and the candidates' predicted ln L."""
    rng = np.random.default_rng(seed)
    take = rng.permutation(len(posterior.parameters))[:DRAWS]
    p, seen = posterior.parameters.take(take), len(posterior.rows.groups)
    fresh = p.tau[:, None] * rng.standard_normal((len(take), max(1, int(candidates.group.max()) + 1 - seen)))
    u = np.hstack([posterior.u[take], fresh])
    law = p.surface(posterior.N0, posterior.D0)
    mean = np.log(law.loss(candidates.N[:, None], candidates.D[:, None])) + u[:, candidates.group].T  # (K, S)
    C = np.minimum(6 * candidates.N * candidates.D, posterior.rows.C.max())  # beyond the runs ln s is not followed
    scale = np.maximum(noise_scale(p, C[:, None], posterior.N0, posterior.D0), 1e-5)
    q = np.log(law.D_opt_at(target))
    q = np.clip(q, *np.quantile(q, [TAIL, 1 - TAIL]))
    return Joint(np.cov(np.vstack([q, mean])), np.asarray(np.median(gaussian_variance(p.nu, scale), axis=1)))
