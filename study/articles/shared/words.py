"""Words that a condition picks: where a value lies, how many, which way."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from study.articles.shared.text import central

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
Side = Literal["below", "inside", "above"]


def number_word(n: int) -> str:
    """Small counts as words, others as digits."""
    return NUMBERS[n] if 0 <= n < len(NUMBERS) else f"{n:,}"


def none_or(n: int) -> str:
    """A count as a word that can stand alone: none, one, two."""
    return number_word(n) if n else "none"


def are(n: int) -> str:
    """One run is, two runs are."""
    return "is" if n == 1 else "are"


def enumeration(words: Sequence[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else "none"


def promised(count: int, levels: Sequence[float], say: Callable[[int], str] = str) -> str:
    """How many of `count` runs the central intervals of these levels promise to hold."""
    return enumeration([say(round(level * count)) for level in levels])


def lies(value: float, draws: Any) -> Side:
    """Where a value lies beside the central 95 % interval of draws."""
    low, high = central(draws)
    return "below" if value < low else "above" if value > high else "inside"


def holds(draws: Any, value: float) -> Literal["holds", "excludes"]:
    """Whether that interval holds a value."""
    return "holds" if lies(value, draws) == "inside" else "excludes"


def capital(words: str) -> str:
    """The same at the start of a sentence."""
    return words[:1].upper() + words[1:]
