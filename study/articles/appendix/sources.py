"""Where the arithmetic of the sources fails."""

from typing import TYPE_CHECKING

from study.articles.shared import text
from study.laws.errata import errata

if TYPE_CHECKING:
    from IPython.display import Markdown


def count() -> str:
    """Statements that come out otherwise."""
    return f"{len(errata())}"


def table() -> "Markdown":
    """Every erratum: claimed, computed here from the source's own premises, and why they differ."""

    def form(value: float | str, unit: str) -> str:
        if isinstance(value, str):
            return value
        number = text.power(value, 3) if abs(value) >= 1e6 else text.significant(value, 4 if unit == "nats/token" else 3)
        return f"{number} {unit}" if unit in ("FLOP", "nats/token") else number

    return text.table(
        [
            {
                "statement": f"**{item.source.split(' (')[0]}**: {text.literal(item.what)}",
                "claimed": form(item.claimed, item.unit),
                "computed": form(item.computed, item.unit),
                "why": text.literal(item.why),
            }
            for item in errata()
        ],
        left=("claimed", "computed", "why"),
    )
