"""How the atlas's recorded summaries are shown: intervals as text and as bars."""

from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes

from study.articles.shared import text

Summary = dict[str, Any]  # {"point": median, "ci95": [lo, hi], "ci80": ..., "ci50": ...}


def ends(summary: Summary, form: Callable[[float], str] = text.two) -> str:
    """[low, high] of the 95 % interval."""
    low, high = summary["ci95"]
    return text.interval(low, high, form)


def both(summary: Summary, form: Callable[[float], str] = text.two) -> str:
    """The median and the 95 % interval."""
    return f"{form(summary['point'])} {ends(summary, form)}"


def bar(ax: Axes, y: float, summary: Summary, colour: str) -> None:
    """The 95 and 50 % intervals as a thin and a thick bar, and the median."""
    for level, width in (("ci95", 1.4), ("ci50", 4.0)):
        ax.plot(summary[level], [y, y], color=colour, lw=width, solid_capstyle="butt", zorder=3)
    ax.plot([summary["point"]], [y], "o", color="white", mec=colour, ms=4.0, mew=1.2, zorder=4)


def named(prior: str) -> str:
    """A prior's name on the page."""
    return prior.replace(" x ", " × ")
