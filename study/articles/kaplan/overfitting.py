"""Unique text by size: early-stopped L(N, D), the collapse of overfitting, the best size by text (Kaplan, figures 4 and 9)."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.factors import ONCE, Overfitting, arms, best_size, overfitting
from study.analysis.tables import groups
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.shared.words import holds, lies
from study.articles.verdict import Verdict, Word, absent, decided, middle, with_interval
from study.inference.general.compare import forecast
from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.inference.scores import rms
from study.laws.law import LawError
from study.laws.overfitting import excess, overfitting_law
from study.laws.power import pure_power

GRID = "factors"
KAPLAN_RATIO = 0.74
COLLAPSED = 0.9  # correlation of ln dL with the logarithm of the ratio
FLATTER = 0.8  # of the steepest slope: an end of the curve below this counts as a region of its own
FITS = 0.02  # r.m.s. of ln L about the law that still counts as following it
MISSING = "The grid of factors is not recorded yet."


@lru_cache(maxsize=4)
def rows(study: Kaplan) -> pd.DataFrame:
    """The arm of fixed steps: every amount of text is read until its best loss is passed, or once where it is the most."""
    return arms(study.factors)[0]


@lru_cache(maxsize=4)
def fitted(study: Kaplan) -> Overfitting | None:
    """The early-stopped law; None where the grid is not recorded."""
    try:
        return overfitting(rows(study), bytes_per_token=study.bytes_per_token) if len(rows(study)) else None
    except LawError:
        return None


@style.drawn
def by_text(study: Kaplan) -> Figure:
    """Early-stopped loss against unique tokens by size, with the fitted law."""
    found = fitted(study)
    if found is None:
        return style.note(MISSING)
    figure, ax = style.canvas(7.0, 3.5)
    palette, labels = style.size_colours(found.points["N"]), []
    for N, points in groups(found.points, "N"):
        D = np.geomspace(points["unique"].min(), points["unique"].max(), 40)
        ax.plot(points["unique"], points["loss"], "o", color=palette[N], ms=4)
        line = style.fan(ax, D, found.law.loss(N, D[:, None]), palette[N], levels=(0.95,))
        labels.append((float(line[-1]), style.short(N), palette[N]))
    ax.set_yscale("log")
    style.log_axis(ax, "x")
    style.log_axis(ax, "y", style.plain)
    style.line_labels(ax, float(found.points["unique"].max()), labels)
    style.panel(ax, "", "unique tokens", "early-stopped loss (nats/token)")
    return figure


@style.drawn
def collapse(study: Kaplan) -> Figure:
    """Share by which finite text raises the loss, against the ratio that Kaplan says it depends on."""
    found = fitted(study)
    if found is None:
        return style.note(MISSING)
    figure, ax = style.canvas(7.0, 3.3)
    palette = style.size_colours(found.points["N"])
    for N, points in groups(found.points, "N"):
        seen = points[points["excess"] > 0]
        ax.plot(seen["x"], seen["excess"], "o", color=palette[N], ms=4, label=style.short(N))
    x = np.geomspace(found.points["x"].min(), found.points["x"].max(), 60)
    ax.plot(x, np.median(excess(found.law, x[:, None]), axis=1), color=style.INK, lw=1)
    ax.set_yscale("log")
    style.log_axis(ax, "x", style.power, most=6)
    style.log_axis(ax, "y", style.plain, most=6)
    ax.legend(fontsize=7)
    style.panel(ax, "", r"$N^{\alpha_N/\alpha_D}/D$, in units where $\delta L$ sets in at 1", r"$\delta L$")
    return figure


def farthest(study: Kaplan) -> str:
    """How many times the farthest point lies off that line."""
    found = fitted(study)
    if found is None:
        return text.ABSENT
    seen = found.points[found.points["excess"] > 0]
    line = np.median(excess(found.law, seen["x"].to_numpy()[:, None]), axis=1)
    return text.two(float(np.exp(np.abs(np.log(seen["excess"].to_numpy() / line)).max())))


def figure_four(study: Kaplan) -> Verdict:
    """One equation for the early-stopped losses: the scatter about it."""
    found = fitted(study)
    if found is None:
        return absent("figure-4", "one equation", GRID)
    law = found.posterior.mean({"N": found.points["N"].to_numpy(), "unique": found.points["unique"].to_numpy()})
    error = np.log(found.points["loss"].to_numpy()) - np.log(np.median(law, axis=0))
    scatter = rms(error)
    return Verdict("figure-4", "one equation", f"r.m.s. {text.percent(scatter, 1)} of the loss",
                   "reproduced" if scatter < FITS else "contradicted", scatter, f"`{GRID}`")


def figure_nine(study: Kaplan, claim: str = "figure-9") -> Verdict:
    """The exponent of the ratio and how well the runs collapse onto it."""
    found = fitted(study)
    if found is None:
        return absent(claim, f"exponent {KAPLAN_RATIO:g}", GRID)
    words = f"{with_interval(found.ratio)}, r = {found.correlation:.2f}"
    return Verdict(claim, f"exponent {KAPLAN_RATIO:g}", words,
                   "reproduced" if found.correlation > COLLAPSED else "contradicted", middle(found.ratio), f"`{GRID}`")


def correlation(study: Kaplan) -> str:
    """Of the share that finite text adds with the ratio, both in logarithms."""
    found = fitted(study)
    return text.ABSENT if found is None else f"{found.correlation:.2f}"


def side(study: Kaplan) -> str:
    """Whether the interval of the ratio's exponent holds Kaplan's: holds or excludes."""
    found = fitted(study)
    if found is None:
        return text.ABSENT
    return holds(found.ratio, KAPLAN_RATIO)


def forecast_error(study: Kaplan) -> str:
    """r.m.s. error of the largest fifth of the text predicted from the rest."""
    if fitted(study) is None:
        return text.ABSENT
    table = rows(study).assign(loss=rows(study)["best_loss"])
    ahead = forecast(overfitting_law(bytes_per_token=study.bytes_per_token), table, "unique", seed=0)
    return text.percent(ahead.scores.error_rms, 1)


def regions(study: Kaplan) -> Verdict:
    """Hestness: at the largest size, are the log-log slopes at little text and at most text smaller than in the middle?"""
    found = fitted(study)
    if found is None:
        return absent("hestness-regions", "three regions", GRID)
    largest = rows(study)[rows(study)["N"] == rows(study)["N"].max()].sort_values("unique")
    logs = np.log(largest.groupby("unique", as_index=False)["best_loss"].mean())
    slope = -np.diff(logs["best_loss"]) / np.diff(logs["unique"])
    inner = float(slope.max())
    ends = float(slope[0]), float(slope[-1])
    held = sum(end < FLATTER * inner for end in ends)
    return Verdict("hestness-regions", "three regions", "slopes " + ", ".join(f"{value:.3f}" for value in slope),
                   "reproduced" if held == 2 else "contradicted" if held == 0 else "undecided", inner, f"`{GRID}`")


def best_by_text(study: Kaplan) -> Verdict:
    """Hestness: the size of lowest early-stopped loss against the text, where it is not the smallest or largest tried."""
    table = best_size(rows(study)) if len(rows(study)) else pd.DataFrame({"edge": []})
    if not len(table):
        return absent("hestness-size", "a power", GRID)
    inner = table[~table["edge"].astype(bool)]
    if len(inner) < 3:
        at, most = ", ".join(style.short(float(N)) for N in table["N"]), style.short(float(rows(study)["N"].max()))
        return Verdict("hestness-size", "a power", f"best sizes {at}, largest tried {most}", "undecided", float(len(inner)),
                       f"`{GRID}`")
    slope = float(np.polyfit(np.log(inner["unique"]), np.log(inner["N"]), 1)[0])
    return Verdict("hestness-size", "a power", f"exponent {slope:.2f}", "reproduced" if slope > 0 else "contradicted", slope,
                   f"`{GRID}`")


@lru_cache(maxsize=4)
def exponents(study: Kaplan) -> tuple[LawPosterior, LawPosterior] | None:
    """Loss against size on the large text, of the sizes that have several heads: with them, and with one."""
    size = study.factors[(study.factors["arm"] == "size") & (study.factors["epochs"] < ONCE)]
    single = size[size["factor"].str.endswith("one head")]
    several = size[size["N"].isin(single["N"]) & (size["heads"] > 1)]
    law = pure_power("N", bytes_per_token=study.bytes_per_token)
    try:
        return fit_law(law, several, seed=0), fit_law(law, single, seed=0)
    except LawError:
        return None


def architectures(study: Kaplan) -> Verdict:
    """Hestness: the exponents of several heads and of one agree and the offsets differ; alike in both, they say nothing."""
    found = exponents(study)
    if found is None:
        return absent("hestness-exponent", "offset, not exponent", GRID)
    several, single = (posterior.theta for posterior in found)
    gap, offset = single["alpha"] - several["alpha"], single["t"] / several["t"] - 1
    half = 0.5 * middle(several["alpha"])
    apart = decided(np.abs(gap), lambda x: x > half) == "reproduced"
    (low, high), moved = text.central(gap), lies(0.0, offset) != "inside"
    same = low < 0 < high and max(-low, high) < half
    word: Word = "contradicted" if apart else "reproduced" if same and moved else "undecided"
    return Verdict("hestness-exponent", "offset, not exponent",
                   f"exponent by {with_interval(gap, text.two)}, loss by {with_interval(offset, _signed_percent)}", word,
                   middle(gap), f"`{GRID}`")


def _signed_percent(share: float) -> str:
    return f"{text.signed(100 * share, 1)} %"
