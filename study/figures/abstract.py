"""The answer in one picture: D_opt against compute, with the published laws on it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.figures import style
from study.figures.analysis import CHINCHILLA_C, TARGET_N, Analysis
from study.laws.published import published_law

SHOWN = (
    ("kaplan", "Kaplan 2020", style.KAPLAN),
    ("hoffmann", "Hoffmann 2022", style.HOFFMANN),
    ("besiroglu", "Besiroglu 2024", style.REFIT),
    ("porian-5", "Porian 2024", style.OTHER),
    ("deepseek", "DeepSeek 2024", style.OTHER),
)  # keys of study.laws.published


@style.drawn
def answer(study: Analysis) -> Figure:
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
    for key, name, colour in SHOWN:
        law = published_law(key).law
        at = np.geomspace(1e18, C[-1], 30)
        ax.plot(at, law.D_opt(at), color=colour, lw=1.2, zorder=4)
        labels.append((float(law.D_opt(C[-1])), name, colour))
    style.line_labels(ax, C[-1], labels)
    ax.axvspan(low, high, color=style.GRID, alpha=0.7, lw=0, zorder=0)
    ax.text(low, 0.02, " runs fitted", transform=ax.get_xaxis_transform(), color=style.MUTED)
    target(ax, study)
    return figure


def target(ax: Axes, study: Analysis) -> None:
    """The point asked for: D_opt at TARGET_N, at the median compute that makes it optimal."""
    tokens = study.posterior.draws.D_opt_at(TARGET_N)
    middle, (low, high) = float(np.median(tokens)), np.quantile(tokens, [0.025, 0.975])
    C = 6 * TARGET_N * middle
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
