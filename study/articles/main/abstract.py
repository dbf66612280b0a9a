"""The answer in one picture: tokens a parameter at the optimum against compute, with the published laws on it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.answers import asked, tokens
from study.analysis.study import CHINCHILLA_C, Study
from study.articles.main import trend
from study.articles.shared import laws, style, text
from study.laws.errata import TARGET_N

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
    """D_opt / N_opt against C: the posterior's fan, the optima that the runs measured, and the published laws."""
    figure, ax = style.canvas(7.2, 4.9)
    low, high = float(study.fit["C"].min()), study.largest_C
    C = np.geomspace(low, CHINCHILLA_C, 80)
    draws = study.posterior.draws
    middle = style.fan(ax, C, draws.D_opt(C[:, None]) / draws.N_opt(C[:, None]), style.POSTERIOR)
    labels = [(float(middle[-1]), "this study", style.POSTERIOR)]
    for one in laws.drawn(SHOWN):
        at = np.geomspace(1e18, C[-1], 30)
        ratio = np.asarray(one.law.tokens_per_parameter(at))
        ax.plot(at, ratio, color=one.colour, lw=1.2, ls=one.dashes, zorder=4)
        labels.append((float(ratio[-1]), one.name, one.colour))
    ax.set_xlim(C[0] / 2, C[-1])
    style.log_axis(ax, "x", style.power)
    trend.dots(ax, study)
    _target(ax, study)
    style.log_axis(ax, "y", style.plain)
    style.panel(ax, "", "training compute $C$ (FLOP)", "tokens a parameter, $D_{opt}/N_{opt}$")
    style.line_labels(ax, C[-1], labels)
    ax.axvspan(low, high, color=style.GRID, alpha=0.7, lw=0, zorder=0)
    ax.text(low, 0.02, " runs fitted", transform=ax.get_xaxis_transform(), color=style.MUTED)
    return figure


def _target(ax: Axes, study: Study) -> None:
    """The point asked for: TARGET_N parameters, along the compute C = 6 N D that each number of tokens takes."""
    D = tokens(study)
    (low, high), middle = text.central(D), float(np.median(D))
    ends = np.array([low, high])
    ax.plot(6 * TARGET_N * ends, ends / TARGET_N, "|-", color=style.INK, lw=1.6, ms=8, mew=1.6, zorder=6)
    ax.plot([6 * TARGET_N * middle], [middle / TARGET_N], "o", color=style.INK, ms=5, mec="white", zorder=7)
    ax.annotate(f"{style.short(TARGET_N)} parameters:\n{text.held(asked(study))} tokens", (6 * TARGET_N * high, high / TARGET_N),
                xytext=(-4, 6), textcoords="offset points", ha="right", color=style.INK)
