"""Shape at a fixed size (Kaplan, figure 5) and what N should count (figure 6)."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.one_factor import at_fixed
from study.analysis.shapes import ShapeEffect, counts, shape_effect
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.verdict import Verdict, Word, absent
from study.laws.law import LawError

GRID = "shapes"
MILD = 0.03  # Kaplan: within 3 %
FEWEST = 5  # sizes of a slice


@lru_cache(maxsize=4)
def effects(study: Kaplan) -> tuple[ShapeEffect, ...]:
    """Depth, and heads at the shape that is run with most counts of them."""
    rows, out = study.shapes, []
    heads = rows[rows["arm"] == "heads"]
    same = rows[rows["width"].isin(heads["width"]) & rows["layers"].isin(heads["layers"])]
    for feature, table in (("layers", rows[rows["arm"] == "layers"]), ("heads", same)):
        try:
            out.append(shape_effect(table, feature))
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
        style.log_axis(ax, "x", style.plain)
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


@lru_cache(maxsize=4)
def slices(study: Kaplan) -> pd.DataFrame:
    """Scatter of ln L about one curve in ln N at fixed amounts of text of the main grid, by what N counts: D, and the counts."""
    rows, out = study.design, []
    sizes = rows.drop_duplicates("N").set_index("N")[["N_non_embedding", "N_total"]]
    for D in np.geomspace(rows["D"].quantile(0.15), rows["D"].quantile(0.85), 5):
        points = at_fixed(rows, "N", "D", float(D))
        if len(points) > FEWEST:
            out.append({"D": float(D), **counts(points.join(sizes, on="N"))})
    return pd.DataFrame(out, columns=["D", "total", "non_embedding"])


def six(study: Kaplan) -> Verdict:
    """Sizes of several depths at one D: does the count without the embedding predict the loss better?"""
    found = slices(study)
    if found.empty:
        return Verdict("figure-6", "one trend without", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    without, by_all = float(found["non_embedding"].mean()), float(found["total"].mean())
    better = int((found["non_embedding"] < found["total"]).sum())
    word: Word = "reproduced" if better == len(found) else "contradicted" if better == 0 else "undecided"
    return Verdict("figure-6", "one trend without", f"scatter {text.percent(without, 1)} without, {text.percent(by_all, 1)} with, "
                   f"better in {better} of {len(found)}", word, without, f"`{study.grid}`")
