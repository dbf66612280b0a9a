"""The proof of `next_run`: replay a finished table, letting a rule choose the next runs among its rows.

From a few runs, add one batch after another by each rule, refit, and record the 95 % interval of ln D_opt by cumulative FLOP: its
width, and its interval score (`scores.interval_score`) against the answer of all rows, which is the width where the interval holds
that answer. An interval may be narrow by chance, or because cheap runs hide a law's misfit; the score is small only for one that is
narrow and right. The rules:

    information    `next_run.plan` for each batch: information about ln D_opt for its FLOP
    own order      the table's, which for a grid is by budget, cheapest first
    D-optimal      information about all parameters together, for its FLOP
    random         any row left
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import StudyError
from study.inference.fast.fit import fit_fast
from study.inference.intervals import central
from study.inference.next_run import Candidates, group_index, plan, variance_gain
from study.inference.observations import Observations, PriorDominatedWarning, group_labels, observations, reference
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.scores import interval_score
from study.inference.spec import ModelSpec

RULES = ("information", "own order", "D-optimal", "random")
DRAWS = 2000
GROWTH = 0.25  # of the runs chosen so far: a batch is no smaller, so that a long table takes no more steps than it must
BEYOND = 10.0  # times the largest compute of a table: where its D_opt is asked for


@dataclass(frozen=True)
class Replay:
    """One rule from one start: arrays over the steps (T,)."""

    rule: str
    start: int
    flops: Array  # of all runs up to the step, the start's included
    width: Array  # 95 % width of ln D_opt
    score: Array  # its interval score against the median of all rows
    error: Array  # median of ln D_opt less that of all rows
    rows: tuple[tuple[int, ...], ...]  # added at each step


def flops_to(flops: Iterable[float], score: Iterable[float], least: float) -> float:
    """FLOP at which a score or a width first falls to `least`; inf where it never does."""
    return next((float(spent) for spent, now in zip(flops, score, strict=True) if now <= least), float("inf"))


@dataclass(frozen=True)
class Ground:
    """A finished table to replay: its rows, and the posterior of all of them. Fits of the same rows are done once."""

    table: pd.DataFrame
    spec: ModelSpec
    target: float
    bytes_per_token: float | None
    rows: Observations
    labels: NDArray[np.str_]
    fits: dict[tuple[int, ...], Posterior]

    @property
    def whole(self) -> Posterior:
        return self.fit(range(len(self.table)))

    def fit(self, chosen: Sequence[int]) -> Posterior:
        """The posterior of these rows. (N0, D0) are those of all rows, so that all fits share one prior."""
        key = tuple(sorted(chosen))
        if key not in self.fits:
            self.fits[key] = _fit(self.table.iloc[list(key)], self.spec, *reference(self.rows), self.bytes_per_token)
        return self.fits[key]

    def answer(self, chosen: Sequence[int]) -> Array:
        """The 2.5, 50 and 97.5 % quantiles of ln D_opt."""
        draws = np.log(self.fit(chosen).draws.D_opt_at(self.target))
        low, high = central(draws)
        return np.array([low, np.median(draws), high])


def ground(table: pd.DataFrame, spec: ModelSpec, target: float | None = None, bytes_per_token: float | None = None) -> Ground:
    """A table to replay. Without a target: the compute-optimal size, to one digit, of `BEYOND` times the largest compute."""
    table = table.reset_index(drop=True)
    rows = observations(table, spec)
    found = Ground(table, spec, 1.0, bytes_per_token, rows, group_labels(table, spec, rows.C), {})
    if target is None:
        target = float(f"{np.median(found.whole.draws.N_opt(BEYOND * rows.C.max())):.1g}")
    return replace(found, target=target)


def replay(field: Ground, rule: str, start: int, *, first: int = 6, batch: int = 6, until: float | None = None,
           most: int | None = None) -> Replay:
    """Replay one rule from one start until all rows are used, the interval score is `until`, or after `most` batches.

    The first runs are random rows of the cheaper half, of at least two N and two D. `start` is the seed of the first runs and
    of the rule.

    Raises:
        ValueError: an unknown rule.
    """
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}: one of {', '.join(RULES)}")
    rows, everything = field.rows, range(len(field.rows))
    truth = float(field.answer(everything)[1]) if most is None else float("nan")  # the fit of all rows is not needed
    rng = np.random.default_rng(start)
    chosen = first_rows(rows.N, rows.D, rows.C, first, rng) if first < len(rows) else list(everything)
    flops, width, scores, error, added = [], [], [], [], [tuple(chosen)]
    while True:
        low, middle, high = field.answer(chosen)
        flops.append(float(rows.C[chosen].sum()))
        width.append(float(high - low))
        scores.append(interval_score(low, high, truth))
        error.append(float(middle) - truth)
        left = [index for index in everything if index not in set(chosen)]
        if not left or (until is not None and scores[-1] <= until) or len(added) - 1 == most:
            break
        size = max(batch, int(GROWTH * len(chosen)))
        found = _choose(rule, field, chosen, left, size, rng, seed=start + len(chosen))
        added.append(tuple(found))
        chosen = [*chosen, *found]
    return Replay(rule, start, np.array(flops), np.array(width), np.array(scores), np.array(error), tuple(added))


def first_rows(N: Array, D: Array, C: Array, count: int, rng: np.random.Generator) -> list[int]:
    """Random rows of the cheaper half, not all of one N, one D or one N D."""
    cheap = np.argsort(C, kind="stable")[:max(count, len(C) // 2)]
    for _ in range(1000):
        chosen = rng.choice(cheap, count, replace=False)
        n, d = np.log(N[chosen]), np.log(D[chosen])
        if min(np.ptp(n), np.ptp(d)) > 0.5 and abs(float(np.corrcoef(n, d)[0, 1])) < 0.95:
            break
    return [int(index) for index in chosen]


def _choose(rule: str, field: Ground, chosen: list[int], left: list[int], size: int, rng: np.random.Generator, *,
            seed: int) -> list[int]:
    if rule == "own order":  # batches end at the same rows from every start, so that the fits are shared
        end = 0
        while sum(index < end for index in left) < min(size / 2, len(left)):
            end += max(6, int(GROWTH * end))
        return [index for index in left if index < end]
    if rule == "random":
        return [int(index) for index in rng.permutation(left)[:size]]
    posterior = field.fit(chosen)
    N, D = field.rows.N[left], field.rows.D[left]
    candidates = Candidates(N, D, 6 * N * D, group_index(posterior, field.labels[left]), ("",) * len(N))
    if rule == "D-optimal":
        order = np.argsort(-variance_gain(posterior, candidates, seed=seed) / candidates.price, kind="stable")
        return [left[int(k)] for k in order[:size]]
    found = plan(posterior, candidates, field.target, float("inf"), seed=seed, most=size, per_price=True)
    first = [choice.index for choice in found.choices]
    rest = [int(k) for k in np.argsort(-found.information / candidates.price, kind="stable") if int(k) not in first]
    return [left[k] for k in [*first, *rest][:size]]


def _fit(table: pd.DataFrame, spec: ModelSpec, N0: float, D0: float, bytes_per_token: float | None) -> Posterior:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PriorDominatedWarning)
        for attempt in range(3):
            found = fit_fast(table, spec, seed=1000 * attempt, draws=DRAWS * 2**attempt, N0=N0, D0=D0, fallback=False,
                             bytes_per_token=bytes_per_token)
            if found.diagnostics.converged:
                return replace(found, idata=None)
    if not np.isfinite(found.khat) or found.khat > 1:
        raise StudyError(f"importance draws of {len(table)} runs are not reliable (k-hat {found.khat:.2f})")
    return found
