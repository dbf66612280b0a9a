"""Shape at a fixed size (Kaplan, figure 5) and what N should count (figure 6)."""

from functools import lru_cache

from matplotlib.figure import Figure

from study.analysis.shapes import ShapeEffect, counts, shape_effect
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.verdict import Verdict, Word, absent
from study.laws.law import LawError

GRID = "shapes"
MILD = 0.03  # Kaplan: within 3 %
FEATURES = {"layers": "layers", "heads": "heads"}


@lru_cache(maxsize=4)
def effects(study: Kaplan) -> tuple[ShapeEffect, ...]:
    """Depth and heads, each where the grid varies it."""
    out = []
    for feature in FEATURES:
        own = study.shapes[study.shapes["arm"] == feature]
        rows = own if len(own) else study.shapes
        try:
            out.append(shape_effect(rows, feature))
        except LawError:
            continue
    return tuple(out)


@style.drawn
def figure(study: Kaplan) -> Figure:
    """Increase of the loss over the best shape, by aspect ratio and by heads."""
    found = effects(study)
    if not found:
        return style.note("The grid of shapes is not recorded yet.")
    canvas, axes = style.canvas(7.4, 3.0, 1, len(found), squeeze=False)
    for ax, one in zip(axes[0], found, strict=True):
        column = "aspect" if one.feature == "layers" else one.feature
        points = one.points.sort_values(column)
        ax.plot(points[column], 100 * points["increase"], "o-", color=style.POSTERIOR, ms=4)
        ax.axhline(100 * MILD, color=style.KAPLAN, lw=0.8, ls="--")
        style.log_axis(ax, "x", lambda x: f"{x:g}")
        style.panel(ax, "", "width / layers" if column == "aspect" else one.feature, "loss over the best shape (%)")
    return canvas


def five(study: Kaplan) -> Verdict:
    """The largest increase over the shapes tried, and the span within three per cent."""
    found = effects(study)
    if not found:
        return absent("figure-5", "within 3 %", GRID)
    depth = found[0]
    word: Word = "reproduced" if depth.within_three_percent >= 4 else "contradicted"
    return Verdict("figure-5", "within 3 %", f"{text.percent(depth.worst, 1)} at most over {depth.span:.0f} times, "
                   f"3 % over {depth.within_three_percent:.0f} times", word, depth.worst, f"`{GRID}`")


def six(study: Kaplan) -> Verdict:
    """Scatter about one curve in N: with the embedding and without, over depths of one D."""
    rows = study.shapes
    if rows.empty or rows["layers"].nunique() < 3 or rows["N_non_embedding"].nunique() < 4:
        return absent("figure-6", "one trend without", GRID)
    found = counts(rows)
    word: Word = "reproduced" if found["non_embedding"] < found["total"] else "contradicted"
    return Verdict("figure-6", "one trend without", f"scatter {text.percent(found['non_embedding'], 1)} without, "
                   f"{text.percent(found['total'], 1)} with", word, found["non_embedding"], f"`{GRID}`")
