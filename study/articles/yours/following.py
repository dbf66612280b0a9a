"""Which run to train next, for the same table."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.your_runs import YourRuns
from study.articles.shared import style, text, words
from study.fit.next_picture import draw_candidates

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
    return text.significant(float(np.exp(runs.next["width_now"])))


def factor_then(runs: YourRuns) -> str:
    """The same as expected after the batch."""
    return text.significant(float(np.exp(runs.next["chosen"][-1]["width"])))


def batch(runs: YourRuns) -> "Markdown":
    """The batch in its order, with what each run is expected to leave."""
    return text.table([{"": str(order), "N": text.short(row["N"]), "D": text.short(row["D"]), "FLOP": text.power(row["C"]),
                        "nats": text.two(row["information"]), "factor after": text.significant(float(np.exp(row["width"])))}
                       for order, row in enumerate(runs.next["chosen"], 1)])


@style.drawn
def candidates(runs: YourRuns) -> Figure:
    """Every candidate by what it tells, and the chosen ones numbered."""
    figure, ax = style.canvas(6.4, 3.8)
    rows, chosen = pd.DataFrame(runs.next["candidates"]), pd.DataFrame(runs.next["chosen"], columns=["N", "D"])
    draw_candidates(ax, rows["N"], rows["D"], rows["information"], chosen["N"], chosen["D"])
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
    style.panel(ax, "", "FLOP spent", "factor between the ends of 95 %")
    return figure
