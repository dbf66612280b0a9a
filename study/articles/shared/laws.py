"""The published laws on the figures: one name, colour and dash a law."""

from collections.abc import Sequence
from dataclasses import dataclass

from study.articles.shared import style
from study.laws.published import PublishedLaw, published_law


@dataclass(frozen=True)
class Drawn:
    """A published law and how it is drawn."""

    law: PublishedLaw
    name: str
    colour: str
    dashes: str = "-"


LOOKS = {  # key of study.laws.published: name, colour, dashes
    "kaplan": ("Kaplan 2020", style.KAPLAN, "-"),
    "kaplan-surface": ("Kaplan 2020, its L(N, D)", style.KAPLAN, "--"),
    "hoffmann-1": ("Hoffmann 2022, approach 1", style.HOFFMANN, ":"),
    "hoffmann": ("Hoffmann 2022", style.HOFFMANN, "-"),
    "hoffmann-rounded": ("Hoffmann 2022, as printed", style.HOFFMANN, "--"),
    "besiroglu": ("Besiroglu 2024", style.REFIT, "-"),
    "porian-1": ("Porian 2024, Kaplan's protocol", style.OTHER, "--"),
    "porian-5": ("Porian 2024, tuned", style.OTHER, "-"),
    "deepseek": ("DeepSeek 2024", style.FURTHER, "-"),
}
COMPARED = ("kaplan", "hoffmann", "besiroglu")  # beside this study's answers


def drawn(keys: Sequence[str] = COMPARED) -> list[Drawn]:
    """The laws of these keys, in their order."""
    return [Drawn(published_law(key), *LOOKS[key]) for key in keys]
