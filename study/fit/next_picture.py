"""next.png of `study next`: where a run tells most for its price, which were chosen, and what they buy."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from study.articles.shared import style
from study.inference.next_run import Candidates, Plan
from study.inference.posterior import Posterior


def next_run(posterior: Posterior, candidates: Candidates, plan: Plan) -> Figure:
    """Left: the runs there are, the candidates (area: information), the chosen ones in order. Right: expected width by price."""
    figure, (left, right) = style.canvas(10.5, 4.4, 1, 2)
    with mpl.rc_context(style.RC):
        gain = np.maximum(plan.information, 0.0)
        area = 4 + 120 * gain / max(float(gain.max()), 1e-9)
        left.scatter(candidates.N, candidates.D, s=area, color=style.MUTED, alpha=0.5, lw=0)
        left.plot(posterior.rows.N, posterior.rows.D, "x", color=style.HOFFMANN, ms=5, zorder=3)
        for order, choice in enumerate(plan.choices, 1):
            at = (float(candidates.N[choice.index]), float(candidates.D[choice.index]))
            left.plot(*at, "o", color=style.POSTERIOR, ms=6, zorder=4)
            left.annotate(str(order), at, xytext=(4, 4), textcoords="offset points", fontsize=8, color=style.POSTERIOR)
        style.log_axis(left, "x")
        style.log_axis(left, "y")
        style.panel(left, "Runs (crosses) and candidates; numbered: chosen", "parameters $N$", "tokens $D$")
        spent = np.array([0.0, *(choice.spent for choice in plan.choices)])
        width = np.array([plan.width, *(choice.width for choice in plan.choices)]) / np.log(10)
        right.plot(spent, width, "o-", color=style.POSTERIOR, ms=4, lw=1.2)
        right.set_ylim(0, 1.08 * float(width.max()))
        style.panel(right, "Expected width after each", "spent", "95 % width of $D_{opt}$ (decades)")
    return figure
