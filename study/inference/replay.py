"""The proof of `next_run`: replay a finished table, letting a rule choose the next runs among its rows.

From a few runs, add one batch after another by each rule, refit, and record the width of the 95 % interval of ln D_opt and its
error against the answer of all rows, by cumulative FLOP.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import StudyError
from study.inference.fast.fit import fit_fast
from study.inference.intervals import central
from study.inference.next_run import Candidates, plan, variance_gain
from study.inference.observations import PriorDominatedWarning, group_labels, observations
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.spec import ModelSpec

RULES = ("information", "own order", "random", "D-optimal")
DRAWS = 2000


@dataclass(frozen=True)
class Replay:
    """One rule from one start: arrays over the steps (T,)."""

    rule: str
    start: int
    flops: Array  # of all runs up to the step, the start's included
    width: Array  # 95 % width of ln D_opt
    error: Array  # median of ln D_opt less that of all rows
    inside: NDArray[np.bool_]  # whether the interval holds the median of all rows
    rows: tuple[tuple[int, ...], ...]  # added at each step

    def flops_to(self, width: float) -> float:
        """FLOP at which the width first falls to `width`; inf where it never does."""
        reached = np.flatnonzero(self.width <= width)
        return float(self.flops[reached[0]]) if len(reached) else float("inf")


def replay(table: pd.DataFrame, spec: ModelSpec, target: float, rule: str, start: int, *, first: int = 6, batch: int = 3,
           until: float | None = None) -> Replay:
    """Replay one rule from one start until all rows are used, or the width is `until`.

    The first runs are random rows of the cheaper half, of at least two N and two D; (N0, D0) are those of all rows, so that
    all fits share one prior. `start` is the seed of the first runs and of the rule.

    Raises:
        ValueError: an unknown rule.
    """
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}: one of {', '.join(RULES)}")
    table = table.reset_index(drop=True)
    rows = observations(table, spec)
    labels = group_labels(table, spec, rows.C)
    N0, D0 = (float(np.exp(np.log(values).mean())) for values in (rows.N, rows.D))
    whole = _fit(table, spec, N0, D0, seed=0)
    truth = float(np.median(np.log(whole.draws.D_opt_at(target))))
    rng = np.random.default_rng(start)
    chosen = first_rows(rows.N, rows.D, rows.C, first, rng)
    flops, width, error, inside, added = [], [], [], [], [tuple(chosen)]
    while True:
        posterior = _fit(table.iloc[chosen], spec, N0, D0, seed=start)
        q = np.log(posterior.draws.D_opt_at(target))
        low, high = central(q)
        flops.append(float(rows.C[chosen].sum()))
        width.append(float(high - low))
        error.append(float(np.median(q)) - truth)
        inside.append(bool(low <= truth <= high))
        left = [index for index in range(len(table)) if index not in set(chosen)]
        if not left or (until is not None and width[-1] <= until):
            break
        found = _choose(rule, posterior, table, labels, left, target, batch, rng, seed=start + len(chosen))
        added.append(tuple(found))
        chosen = [*chosen, *found]
    return Replay(rule, start, np.array(flops), np.array(width), np.array(error), np.array(inside), tuple(added))


def first_rows(N: Array, D: Array, C: Array, count: int, rng: np.random.Generator) -> list[int]:
    """Random rows of the cheaper half, not all of one N, one D or one N D."""
    cheap = np.argsort(C, kind="stable")[:max(count, len(C) // 2)]
    for _ in range(1000):
        chosen = rng.choice(cheap, count, replace=False)
        n, d = np.log(N[chosen]), np.log(D[chosen])
        if min(np.ptp(n), np.ptp(d)) > 0.5 and abs(float(np.corrcoef(n, d)[0, 1])) < 0.95:
            break
    return [int(index) for index in chosen]


def _choose(rule: str, posterior: Posterior, table: pd.DataFrame, labels: Sequence[str] | NDArray[np.str_], left: list[int],
            target: float, batch: int, rng: np.random.Generator, *, seed: int) -> list[int]:
    if rule == "own order":
        return left[:batch]
    if rule == "random":
        return [int(index) for index in rng.permutation(left)[:batch]]
    known = {name: k for k, name in enumerate(posterior.rows.groups)}
    unseen = dict.fromkeys(str(labels[i]) for i in left if str(labels[i]) not in known)
    new = {name: len(known) + k for k, name in enumerate(unseen)}
    some = table.iloc[left]
    N, D = some["N"].to_numpy(dtype=float), some["D"].to_numpy(dtype=float)
    group = np.array([{**known, **new}[str(labels[i])] for i in left], dtype=np.int64)
    candidates = Candidates(N, D, 6 * N * D, group, ("",) * len(N))
    if rule == "D-optimal":
        order = np.argsort(-variance_gain(posterior, candidates, seed=seed) / candidates.price, kind="stable")
        return [left[int(k)] for k in order[:batch]]
    found = plan(posterior, candidates, target, float("inf"), seed=seed, most=batch, per_price=True)
    first = [choice.index for choice in found.choices]
    rest = [int(k) for k in np.argsort(-found.information / candidates.price, kind="stable") if int(k) not in first]
    return [left[k] for k in [*first, *rest][:batch]]


def _fit(table: pd.DataFrame, spec: ModelSpec, N0: float, D0: float, *, seed: int) -> Posterior:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PriorDominatedWarning)
        for attempt in range(3):
            found = fit_fast(table, spec, seed=seed + 1000 * attempt, draws=DRAWS * 2**attempt, N0=N0, D0=D0, fallback=False)
            if found.diagnostics.converged:
                return replace(found, idata=None)
    if not np.isfinite(found.khat) or found.khat > 1:
        raise StudyError(f"importance draws of {len(table)} runs are not reliable (k-hat {found.khat:.2f})")
    return found
