"""What a claim comes to: one word, and the numbers it rests on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from study.articles.shared import text

Word = Literal["reproduced", "contradicted", "undecided", "not testable here", "not run yet"]


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
    return Verdict(claim, claimed, text.ABSENT, "not run yet", float("nan"), f"`{grid}`")


def middle(draws: Any) -> float:
    """Median."""
    return float(np.median(np.asarray(draws, dtype=float)))


def with_interval(draws: Any, form: Callable[[float], str] = text.significant) -> str:
    """Median and central 95 % interval, as the page shows them."""
    return f"{form(middle(draws))} {text.interval(*text.central(draws), form)}"


def sides(draws: Any, value: float) -> Literal["below", "inside", "above"]:
    """Where a value lies: inside the draws' 95 % interval, below it or above it."""
    low, high = text.central(draws)
    return "below" if value < low else "above" if value > high else "inside"


def decided(draws: Any, condition: Callable[[Any], Any], sure: float = 0.975) -> Word:
    """Reproduced where the condition holds in at least `sure` of the draws, contradicted where it fails in as many."""
    share = float(np.mean(condition(np.asarray(draws, dtype=float))))
    return "reproduced" if share >= sure else "contradicted" if share <= 1 - sure else "undecided"
