"""One loss against another: training and validation text, this corpus and another (Kaplan, figure 8)."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.relations import Line, at_equal_loss, other_corpus, phase, train_against_validation
from study.analysis.tables import groups
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.verdict import Verdict, Word

TOGETHER = 0.99  # correlation
SMALL = 0.1  # of the spread of the other corpus's loss: what a phase may move and still count as none


@lru_cache(maxsize=4)
def lines(study: Kaplan) -> tuple[Line, Line | None]:
    """Validation against training loss; the other corpus against this one, None where the grid has none."""
    rows = study.design
    return train_against_validation(rows), other_corpus(rows) if _both(rows) else None


def _both(rows: pd.DataFrame) -> bool:
    return bool(rows["ood_loss"].notna().sum() > 4)


@style.drawn
def figure(study: Kaplan) -> Figure:
    """Both, a point a run, coloured by size; on the right the runs of one size are joined in the order of their tokens."""
    found = lines(study)
    canvas, axes = style.canvas(7.4, 3.2, 1, 2)
    rows, palette = study.design, style.size_colours(study.runs["width"])
    colours = [palette[width] for width in rows["width"]]
    for ax, x, y, line in zip(axes, ("train_loss", "loss"), ("loss", "ood_loss"), found, strict=True):
        if line is None:
            ax.set_axis_off()
            continue
        ax.scatter(rows[x], rows[y], c=colours, s=14, zorder=3)
        if y == "ood_loss":
            for width, group in groups(rows, "width"):
                ax.plot(*group.sort_values("D")[[x, y]].to_numpy().T, color=palette[width], lw=0.8)
        else:
            ends = np.array([rows[x].min(), rows[x].max()])
            ax.plot(ends, line.intercept + line.slope * ends, color=style.INK, lw=0.9)
    style.panel(axes[0], "", "loss on training text", "loss on validation text")
    style.panel(axes[1], "", "loss on this corpus", "loss on the other corpus")
    return canvas


@style.drawn
def phases(study: Kaplan) -> Figure:
    """Kaplan's figure 8: both losses by size, and what D/N adds to the other one at equal loss on this corpus."""
    rows = study.design.dropna(subset=["ood_loss"])
    if not _both(rows):
        return style.note("The runs of this grid were not evaluated on another corpus.")
    canvas, axes = style.canvas(7.4, 3.2, 1, 2)
    best = rows.loc[rows.groupby("N")["loss"].idxmin()]
    for name, label, colour in (("ood_loss", "other corpus", style.OTHER), ("loss", "this corpus", style.INK)):
        axes[0].plot(best["N"], best[name], "o-", color=colour, ms=3.5, label=label)
    axes[0].set_yscale("log")
    axes[0].legend(fontsize=7)
    left, palette = at_equal_loss(rows), style.size_colours(study.runs["width"])
    axes[1].scatter(np.exp(left["ratio"]), left["ood_loss"], c=[palette[width] for width in left["width"]], s=14, zorder=3)
    ends = np.array([left["ratio"].min(), left["ratio"].max()])
    axes[1].plot(np.exp(ends), phase(rows).slope * ends, color=style.INK, lw=0.9)
    axes[1].axhline(0, color=style.MUTED, lw=0.8, ls=":")
    style.log_axis(axes[0], "x")
    style.log_axis(axes[0], "y", style.plain, most=6)
    style.log_axis(axes[1], "x", style.plain)
    style.panel(axes[0], "best run of each size", "parameters $N$", "loss (nats/token)")
    style.panel(axes[1], "at equal loss on this corpus", "$D/N$ over that expected at this loss",
                "other corpus, nats more than expected")
    return canvas


def train_test(study: Kaplan) -> Verdict:
    """Correlation of validation with training loss over the runs."""
    line, _ = lines(study)
    return Verdict("kaplan-train-test", "together", f"r = {line.r:.4f}, slope {line.slope:.3f}",
                   "reproduced" if line.r > TOGETHER else "contradicted", line.r, f"`{study.grid}`")


def _moved(study: Kaplan) -> tuple[Line, float]:
    """The partial regression on ln(D/N), and how far its range could move the other corpus's loss, as a share of its spread."""
    rows = study.design.dropna(subset=["ood_loss"])
    found, left = phase(rows), at_equal_loss(rows)["ratio"]
    return found, float(np.ptp(left)) / float(np.ptp(rows["ood_loss"]))


def eight(study: Kaplan) -> Verdict:
    """At equal loss on this corpus, does the other corpus's loss depend on how long the model was trained for its size?"""
    claimed = "no effect of the phase"
    if not _both(study.design):
        return Verdict("figure-8", claimed, text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    found, scale = _moved(study)
    low, high = (end * scale for end in found.interval)
    word: Word = "reproduced" if max(-low, high) < SMALL else "contradicted" if low > SMALL or high < -SMALL else "undecided"
    per_decade = np.log(10) * np.array([found.slope, *found.interval])
    return Verdict("figure-8", claimed, f"{text.signed(per_decade[0], 3)} [{text.signed(per_decade[1], 3)}, "
                   f"{text.signed(per_decade[2], 3)}] nats a decade of D/N", word, float(per_decade[0]), f"`{study.grid}`")


def largest(study: Kaplan) -> str:
    """The most that the whole range of D/N could move the other corpus's loss, as a share of that loss's spread."""
    if not _both(study.design):
        return text.ABSENT
    found, scale = _moved(study)
    return text.percent(scale * max(abs(end) for end in found.interval))


def slope(study: Kaplan) -> str:
    """Nats of the other corpus for a nat of this one."""
    _, line = lines(study)
    return text.ABSENT if line is None else f"{line.slope:.2f} {text.interval(*line.interval)}"


def parallel(study: Kaplan) -> str:
    """Whether the interval of that slope holds one: parallel or not parallel."""
    _, line = lines(study)
    return text.ABSENT if line is None else "parallel" if line.interval[0] <= 1 <= line.interval[1] else "not parallel"


def offset(study: Kaplan) -> str:
    """Loss on the other corpus less that on this one, smallest to largest over the runs."""
    gap = (study.design["ood_loss"] - study.design["loss"]).dropna()
    return text.ABSENT if gap.empty else f"{text.two(float(gap.min()))} to {text.two(float(gap.max()))}"
