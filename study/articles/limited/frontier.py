"""The frontier by exact FLOPs: which size has the lowest loss at each budget; and perplexity against FLOPs."""

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from study.analysis import go
from study.articles.limited import show
from study.articles.limited.data import GO, MISSING, Limited, means
from study.articles.shared import style, text
from study.articles.verdict import Verdict, absent, decided
from study.counts import config_counts, config_flops_per_token
from study.grids import grid


@lru_cache(maxsize=4)
def found(study: Limited) -> go.Frontier | None:
    """The frontier; None without runs of several sizes and seeds."""
    noise = means(study, "best_loss")
    return None if noise is None else go.frontier(study.log, noise)


@style.drawn
def figure(study: Limited) -> Figure:
    """Lowest loss reached by each budget, a line a size with the best one marked; and perplexity along the runs."""
    reached = found(study)
    if reached is None:
        return style.note(MISSING)
    figure, (left, right) = style.canvas(7.2, 3.2, 1, 2)
    palette = style.size_colours(reached.N)
    for k, N in enumerate(reached.N):
        left.plot(reached.C, reached.loss[:, k], color=palette[N], lw=1.2, label=style.short(N))
    lowest = np.nanmin(reached.loss, axis=1)
    left.scatter(reached.C, lowest, s=10, color=[palette[N] for N in reached.best], zorder=4)
    style.log_axis(left, "x", style.power, most=5)
    low, high = float(lowest.min()), float(lowest[0])
    left.set_ylim(low - 0.05 * (high - low), high + 0.1 * (high - low))
    left.legend(fontsize=8, title="$N$", title_fontsize=8)
    show.lines(right, study, "flops", "validation_loss", np.exp)
    rows = study.log[(study.log["arm"] == go.SIZE) & (study.log["tokens"] >= 0.1 * study.log["D"])]
    right.set_ylim(0.97 * float(np.exp(rows["validation_loss"].min())), 1.03 * float(np.exp(rows["validation_loss"].max())))
    style.panel(left, "", "exact FLOP", f"lowest loss so far ({show.NATS})")
    style.panel(right, "", "exact FLOP", "perplexity")
    return figure


def up_to(study: Limited) -> str:
    """Up to which budget the smallest size is the best."""
    reached = found(study)
    return text.ABSENT if reached is None else text.power(reached.up_to) if reached.up_to else "none"


def smallest_ends(study: Limited) -> str:
    """Where the runs of the smallest size end."""
    smallest = study.sizes[study.sizes["N"] == study.sizes["N"].min()]
    return text.ABSENT if smallest.empty else text.power(float(smallest["C_exact"].max()))


def largest(study: Limited) -> str:
    """The largest budget."""
    reached = found(study)
    return text.ABSENT if reached is None else text.power(float(reached.C[-1]))


def times() -> str:
    """Exact FLOPs over 6 N times positions: how often a weight is used at a position, by size."""
    shapes = {cell.config.width: cell.config for cell in grid(GO).cells}
    shares = [config_flops_per_token(config) / (6 * config_counts(config).total) for config in shapes.values()]
    return f"{min(shares):.0f} to {max(shares):.0f}"


def verdict(study: Limited) -> Verdict:
    """The smallest size is the best at every budget that a second size has reached."""
    reached = found(study)
    if reached is None:
        return absent("go-frontier", "the smallest at every budget", GO)
    word = decided(reached.won, lambda all_: all_ == 1)
    measured = f"the smallest up to {up_to(study)} FLOP, of {largest(study)}"
    return Verdict("go-frontier", "the smallest at every budget", measured, word, reached.up_to, f"`{GO}`")
