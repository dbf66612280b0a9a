"""What a wrong size costs: the flat minimum, and what to train when the law itself is uncertain."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis.answers import target_compute
from study.analysis.study import Study
from study.articles.shared import style, text
from study.inference.answers import expected_loss_allocation, penalty
from study.inference.parameters import Array, Surface
from study.inference.serving import compute_ratio
from study.laws.published import RULE

if TYPE_CHECKING:
    from IPython.display import Markdown


def _worse(of: Callable[[Surface, float, float], Array], study: Study, C: float) -> float:
    """The larger median at half and at twice the optimal size."""
    return max(float(np.median(of(study.posterior.draws, C, factor))) for factor in (0.5, 2.0))


def lost_here(study: Study) -> str:
    """What half or twice the optimal size costs at the largest fitted compute: the larger median, nats a token."""
    return text.two(_worse(penalty, study, study.largest_C))


def lost_there(study: Study) -> str:
    """And at the target's."""
    return text.two(_worse(penalty, study, target_compute(study)))


def shares(law: Surface, C: float, factor: float) -> Array:
    """The share of C that the optimum would save at the loss of a model `factor` times N_opt(C), (S,)."""
    N = factor * law.N_opt(C)
    return np.asarray(1 - 1 / compute_ratio(law, C, law.loss(N, C / (6 * N))))


def wasted_here(study: Study) -> str:
    """The share of the largest fitted compute that could be saved at the same loss: the larger median."""
    return text.percent(_worse(shares, study, study.largest_C))


def wasted_there(study: Study) -> str:
    """And of the target's."""
    return text.percent(_worse(shares, study, target_compute(study)))


@style.drawn
def penalties(study: Study) -> Figure:
    """Loss above the optimum of a model too small or too large, at the largest fitted compute and at the target's."""
    figure, axes = style.canvas(7.2, 3.0, 1, 2)
    factors = np.geomspace(1 / 8, 8, 33)
    target = target_compute(study)
    for ax, C, name in ((axes[0], study.largest_C, "largest fitted"), (axes[1], target, "at the target")):
        worse = np.array([penalty(study.posterior.draws, C, float(factor)) for factor in factors])
        style.fan(ax, factors, worse, style.POSTERIOR)
        ax.set_xlim(factors[0], factors[-1])
        style.log_axis(ax, "x", lambda x: f"×{x:g}", most=5)
        ax.set_ylim(0, None)
        style.panel(ax, f"{name}, {style.power(C)} FLOP", "parameters / $N_{opt}$")
    axes[0].set_ylabel("loss above the optimum (nats/token)")
    return figure


def decisions(study: Study) -> "Markdown":
    """What to train at two budgets: the median optimum, the size of least expected loss, and the cost of the rule of thumb."""
    draws, rows = study.posterior.draws, []
    for name, C in (("largest fitted", study.largest_C), ("the target's", target_compute(study))):
        best = expected_loss_allocation(draws, C)
        by_rule = float(np.sqrt(C / (6 * RULE)))
        lost = draws.loss(by_rule, C / (6 * by_rule)) - draws.loss(draws.N_opt(C), draws.D_opt(C))
        rows.append(
            {
                "compute": f"{name}, {text.power(C)} FLOP",
                "median N_opt": text.short(float(np.median(draws.N_opt(C)))),
                "N of least expected loss": text.short(best.N),
                "its tokens": text.short(best.D),
                f"{RULE:g} tokens a parameter lose (nats/token)": text.two(float(np.median(lost))),
                "95 %": text.interval(*text.central(lost), text.two),
            }
        )
    return text.table(rows)
