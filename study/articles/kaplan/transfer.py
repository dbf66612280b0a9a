"""One loss against another: training and validation text, this corpus and another (Kaplan, figure 8)."""

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from study.analysis.relations import Line, other_corpus, train_against_validation
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.verdict import Verdict, Word

TOGETHER = 0.99  # correlation


@lru_cache(maxsize=4)
def lines(study: Kaplan) -> tuple[Line, Line | None]:
    """Validation against training loss; the other corpus against this one, None where the grid has none."""
    rows = study.design
    return train_against_validation(rows), other_corpus(rows) if rows["ood_loss"].notna().sum() > 2 else None


@style.drawn
def figure(study: Kaplan) -> Figure:
    """Both, a point a run, coloured by size."""
    found = lines(study)
    canvas, axes = style.canvas(7.4, 3.2, 1, 2)
    rows, palette = study.design, style.size_colours(study.runs["width"])
    colours = [palette[width] for width in rows["width"]]
    for ax, x, y, line in zip(axes, ("train_loss", "loss"), ("loss", "ood_loss"), found, strict=True):
        if line is None:
            ax.set_axis_off()
            continue
        ax.scatter(rows[x], rows[y], c=colours, s=14)
        ends = np.array([rows[x].min(), rows[x].max()])
        ax.plot(ends, line.intercept + line.slope * ends, color=style.INK, lw=0.9)
    style.panel(axes[0], "", "loss on training text", "loss on validation text")
    style.panel(axes[1], "", "loss on this corpus", "loss on the other corpus")
    return canvas


def train_test(study: Kaplan) -> Verdict:
    """Correlation of validation with training loss over the runs."""
    line, _ = lines(study)
    return Verdict("kaplan-train-test", "together", f"r = {line.r:.4f}, slope {line.slope:.3f}",
                   "reproduced" if line.r > TOGETHER else "contradicted", line.r, f"`{study.grid}`")


def eight(study: Kaplan) -> Verdict:
    """The other corpus's loss is a function of this one's: slope, correlation and scatter."""
    _, line = lines(study)
    if line is None:
        return Verdict("figure-8", "slope 1, a small offset", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    word: Word = "contradicted" if line.interval[1] < 0.9 else "reproduced" if line.r > TOGETHER else "undecided"
    return Verdict("figure-8", "slope 1, a small offset",
                   f"slope {line.slope:.2f} {text.interval(*line.interval)}, r = {line.r:.3f}", word, line.slope, f"`{study.grid}`")


def slope(study: Kaplan) -> str:
    """Nats of the other corpus for a nat of this one."""
    _, line = lines(study)
    return text.ABSENT if line is None else f"{line.slope:.2f} {text.interval(*line.interval)}"


def offset(study: Kaplan) -> str:
    """Loss on the other corpus less that on this one, smallest and largest over the runs."""
    gap = (study.design["ood_loss"] - study.design["loss"]).dropna()
    return text.ABSENT if gap.empty else text.interval(float(gap.min()), float(gap.max()))
