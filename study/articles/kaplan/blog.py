"""The one-factor blog: does a plateau come from what else binds, and does compute in proportion remove it?"""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.factors import Plateau, arms, plateau
from study.analysis.one_factor import OneFactor, ols_slope, one_factor
from study.articles.kaplan import shape
from study.articles.kaplan.data import Kaplan
from study.articles.kaplan.overfitting import GRID, MISSING
from study.articles.shared import style, text, words
from study.articles.verdict import Verdict, Word, absent, with_interval
from study.laws.law import LawError

BLOG_SLOPE = 0.0431
SURE = 0.975
TEXTS = ("small text", "large text")  # factors of the arm of sizes
LEFT = 0.5  # of the first slope: a smaller share at the end counts as flat


def stopped(study: Kaplan) -> pd.DataFrame:
    """The grid's runs, each with its early-stopped loss: where text repeats the final one has overfitted."""
    return study.factors.assign(loss=study.factors["best_loss"])


@lru_cache(maxsize=4)
def plateaus(study: Kaplan) -> tuple[Plateau, ...]:
    """One a size that has both arms."""
    fixed, scaled = arms(stopped(study))
    out = []
    for N in sorted(set(fixed["N"]) & set(scaled["N"])):
        try:
            out.append(plateau(fixed[fixed["N"] == N], scaled[scaled["N"] == N], bytes_per_token=study.bytes_per_token))
        except LawError:
            continue
    return tuple(out)


@lru_cache(maxsize=4)
def by_size(study: Kaplan) -> tuple[tuple[str, OneFactor], ...]:
    """(text, loss against size) of the single-head models, the blog's own, on the small and on the large text."""
    rows = stopped(study)
    rows = rows[(rows["arm"] == "size") & (rows["heads"] == 1)]
    out = []
    for name in TEXTS:
        try:
            out.append((name, one_factor(rows[rows["factor"].str.startswith(name)], "N", bytes_per_token=study.bytes_per_token)))
        except LawError:
            continue
    return tuple(out)


@style.drawn
def removed(study: Kaplan) -> Figure:
    """Loss against unique text with compute fixed and with compute in proportion, a panel a size."""
    found = plateaus(study)
    if not found:
        return style.note(MISSING)
    figure, axes = style.canvas(7.4, 2.9, 1, len(found), sharey=True, squeeze=False)
    for ax, one in zip(axes[0], found, strict=True):
        for arm, colour, name in ((one.fixed, style.KAPLAN, "compute fixed"), (one.scaled, style.POSTERIOR, "compute grows")):
            D = np.geomspace(arm.points["unique"].min(), arm.points["unique"].max(), 40)
            style.fan(ax, D, arm.floor.mean({"unique": D}).T, colour, levels=(0.95,), label=name)
            ax.plot(arm.points["unique"], arm.points["loss"], "o", color=colour, ms=3.5)
        style.log_axis(ax, "x", most=3)
        style.panel(ax, f"N = {style.short(one.N)}, P = {one.probability:.2f}", "unique tokens")
    axes[0][0].set_yscale("log")
    style.log_axis(axes[0][0], "y", style.plain, most=6)
    axes[0][0].set_ylabel("early-stopped loss (nats/token)")
    axes[0][0].legend(fontsize=7)
    return figure


@style.drawn
def sizes(study: Kaplan) -> Figure:
    """Loss of single-head models against size on the small and on the large text."""
    found = by_size(study)
    if not found:
        return style.note(MISSING)
    figure, ax = style.canvas(7.0, 3.2)
    for (name, one), colour in zip(found, (style.KAPLAN, style.POSTERIOR, style.HOFFMANN), strict=False):
        N = np.geomspace(one.points["N"].min(), one.points["N"].max(), 40)
        style.fan(ax, N, one.floor.mean({"N": N}).T, colour, levels=(0.95,), label=name)
        ax.plot(one.points["N"], one.points["loss"], "o", color=colour, ms=4)
    ax.set_yscale("log")
    style.log_axis(ax, "x")
    style.log_axis(ax, "y", style.plain, most=6)
    ax.legend(fontsize=7)
    style.panel(ax, "", "parameters $N$", "early-stopped loss (nats/token)")
    return figure


def size(study: Kaplan) -> Verdict:
    """The slope in size at the largest model: flat on the small text, not on the large one."""
    found = by_size(study)
    if len(found) < 2:
        return absent("blog-size", f"slope {BLOG_SLOPE:g} on the large", GRID)
    slopes = [one.slope(float(one.points["N"].max())) for _, one in found]
    share = float(np.mean(slopes[0] < slopes[1]))
    word: Word = "reproduced" if share > SURE else "contradicted" if share < 1 - SURE else "undecided"
    return Verdict("blog-size", f"slope {BLOG_SLOPE:g} on the large",
                   f"{with_interval(slopes[0])} small, {with_interval(slopes[1])} large", word, share, f"`{GRID}`")


