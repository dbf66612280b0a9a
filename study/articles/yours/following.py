"""Which run to train next, for the same table."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis.your_runs import YourRuns
from study.articles.shared import style, text, words

if TYPE_CHECKING:
    from IPython.display import Markdown


def budget(runs: YourRuns) -> str:
    """FLOP that may be spent."""
    return text.power(runs.next["budget"])


def chosen(runs: YourRuns) -> str:
    """Runs that were chosen, as a word."""
    return words.number_word(len(runs.next["chosen"]))


def factor_now(runs: YourRuns) -> str:
    """By what factor the ends of the 95 % interval differ now."""
    return text.two(float(np.exp(runs.next["width_now"])))


def factor_then(runs: YourRuns) -> str:
    """The same as expected after the batch."""
    return text.two(float(np.exp(runs.next["chosen"][-1]["width"])))


def batch(runs: YourRuns) -> "Markdown":
    """The batch in its order, with what each run is expected to leave."""
    return text.table([{"": str(order), "N": text.short(row["N"]), "D": text.short(row["D"]), "FLOP": text.power(row["C"]),
                        "nats": text.two(row["information"]), "factor then": text.two(float(np.exp(row["width"])))}
                       for order, row in enumerate(runs.next["chosen"], 1)])


@style.drawn
def candidates(runs: YourRuns) -> Figure:
    """Every candidate by what it tells, and the chosen ones numbered."""
    figure, ax = style.canvas(6.4, 3.8)
    rows = runs.next["candidates"]
    gain = np.maximum([row["information"] for row in rows], 0.0)
    area = 4 + 120 * gain / max(float(gain.max()), 1e-9)
    ax.scatter([row["N"] for row in rows], [row["D"] for row in rows], s=area, color=style.MUTED, alpha=0.5, lw=0)
    for order, row in enumerate(runs.next["chosen"], 1):
        ax.plot(row["N"], row["D"], "o", color=style.POSTERIOR, ms=5)
        ax.annotate(str(order), (row["N"], row["D"]), xytext=(4, 4), textcoords="offset points", color=style.POSTERIOR)
    style.log_axis(ax, "x")
    style.log_axis(ax, "y")
    style.panel(ax, "", "parameters $N$", "tokens $D$")
    return figure


@style.drawn
def expected(runs: YourRuns) -> Figure:
    """The expected width of the interval by what is spent."""
    figure, ax = style.canvas(5.6, 2.8)
    rows = runs.next["chosen"]
    spent = [0.0, *(row["spent"] for row in rows)]
    ax.plot(spent, np.exp([runs.next["width_now"], *(row["width"] for row in rows)]), "o-", color=style.POSTERIOR, ms=4)
    style.log_axis(ax, "y", lambda x: f"{x:g}")
    style.panel(ax, "", "FLOP spent", "factor between the ends of 95 %")
    return figure
