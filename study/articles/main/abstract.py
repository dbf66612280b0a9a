"""The answer in one picture: D_opt against compute, with the published laws on it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.answers import target_compute, tokens
from study.analysis.study import CHINCHILLA_C, TARGET_N, Study
from study.articles.shared import laws, style, text

SHOWN = ("kaplan", "hoffmann", "besiroglu", "porian-5", "deepseek")  # keys of study.laws.published


def corpus(study: Study) -> str:
    """The name of the corpus."""
    return f"`{study.grid.corpus}`"


def fitted(study: Study) -> str:
    """Fitted runs."""
    return f"{len(study.fit):,}"


def smallest_size(study: Study) -> str:
    """Parameters of the smallest fitted run."""
    return text.count(float(study.fit["N"].min()))


def largest_size(study: Study) -> str:
    """Parameters of the largest fitted run."""
    return text.count(study.largest_N)


def flop(study: Study) -> str:
    """Exact FLOP of all recorded runs and of the sweep."""
    return text.power(sum(float(rows["C_exact"].sum()) for rows in (study.frame, study.sweep) if len(rows)))


def wall_time(study: Study) -> str:
    """Wall time of the same, evaluations included."""
    return text.duration(sum(float(rows["seconds"].sum()) for rows in (study.frame, study.sweep) if len(rows)))


@style.drawn
def fan(study: Study) -> Figure:
    """D_opt in tokens against C: the posterior's fan, the fitted range, and the published laws in theirs."""
    figure, ax = style.canvas(7.2, 4.6)
    low, high = float(study.fit["C"].min()), study.largest_C
    C = np.geomspace(low, 3 * CHINCHILLA_C, 80)
    middle = style.fan(ax, C, study.posterior.draws.D_opt(C[:, None]), style.POSTERIOR)
    ax.set_xlim(C[0] / 2, C[-1])
    ax.set_ylim(study.fit["D"].min() / 12, 1e16)
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y")
    style.panel(ax, "", "training compute $C$ (FLOP)", "compute-optimal tokens $D_{opt}$")
    labels = [(float(middle[-1]), "this study", style.POSTERIOR)]
    for one in laws.drawn(SHOWN):
        at = np.geomspace(1e18, C[-1], 30)
        ax.plot(at, one.law.law.D_opt(at), color=one.colour, lw=1.2, zorder=4)
        labels.append((float(one.law.law.D_opt(C[-1])), one.name, one.colour))
    style.line_labels(ax, C[-1], labels)
    ax.axvspan(low, high, color=style.GRID, alpha=0.7, lw=0, zorder=0)
    ax.text(low, 0.02, " runs fitted", transform=ax.get_xaxis_transform(), color=style.MUTED)
    _target(ax, study)
    return figure


def _target(ax: Axes, study: Study) -> None:
    """The point asked for: D_opt at TARGET_N, at the median compute that makes it optimal."""
    (low, high), middle = text.central(tokens(study)), float(np.median(tokens(study)))
    C = target_compute(study)
    ax.errorbar(
        [C], [middle], [[middle - low], [high - middle]], fmt="o", color=style.INK, ms=4.5, lw=1.4, capsize=3, zorder=6
    )
    ax.annotate(
        f"{style.short(TARGET_N)} parameters",
        (C, high),
        xytext=(-6, 8),
        textcoords="offset points",
        ha="right",
        color=style.INK,
    )
