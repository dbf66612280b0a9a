"""Sample efficiency: tokens, steps and compute to a loss by size (Kaplan, figures 2 and 12), and along which curves."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.efficiency import best_of_size, levels_between, off_optimal, savings, to_loss
from study.analysis.tables import groups
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.shared.words import none_or, number_word
from study.articles.verdict import Verdict, Word
from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.laws.law import LawError
from study.laws.power import pure_power

LEVELS = 4
FACTOR = 2.0  # a size this much above the optimum
MOST, FEW = 0.8, 0.2  # of the larger sizes that need fewer steps
SEED = 0


@lru_cache(maxsize=4)
def needed(study: Kaplan) -> pd.DataFrame:
    """Tokens, steps and compute to a few losses by size, the best run of each."""
    curves = study.curves[study.curves["run_id"].isin(study.design["run_id"])]
    return best_of_size(to_loss(curves, levels_between(curves, LEVELS))) if len(curves) else to_loss(curves, [])


@lru_cache(maxsize=4)
def slopes(study: Kaplan) -> tuple[tuple[float, LawPosterior], ...]:
    """(loss, tokens ~ N^-alpha) at each loss that four sizes reach."""
    law, out = pure_power("N", response="tokens", relative=True), []
    for level, rows in groups(needed(study), "level"):
        if rows["N"].nunique() >= 4:
            try:
                out.append((level, fit_law(law, rows, seed=SEED)))
            except LawError:
                continue
    return tuple(out)


@style.drawn
def curves(study: Kaplan) -> Figure:
    """Validation loss along every run by tokens and by compute, coloured by size."""
    figure, axes = style.canvas(7.4, 3.3, 1, 2, sharey=True)
    palette = style.size_colours(study.runs["width"])
    ids = set(study.design["run_id"])
    for run_id, rows in study.curves.groupby("run_id"):
        if run_id in ids:
            for ax, column in zip(axes, ("tokens", "C"), strict=True):
                ax.plot(rows[column], rows["validation_loss"], color=palette[float(rows["width"].iloc[0])], lw=0.7, alpha=0.8)
    for ax, name, form in zip(axes, ("tokens", "$6N \\times$ tokens (FLOP)"), (style.short, style.power), strict=True):
        ax.set_yscale("log")
        style.log_axis(ax, "x", form, most=6)
        style.panel(ax, "", name)
    style.log_axis(axes[0], "y", style.plain, most=6)
    axes[0].set_ylabel("validation loss (nats/token)")
    return figure


@style.drawn
def tokens(study: Kaplan) -> Figure:
    """Tokens and steps to a loss against size, one line a loss."""
    rows = needed(study)
    if rows.empty:
        return style.note("No loss is reached by three sizes.")
    figure, axes = style.canvas(7.4, 3.1, 1, 2)
    palette = style.budget_colours(rows["level"].unique())
    for level, group in groups(rows, "level"):
        for ax, column in zip(axes, ("tokens", "steps"), strict=True):
            ax.plot(group["N"], group[column], "o-", color=palette[level], ms=3.5, label=f"{level:.2f}")
    for ax, column in zip(axes, ("tokens", "optimiser steps"), strict=True):
        ax.set_yscale("log")
        style.log_axis(ax, "x")
        style.log_axis(ax, "y", most=5)
        style.panel(ax, "", "parameters $N$", column)
    axes[1].legend(title="loss", fontsize=7, title_fontsize=7)
    return figure


@style.drawn
def off(study: Kaplan) -> Figure:
    """Compute and steps to the same loss against size relative to the cheapest."""
    rows = off_optimal(needed(study))
    if rows.empty:
        return style.note("No loss is reached by three sizes.")
    figure, axes = style.canvas(7.4, 3.1, 1, 2)
    palette = style.budget_colours(rows["level"].unique())
    for level, group in groups(rows, "level"):
        ordered = group.sort_values("size")
        for ax, column in zip(axes, ("excess", "steps_ratio"), strict=True):
            ax.plot(ordered["size"], ordered[column], "o-", color=palette[level], ms=3.5, label=f"{level:.2f}")
    axes[0].legend(title="loss", fontsize=7, title_fontsize=7)
    for ax, column in zip(axes, ("compute / least compute", "steps / those of the cheapest size"), strict=True):
        ax.axvline(1, color=style.MUTED, lw=0.8)
        ax.set_yscale("log")
        style.log_axis(ax, "x", style.plain)
        style.log_axis(ax, "y", style.plain, most=6)
        style.panel(ax, "", "size / cheapest size", column)
    return figure


def efficiency(study: Kaplan, claim: str = "kaplan-efficiency") -> Verdict:
    """Tokens to a loss fall with size: at every loss the slope is negative, its interval too, and the largest needs fewest."""
    found = slopes(study)
    if not found:
        return Verdict(claim, "fewer tokens", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    fewer, turned = savings(needed(study)).set_index("level")["fewer"], _turned(study)
    falling = [level for level, posterior in found if text.central(posterior.theta["alpha"])[0] > 0]
    word: Word = ("contradicted" if not falling else
                  "reproduced" if len(falling) == len(found) and not any(turned[level] for level in falling) else "undecided")
    least, most = float(fewer.min()), float(fewer.max())
    measured = f"{text.two(least)} to {text.two(most)} times fewer, smallest to largest size"
    return Verdict(claim, "fewer tokens", measured, word, least, f"`{study.grid}`")


def _turned(study: Kaplan) -> dict[float, bool]:
    """Loss to whether the largest size needs more tokens to it than a smaller one."""
    return {level: bool(rows.sort_values("N")["tokens"].iloc[-1] > rows["tokens"].min())
            for level, rows in groups(needed(study), "level")}


def turning(study: Kaplan) -> str:
    """At how many of the losses the largest size needs more tokens than a smaller one."""
    turns = _turned(study)
    return f"{none_or(sum(turns.values()))} of {number_word(len(turns))}"


def figure_twelve(study: Kaplan) -> Verdict:
    """Sizes above the optimum: more compute and fewer steps to the same loss."""
    rows = off_optimal(needed(study))
    larger = rows[(rows["size"] > 1.2) & (rows["size"] < 2 * FACTOR)]
    if larger.empty:
        return Verdict("figure-12", "fewer steps", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    fewer = float((larger["steps_ratio"] < 1).mean())
    cost, ratio = float(np.median(larger["excess"])), float(np.median(larger["steps_ratio"]))
    word: Word = "reproduced" if fewer > MOST and cost > 1 else "contradicted" if fewer < FEW else "undecided"
    return Verdict("figure-12", "more compute, fewer steps",
                   f"compute × {cost:.2f}, steps × {ratio:.2f} up to {2 * FACTOR:g} times the size", word, ratio, f"`{study.grid}`")
