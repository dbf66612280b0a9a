"""The fit of the table: what was read, and the answer."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from study.analysis.your_runs import YourRuns
from study.articles.atlas import shown
from study.articles.shared import style, text
from study.fit.words import FORMS

if TYPE_CHECKING:
    from IPython.display import Markdown


def rows(runs: YourRuns) -> str:
    """Rows that were fitted."""
    return str(runs.fit["data"]["rows"])


def method(runs: YourRuns) -> str:
    """How the posterior was drawn."""
    return str(runs.fit["method"])


def verdict(runs: YourRuns) -> str:
    """The line that comes first."""
    return str(runs.fit["verdict"])


def N(runs: YourRuns) -> str:
    """Parameters asked for."""
    return text.count(runs.fit["answers"]["at_N"]["N"])


def tokens(runs: YourRuns) -> str:
    """D_opt within the law, with its 95 % interval."""
    return shown.both(runs.fit["answers"]["at_N"]["D_opt"]["posterior"], text.short)


def widened(runs: YourRuns) -> str:
    """The widened interval; the law's own where the fit is trusted."""
    at = runs.fit["answers"]["at_N"]
    return shown.both(at["D_opt_widened"] or at["D_opt"]["posterior"], text.short)


def exponent(runs: YourRuns) -> str:
    """a of N_opt = G (C/6)^a."""
    return shown.both(runs.fit["posterior"]["a"])


def trusted(runs: YourRuns) -> str:
    """Whether the command relies on the fit: "does" or "does not"."""
    return "does" if runs.fit["trusted"] else "does not"


def columns(runs: YourRuns) -> "Markdown":
    """Which column of the file was read as what."""
    return text.table([{"read as": ours, "column": f"`{name}`"} for ours, name in runs.fit["data"]["columns"].items()],
                      left=("read as", "column"))


@style.drawn
def answers(runs: YourRuns) -> Figure:
    """D_opt by the law, by each other form, by the mixture, and widened."""
    at = runs.fit["answers"]["at_N"]
    bars = [("the fit", at["D_opt"]["posterior"], style.POSTERIOR)]
    bars += [(label, runs.fit["forms"][form]["D_opt"], style.OTHER) for form, label in FORMS.items()
             if form != "hoffmann" and "D_opt" in runs.fit["forms"].get(form, {})]
    bars.append(("three forms, equally weighted", at["D_opt_mixture_of_forms"], style.PREDICTIVE))
    if at["D_opt_widened"] is not None:
        bars.append(("widened", at["D_opt_widened"], style.INK))
    figure, ax = style.canvas(7.0, 0.32 * len(bars) + 0.8)
    for y, (_, summary, colour) in enumerate(reversed(bars)):
        shown.bar(ax, y, summary, colour)
    ax.set_yticks(range(len(bars)), [label for label, *_ in reversed(bars)])
    ax.set_ylim(-0.6, len(bars) - 0.4)
    style.log_axis(ax, "x")
    ax.grid(visible=False, axis="y")
    style.panel(ax, "", "optimal tokens $D_{opt}$")
    return figure
