"""Chinchilla's three approaches inside the runs, and the bias of the second."""

import numpy as np
from matplotlib.figure import Figure

from study.analysis.approaches import POSTERIOR, envelope, isoflop, optima, parabola_bias
from study.analysis.study import Study
from study.articles.shared import style, text
from study.inference.answers import SPREAD


def bias(study: Study) -> str:
    """How far a parabola's vertex without noise lies off, sizes from a quarter to four times the optimum, percent."""
    shift = 100 * parabola_bias(study, SPREAD)
    return f"{text.median(shift, text.two)} % {text.ends(shift, text.two)}"


@style.drawn
def compared(study: Study) -> Figure:
    """N_opt against C inside the fitted range by the three approaches."""
    figure, ax = style.canvas(7.0, 3.8)
    C = np.geomspace(float(study.fit["C"].min()), float(study.frame["C"].max()), 40)
    middle = style.fan(ax, C, study.posterior.draws.N_opt(C[:, None]), style.POSTERIOR)
    labels = [(float(middle[-1]), POSTERIOR, style.POSTERIOR)]
    if (curves := envelope(study)) is not None:
        inner = ~curves.edge
        ax.plot(curves.C[inner], curves.N[inner], ".", color=style.KAPLAN, ms=2.5)
        ax.text(0.02, 0.96, "● 1: envelope", transform=ax.transAxes, color=style.KAPLAN, fontsize=7.5, va="top")
    at, N, _ = optima(study)
    palette = style.colours(study)
    if (found := isoflop(study)) is not None and len(at):
        for x, y, budget in zip(at, N, found.C[found.inside], strict=True):
            ax.plot([x], [y], "D", color=palette[float(budget)], ms=6, mec="white", zorder=6)
        ax.text(0.02, 0.9, "◆ 2: vertices of the parabolas", transform=ax.transAxes, fontsize=7.5, va="top")
    ax.plot(C, study.huber.surface.N_opt(C), color=style.HOFFMANN, lw=1.2, ls="--")
    labels.append((float(study.huber.surface.N_opt(C[-1])), "3: Huber", style.HOFFMANN))
    ax.set_xlim(C[0] / 1.3, C[-1])
    style.log_axis(ax, "x", style.power, most=6)
    style.log_axis(ax, "y", most=6)
    style.line_labels(ax, C[-1], labels, gap=0.06)
    style.panel(ax, "", "compute $C = 6 N D$ (FLOP)", "compute-optimal parameters $N_{opt}$")
    return figure


@style.drawn
def bias_by_range(study: Study) -> Figure:
    """Approach 2 without noise on the posterior's surfaces: how far its vertex misses N_opt, by range of sizes."""
    figure, ax = style.canvas(6.6, 2.9)
    reaches = np.geomspace(1.3, 12, 25)
    shift = np.array([parabola_bias(study, float(reach), 200) for reach in reaches])
    style.fan(ax, reaches, 100 * shift, style.POSTERIOR)
    ax.axhline(0, color=style.MUTED, lw=0.8)
    ax.set_xlim(reaches[0], reaches[-1])
    style.log_axis(ax, "x", lambda x: f"×{x:g}")
    style.panel(ax, "", "sizes from $N_{opt}$ divided by, to multiplied by", "vertex / $N_{opt}$ − 1 (%)")
    return figure
