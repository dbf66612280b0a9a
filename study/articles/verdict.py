"""What a claim comes to: one word, and the numbers it rests on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from study.articles.shared import text

SURE = 0.975  # share of draws
Word = Literal["reproduced", "contradicted", "undecided", "not testable here", "not tested yet"]


@dataclass(frozen=True)
class Verdict:
    """One row of the table of verdicts."""

    claim: str  # key of `claims.CLAIMS`
    claimed: str
    measured: str  # with its interval
    word: Word
    number: float  # that the word rests on; nan where nothing was measured
    runs: str  # grids


def absent(claim: str, claimed: str, grid: str) -> Verdict:
    """The claim's runs are not recorded yet."""
    return Verdict(claim, claimed, text.ABSENT, "not tested yet", float("nan"), f"`{grid}`")


def middle(draws: Any) -> float:
    """Median."""
    return float(np.median(np.asarray(draws, dtype=float)))


def with_interval(draws: Any, form: Callable[[float], str] = text.significant) -> str:
    """Median and central 95 % interval, as the page shows them."""
    return f"{form(middle(draws))} {text.interval(*text.central(draws), form)}"


def decided(draws: Any, condition: Callable[[Any], Any]) -> Word:
    """Reproduced where the condition holds in at least `SURE` of the draws, contradicted where it fails in as many."""
    share = float(np.mean(condition(np.asarray(draws, dtype=float))))
    return "reproduced" if share >= SURE else "contradicted" if share <= 1 - SURE else "undecided"
