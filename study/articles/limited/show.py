"""Shapes that the figures of this article share: a line a size along the runs, and points a size with the noise between seeds."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from study.analysis import go
from study.analysis.tables import groups
from study.articles.limited.data import Limited, means
from study.articles.shared import style, text
from study.articles.verdict import with_interval

NATS = "nats/position"
FIRST = 0.03  # epochs: before that the loss only falls from that of a uniform guess


def gain(x: float) -> str:
    """A difference of losses, nats."""
    return text.signed(x, 3) if abs(x) >= 5e-4 else "0"


def gap(study: Limited, index: int, arm: str = go.SIZE) -> str:
    """Final less best loss of a size of an arm."""
    found = means(study, "gap", arm)
    return text.ABSENT if found is None else with_interval(found.draws[:, index], gain)


def steps(x: float) -> str:
    """A difference of steps."""
    return f"{x:+,.0f}".replace("-", "−") if abs(x) >= 0.5 else "0"


def lines(ax: Axes, study: Limited, x: str, y: str, form: Callable[[Any], Any] = lambda values: values,
          arm: str = go.SIZE) -> None:
    """The mean over seeds of a column of the log along the runs of an arm, a line a size, named at its end."""
    rows = go.over_seeds(study.log, [y], arm)
    rows = rows[rows["epoch"] >= FIRST]
    palette = style.size_colours(rows["N"])
    for N, group in groups(rows, "N"):
        shown = form(group[y])
        ax.plot(group[x], shown, color=palette[N], lw=1.4)
        ax.plot(group[x].iloc[-1:], shown.iloc[-1:], "o", color=palette[N], ms=3, label=style.short(N))
    if x == "flops":
        style.log_axis(ax, "x", style.power, most=6)


def from_loss(ax: Axes, log: pd.DataFrame, column: str = "validation_loss", arm: str = go.SIZE) -> None:
    """Leave the first losses of the runs out of the picture: the axis ends where a tenth of the runs is done."""
    rows = log[(log["arm"] == arm) & (log["tokens"] >= 0.1 * log["D"])]
    low, high = float(rows[column].min()), float(rows[column].max())
    ax.set_ylim(low - 0.08 * (high - low), high + 0.12 * (high - low))


def by_size(ax: Axes, runs: pd.DataFrame, column: str, found: go.Means, name: str, colour: str = style.POSTERIOR) -> None:
    """A point a run against its size, and the mean of each size with its 95 % interval."""
    rows = runs[runs["arm"] == go.SIZE]
    ax.plot(rows["N"], rows[column], "o", color=colour, ms=2.5, alpha=0.5, lw=0)
    style.fan(ax, found.N, found.draws.T, colour, levels=(0.95,), label=name)
