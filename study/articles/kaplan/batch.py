"""The critical batch and the gradient's noise scale (Kaplan, figures 10 and 18)."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.batches import CriticalBatch, critical_batch
from study.analysis.efficiency import levels_between
from study.analysis.relations import noise_scale, noise_scale_law
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.shared.words import holds
from study.articles.verdict import Verdict, Word, absent, middle, with_interval
from study.inference.general.law_posterior import LawPosterior
from study.laws.critical_batch import KAPLAN_ALPHA_B, fall_that_doubles
from study.laws.law import LawError

KAPLAN_FALL, ROUNDED = 0.13, 0.006  # printed as 13 %; alpha_B = 0.21 gives 13.5 %
LEVELS = 4


@lru_cache(maxsize=4)
def critical(study: Kaplan) -> CriticalBatch | None:
    """B_crit(L) of the grid of batches: its commonest size, constant rate; None where it is not recorded."""
    curves = study.batch_curves[study.batch_curves["schedule"] == "constant"]
    if curves.empty:
        return None
    batches = curves.groupby("N")["batch"].nunique()
    rows = curves[curves["N"] == float(str(batches.idxmax()))]
    try:
        return critical_batch(rows, levels_between(rows.assign(N=rows["batch"]), LEVELS))
    except LawError:
        return None


@lru_cache(maxsize=4)
def scale(study: Kaplan) -> pd.DataFrame:
    """Noise scale by loss, over the curves of the whole grid."""
    return noise_scale(study.curves[study.curves["run_id"].isin(study.design["run_id"])])


@lru_cache(maxsize=4)
def scale_law(study: Kaplan) -> LawPosterior | None:
    """Noise scale ~ L^-steepness; None with fewer than four bins."""
    return noise_scale_law(scale(study)) if len(scale(study)) > 3 else None


@style.drawn
def figure(study: Kaplan) -> Figure:
    """Noise scale and, where measured, critical batch against the loss; Kaplan's slope beside them."""
    rows, law = scale(study), scale_law(study)
    if law is None:
        return style.note("The curves hold too few points with a noise scale.")
    canvas, ax = style.canvas(7.0, 3.5)
    loss = np.geomspace(rows["loss"].min(), rows["loss"].max(), 40)
    style.fan(ax, loss, law.mean({"loss": loss}).T, style.POSTERIOR, levels=(0.95,), label="noise scale")
    ax.plot(rows["loss"], rows["noise_scale"], "o", color=style.POSTERIOR, ms=4)
    level = float(np.exp(np.log(rows["noise_scale"]).mean()))
    middle_loss = float(np.exp(np.log(rows["loss"]).mean()))
    ax.plot(loss, level * (loss / middle_loss) ** (-1 / KAPLAN_ALPHA_B), color=style.KAPLAN, ls="--", lw=1.2,
            label="Kaplan's slope")
    if (found := critical(study)) is not None:
        own = np.sort(found.needed["loss"].unique())
        style.fan(ax, own, np.stack([found.at(float(x)) for x in own]), style.HOFFMANN, levels=(0.95,), label="critical batch")
    ax.set_yscale("log")
    style.log_axis(ax, "x", style.plain)
    style.log_axis(ax, "y", most=6)
    ax.legend(fontsize=7)
    style.panel(ax, "", "validation loss (nats/token)", "tokens")
    return canvas


@style.drawn
def steps_and_tokens(study: Kaplan) -> Figure:
    """Steps and tokens to a loss by batch, with the fitted hyperbola."""
    found = critical(study)
    if found is None:
        return style.note("The grid of batches is not recorded yet.")
    canvas, ax = style.canvas(7.0, 3.5)
    palette = style.budget_colours(found.needed["loss"].unique())
    for level, fit in found.levels:
        rows = found.needed[found.needed["loss"] == level]
        ax.plot(rows["tokens"], rows["steps"], "o", color=palette[level], ms=4)
        batches = np.geomspace(rows["batch"].min(), rows["batch"].max(), 40)
        curve = np.median(fit.mean({"batch": batches}), axis=0)
        ax.plot(curve * batches, curve, color=palette[level], lw=1.2, label=f"{level:.2f}")
    ax.set_yscale("log")
    style.log_axis(ax, "x")
    style.log_axis(ax, "y")
    ax.legend(title="loss", fontsize=7, title_fontsize=7)
    style.panel(ax, "", "tokens to the loss", "steps to the loss")
    return canvas


def noise_fall(study: Kaplan) -> str:
    """By how much the loss falls while the noise scale doubles, with its interval."""
    law = scale_law(study)
    if law is None:
        return text.ABSENT
    return with_interval(fall_that_doubles(law.theta["alpha"]), text.percent)


def published_fall() -> str:
    """By how much the loss falls while Kaplan's critical batch doubles."""
    return text.percent(KAPLAN_FALL)


def largest(study: Kaplan) -> str:
    """The largest batch of the grid of batches, tokens."""
    rows = study.batch_curves
    return text.ABSENT if rows.empty else text.short(float(rows["batch"].max()))


def held(study: Kaplan) -> str:
    """Whether the noise scale's interval holds Kaplan's number: holds or excludes."""
    law = scale_law(study)
    if law is None:
        return text.ABSENT
    return holds(fall_that_doubles(law.theta["alpha"]), KAPLAN_FALL)


def over_noise_scale(study: Kaplan) -> str:
    """The critical batch over the noise scale at the same loss: least and largest over the losses where it is measured."""
    found, law = critical(study), scale_law(study)
    if found is None or law is None:
        return text.ABSENT
    loss = np.array([level for level, _ in found.levels])
    noise = np.median(law.mean({"loss": loss}), axis=0)
    ratio = np.array([middle(found.at(float(level))) for level in loss]) / noise
    return f"{text.two(float(ratio.min()))} to {text.two(float(ratio.max()))}"


def verdict(study: Kaplan) -> Verdict:
    """The fall of the loss that doubles the critical batch."""
    found = critical(study)
    if found is None:
        return absent("figure-10", text.percent(KAPLAN_FALL), "batches")
    low, high = text.central(found.fall)
    word: Word = "reproduced" if low - ROUNDED <= KAPLAN_FALL <= high + ROUNDED else "contradicted"
    return Verdict("figure-10", text.percent(KAPLAN_FALL), with_interval(found.fall, text.percent), word,
                   middle(found.fall), "`batches`")
