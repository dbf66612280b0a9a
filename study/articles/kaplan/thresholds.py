"""Rosenfeld's forecasts: the joint law fitted below every threshold of compute, judged above it."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.tables import groups
from study.analysis.thresholds import by_threshold
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.verdict import Verdict, Word

FAR = 10.0  # times the threshold: counts as an extrapolation
HOLD, FAIL = 0.85, 0.6  # share of the runs in 95 % intervals: at least, and below


@lru_cache(maxsize=4)
def found(study: Kaplan) -> pd.DataFrame:
    """Error and coverage of the forecast of each budget from below each threshold."""
    return by_threshold(study.path, "budget")


@style.drawn
def figure(study: Kaplan) -> Figure:
    """Signed error of the forecast against the distance, a line a threshold."""
    rows = found(study)
    if rows.empty:
        return style.note("Too few budgets are recorded for a forecast.")
    canvas, ax = style.canvas(7.0, 3.4)
    palette = style.budget_colours(rows["threshold"])
    for threshold, group in groups(rows, "threshold"):
        ax.plot(group["distance"], 100 * group["bias"], "o-", color=palette[threshold], ms=4, label=style.power(threshold))
    ax.axhline(0, color=style.MUTED, lw=0.8)
    style.log_axis(ax, "x", style.plain)
    ax.legend(title="fitted up to (FLOP)", fontsize=7, title_fontsize=7)
    style.panel(ax, "", "budget / threshold", "ln L, measured − predicted (%)")
    return canvas


def table(study: Kaplan) -> object:
    """Each threshold: runs fitted, error and coverage at its nearest and farthest forecast."""
    rows = []
    for threshold, group in groups(found(study), "threshold"):
        near, far = group.iloc[0], group.iloc[-1]
        rows.append({"fitted up to": text.power(threshold), "runs": str(int(near["fitted"])),
                     "next budget": text.percent(float(near["error"]), 1), "farthest": text.percent(float(far["error"]), 1),
                     "times the compute": text.significant(float(far["distance"])),
                     "in the 95 %": f"{text.percent(float(group['inside_95'].mean()))}"})
    return text.table(rows) if rows else text.absent("too few budgets")


def worst(study: Kaplan) -> str:
    """The largest r.m.s. error of a forecast ten times and more beyond its threshold."""
    rows = found(study)
    far = rows[rows["distance"] >= FAR * 0.99]
    return text.percent(float(far["error"].max())) if len(far) else text.ABSENT


def verdict(study: Kaplan) -> Verdict:
    """Do the 95 % predictive intervals of forecasts hold as many runs as they say?"""
    rows = found(study)
    if rows.empty:
        return Verdict("rosenfeld", "predicts above", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    weight = rows["predicted"].to_numpy(dtype=float)
    covered = float(np.average(rows["inside_95"], weights=weight))
    word: Word = "reproduced" if covered > HOLD else "contradicted" if covered < FAIL else "undecided"
    measured = f"{text.percent(covered)} of runs in 95 % intervals, r.m.s. error up to {worst(study)}"
    return Verdict("rosenfeld", "predicts above", measured, word, covered, f"`{study.grid}`")
