"""next.png of `study next`: where a run tells most for its price, which were chosen, and what they buy."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from study.articles.shared import style
from study.inference.next_run import Candidates, Plan
from study.inference.posterior import Posterior


def next_run(posterior: Posterior, candidates: Candidates, plan: Plan) -> Figure:
    """Left: the runs there are, the candidates (area: information), the chosen ones in order. Right: expected width by price."""
    figure, (left, right) = style.canvas(10.5, 4.4, 1, 2)
    with mpl.rc_context(style.RC):
        chosen = [choice.index for choice in plan.choices]
        draw_candidates(left, candidates.N, candidates.D, plan.information, candidates.N[chosen], candidates.D[chosen])
        left.plot(posterior.rows.N, posterior.rows.D, "x", color=style.HOFFMANN, ms=5, zorder=3)
        style.log_axis(left, "x")
        style.log_axis(left, "y")
        style.panel(left, "Runs (crosses) and candidates; numbered: chosen", "parameters $N$", "tokens $D$")
        spent = np.array([0.0, *(choice.spent for choice in plan.choices)])
        width = np.array([plan.width, *(choice.width for choice in plan.choices)]) / np.log(10)
        right.plot(spent, width, "o-", color=style.POSTERIOR, ms=4, lw=1.2)
        right.set_ylim(0, 1.08 * float(width.max()))
        style.panel(right, "Expected width after each", "spent", "95 % width of $D_{opt}$ (decades)")
    return figure


def draw_candidates(ax: Axes, N: ArrayLike, D: ArrayLike, information: ArrayLike, chosen_N: ArrayLike, chosen_D: ArrayLike) -> None:
    """Candidates, the area of each in proportion to its information, and the chosen ones numbered in their order."""
    gain = np.maximum(np.asarray(information, dtype=float), 0.0)
    ax.scatter(N, D, s=4 + 120 * gain / max(float(gain.max()), 1e-9), color=style.MUTED, alpha=0.5, lw=0)
    for order, at in enumerate(zip(np.asarray(chosen_N, dtype=float), np.asarray(chosen_D, dtype=float), strict=True), 1):
        ax.plot(*at, "o", color=style.POSTERIOR, ms=6, zorder=4)
        ax.annotate(str(order), at, xytext=(4, 4), textcoords="offset points", fontsize=8, color=style.POSTERIOR)
