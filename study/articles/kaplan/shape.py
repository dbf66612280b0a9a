"""Shape at a fixed size (Kaplan, figure 5) and what N should count (figure 6)."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.one_factor import at_fixed
from study.analysis.shapes import MILD, ShapeEffect, counts, shape_effect
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.shared.words import enumeration, number_word
from study.articles.verdict import Verdict, Word, absent, decided, middle, with_interval
from study.laws.law import LawError

GRID = "shapes"
SEED = 0
SPAN = 21.0  # aspect ratio of the first of Kaplan's two shapes over that of the second
FEWEST = 5  # sizes of a slice
UNEVEN = 3  # depths whose seeds are named


@lru_cache(maxsize=4)
def effects(study: Kaplan) -> tuple[ShapeEffect, ...]:
    """Depth, as the aspect ratio, and heads at the shape that is run with most counts of them."""
    rows, out = study.shapes, []
    heads = rows[rows["arm"] == "heads"]
    same = rows[rows["width"].isin(heads["width"]) & rows["layers"].isin(heads["layers"])]
    for feature, table in (("aspect", rows[rows["arm"] == "layers"]), ("heads", same)):
        try:
            out.append(shape_effect(table, feature, seed=SEED))
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
        points = one.points.sort_values(one.feature)
        error = 200 * one.error / np.sqrt(points["count"])
        ax.errorbar(points[one.feature], 100 * points["increase"], error, fmt="o-", color=style.POSTERIOR, ms=4, lw=1.2, capsize=2)
        ax.axhline(100 * MILD, color=style.KAPLAN, lw=0.8, ls="--")
        style.log_axis(ax, "x", style.plain)
        style.panel(ax, "", "width / layers" if one.feature == "aspect" else one.feature, "loss over the best shape (%)")
    return canvas


def five(study: Kaplan) -> Verdict:
    """The span of aspect ratios within three per cent against Kaplan's pair, and the highest mean over the shapes tried."""
    found = effects(study)
    if not found:
        return absent("figure-5", "within 3 %", GRID)
    depth = found[0]
    or_more = " or more" if depth.open else ""
    measured = (f"3 % over {with_interval(depth.within, text.two)} times{or_more}, "
                f"highest point {text.two(100 * float(depth.points['increase'].max()))} % over {depth.span:.0f} times")
    word = decided(depth.within, lambda span: span >= SPAN)
    if depth.open and word == "contradicted":
        word = "undecided"  # wider shapes than were tried may lie within
    return Verdict("figure-5", f"3 % over {SPAN:.0f} times", measured, word, middle(depth.within), f"`{GRID}`")


def reaches(study: Kaplan) -> str:
    """That the span may be longer, where it reaches the end of the shapes tried."""
    found = effects(study)
    return "The span ends with the shapes tried: it may be longer." if found and found[0].open else ""


def heads(study: Kaplan) -> str:
    """The largest increase by the number of heads, percent."""
    found = [one for one in effects(study) if one.feature == "heads"]
    return with_interval(100 * found[0].worst, text.two) if found else text.ABSENT


def noise(study: Kaplan) -> float:
    """Standard deviation of ln L between seeds, pooled over the shapes; nan without them."""
    found = effects(study)
    return found[0].error if found else float("nan")


def seeds(study: Kaplan) -> str:
    """The same, percent."""
    return text.two(100 * noise(study))


def _apart(study: Kaplan) -> pd.Series:
    """By how much the runs of one depth differ, share of the loss, largest first."""
    rows = study.shapes[study.shapes["arm"] == "layers"]
    ends = rows.groupby("layers")["loss"].agg(["max", "min"])
    return (ends["max"] / ends["min"] - 1).sort_values(ascending=False)


def apart(study: Kaplan) -> str:
    """The depths whose seeds differ most, and by how much."""
    most = _apart(study).iloc[:UNEVEN]
    return enumeration([f"{text.percent(float(gap), 1)} at {number_word(int(float(str(at))))}" for at, gap in most.items()])


def elsewhere(study: Kaplan) -> str:
    """The most by which the seeds of the other depths differ."""
    rest = _apart(study).iloc[UNEVEN:]
    return text.percent(float(rest.max()), 1) if len(rest) else text.ABSENT


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