def data(study: Kaplan) -> Verdict:
    """With compute fixed the slope in text falls from the least to the most text, at every size."""
    found = plateaus(study)
    if not found:
        return absent("blog-data", "falls, then flattens", GRID)
    ratio = []
    for one in found:
        first, last = (float(np.median(one.fixed.slope(float(x)))) for x in (one.fixed.points["unique"].min(), one.at))
        ratio.append(last / first)
    held = sum(value < LEFT for value in ratio)
    word: Word = "reproduced" if held == len(found) else "contradicted" if held == 0 else "undecided"
    return Verdict("blog-data", "falls, then flattens", ", ".join(text.percent(x) for x in ratio) + " of the first slope left",
                   word, float(np.max(ratio)), f"`{GRID}`")


def compute(study: Kaplan) -> Verdict:
    """Posterior probability that the slope at the most text is steeper where compute grows with it."""
    found = plateaus(study)
    if not found:
        return absent("blog-compute", "the plateau goes", GRID)
    chances = [one.probability for one in found]
    word: Word = "reproduced" if min(chances) > SURE else "contradicted" if max(chances) < 1 - SURE else "undecided"
    return Verdict("blog-compute", "the plateau goes", "P = " + ", ".join(f"{value:.2f}" for value in chances), word,
                   float(min(chances)), f"`{GRID}`")


def _last(points: pd.DataFrame) -> float:
    """Measured slope of ln L in ln of the text, from the last amount but one to the last."""
    loss, unique = np.log(points["loss"].to_numpy(dtype=float)), np.log(points["unique"].to_numpy(dtype=float))
    return float((loss[-2] - loss[-1]) / (unique[-1] - unique[-2]))


def last_fixed(study: Kaplan) -> str:
    """The measured slopes between the two largest texts with compute fixed, by size."""
    return ", ".join(f"{_last(one.fixed.points):.3f}" for one in plateaus(study)) or text.ABSENT


def last_scaled(study: Kaplan) -> str:
    """The same with compute in proportion."""
    return ", ".join(f"{_last(one.scaled.points):.3f}" for one in plateaus(study)) or text.ABSENT


def steeper(study: Kaplan) -> str:
    """At how many of the sizes the measured slope is the steeper one where compute grows."""
    found = [_last(one.scaled.points) > _last(one.fixed.points) for one in plateaus(study)]
    return f"{words.none_or(sum(found))} of {words.number_word(len(found))}"


def by_chance(study: Kaplan) -> str:
    """Two standard deviations, from the noise between seeds, of the difference of those slopes: they share their last run."""
    spans = [np.log(arm.points["unique"].iloc[-1] / arm.points["unique"].iloc[-2]) for one in plateaus(study)
             for arm in (one.fixed, one.scaled)]
    return text.two(2 * shape.noise(study) * float(np.sqrt(np.sum(1 / np.square(spans[:2]))))) if spans else text.ABSENT


def missed(study: Kaplan) -> str:
    """By how much the last point with compute fixed lies above the law with a floor, by size."""
    gaps = []
    for one in plateaus(study):
        last = one.fixed.points.iloc[-1]
        gaps.append(float(last["loss"]) / float(np.median(one.fixed.floor.mean({"unique": float(last["unique"])}))) - 1)
    return ", ".join(f"{text.signed(100 * gap, 1)} %" for gap in gaps) or text.ABSENT


def slopes(study: Kaplan) -> object:
    """Least-squares slope in text of each arm by size, and the posterior probability that compute makes it steeper."""
    table = [{"N": text.count(one.N), "compute fixed": text.significant(-ols_slope(one.fixed.points, "unique")),
              "compute grows": text.significant(-ols_slope(one.scaled.points, "unique")),
              "P(steeper)": f"{one.probability:.2f}"} for one in plateaus(study)]
    return text.table(pd.DataFrame(table)) if table else text.absent("the grid of factors")


def amounts(study: Kaplan) -> str:
    """The amounts of unique text that the sweep of text plans, for the prose."""
    return _nominal(arms(study.factors)[0])


def texts(study: Kaplan) -> str:
    """The amounts of unique text of the two sweeps of size."""
    return _nominal(study.factors[study.factors["arm"] == "size"])


def _nominal(rows: pd.DataFrame) -> str:
    planned = sorted({float(f"{value:.1e}") for value in rows["unique"]})
    return words.enumeration([text.count(value) for value in planned]) if planned else text.ABSENT
