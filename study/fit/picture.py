"""iso-flop.png of `study fit`: the runs with the law's bands through them, and the fan of D_opt against C."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.articles.shared import laws, style
from study.fit.draws import HUGE
from study.inference.answers import Summary, summarise
from study.inference.intervals import central
from study.inference.observations import budget_bins
from study.inference.parameters import Array
from study.inference.posterior import Posterior

DRAWS = 1500  # of the posterior behind a band
ON_BUDGET = 0.15  # decades of C within which a run counts as on a budget
TOO_MANY = 12  # distinct budgets above which C is binned


def iso_flop(posterior: Posterior, N: float, C: float, budgets: Array | None = None) -> Figure:
    """Left: loss against N, one colour a budget, the law at that budget in its 50 and 95 % bands. Right: D_opt against C."""
    figure, (left, right) = style.canvas(10.5, 4.6, 1, 2)
    with mpl.rc_context(style.RC):
        _losses(left, posterior, budgets)
        _fan(right, posterior, N, C)
    return figure


def _losses(ax: Axes, posterior: Posterior, budgets: Array | None) -> None:
    rows = posterior.rows
    label = budget_of(rows.C) if budgets is None or len(budgets) != len(rows) else np.asarray(budgets, dtype=float)
    colours = style.budget_colours(label)
    thinned = posterior.parameters.take(slice(None, None, max(1, len(posterior.parameters) // DRAWS)))
    law = thinned.surface(posterior.N0, posterior.D0)
    names = []
    for budget, colour in colours.items():
        on = label == budget
        centre = float(np.exp(np.log(rows.C[on]).mean()))  # in the fit's own C: a design's budget may count exact FLOPs
        ax.plot(rows.N[on], rows.loss[on], "o", color=colour, ms=4, mec="white", mew=0.5, zorder=4)
        if on.sum() >= 2 and rows.N[on].max() > rows.N[on].min():
            grid = np.geomspace(rows.N[on].min() / 1.15, rows.N[on].max() * 1.15, 60)
            middle = style.fan(ax, grid, law.loss(grid[:, None], centre / (6 * grid[:, None])), colour, levels=(0.95, 0.5))
            names.append((float(grid[-1]), float(middle[-1]), f"{style.power(centre)}", colour))
    ax.set_xlim(rows.N.min() / 1.6, rows.N.max() * 2.6)
    span = float(np.ptp(rows.loss)) + 0.01 * float(rows.loss.min())
    ax.set_ylim(rows.loss.min() - 0.12 * span, rows.loss.max() + 0.08 * span)
    style.log_axis(ax, "x")
    for x, y, text, colour in names:
        if ax.get_ylim()[0] < y < ax.get_ylim()[1]:
            ax.annotate(text, (x, y), xytext=(4, 0), textcoords="offset points", color=colour, fontsize=7, va="center")
    style.panel(ax, "The runs, and the law at each budget (FLOP)", "parameters $N$", "loss (nats per token)")


def _fan(ax: Axes, posterior: Posterior, N: float, C: float) -> None:
    rows = posterior.rows
    tokens = summarise(np.minimum(posterior.draws.D_opt_at(N), HUGE))
    low, high = rows.C.min() / 3, 3 * max(rows.C.max(), C, 6 * N * tokens.median)
    grid = np.geomspace(low, high, 80)
    middle = style.fan(ax, grid, posterior.draws.D_opt(grid[:, None]), style.POSTERIOR)
    labels = [(float(middle[-1]), "these runs", style.POSTERIOR)]
    for one in laws.drawn():
        at = grid[grid >= 1e17]  # published laws, hardly below the compute they were fitted at
        if len(at) > 1:
            line = one.law.law.D_opt(at)
            ax.plot(at, line, color=one.colour, lw=1.1)
            labels.append((float(line[-1]), one.name, one.colour))
    ax.plot(rows.C, rows.D, "o", color=style.MUTED, ms=2.6, mew=0, zorder=3)
    _at(ax, N, tokens)
    ax.set_xlim(low, high)
    least, most = central(posterior.draws.D_opt(np.array([[low], [high]])), axis=1)
    bottom, top = min(rows.D.min(), least[0]) / 2, max(rows.D.max(), min(most[1], 1e6 * middle[-1])) * 2
    ax.set_ylim(bottom, top)
    ax.axvspan(rows.C.min(), rows.C.max(), color=style.GRID, alpha=0.8, lw=0, zorder=0)
    ax.text(float(np.sqrt(rows.C.min() * rows.C.max())), 0.02, "runs", transform=ax.get_xaxis_transform(), ha="center",
            color=style.MUTED, fontsize=7.5)
    style.log_axis(ax, "x", form=style.power)
    style.log_axis(ax, "y")
    style.line_labels(ax, high, labels)
    style.panel(ax, f"Tokens for the compute; black: N = {style.short(N)} with its 95 % interval", "compute $C = 6ND$ (FLOP)",
                "compute-optimal tokens $D_{opt}(C)$")


def _at(ax: Axes, N: float, tokens: Summary) -> None:
    # every draw's optimum at N lies on the line C = 6 N D: its interval is a stretch of it
    ends = np.array(tokens.ci95)
    ax.plot(6 * N * ends, ends, color=style.INK, lw=1.4, zorder=5)
    ax.plot([6 * N * tokens.median], [tokens.median], "o", color="white", mec=style.INK, ms=4.5, zorder=6)


def budget_of(C: Array) -> Array:
    """The budget of each run, FLOP: runs whose C lie in one chain of gaps under 0.15 decades; nine bins where that fails."""
    order = np.argsort(C)
    breaks = np.diff(np.log10(C[order])) > ON_BUDGET
    index = np.empty(len(C), dtype=int)
    index[order] = np.concatenate([[0], np.cumsum(breaks)])
    chains = index.max() + 1
    widest = max(np.ptp(np.log10(C[index == k])) for k in range(chains))
    if chains > TOO_MANY or widest > 3 * ON_BUDGET:
        index = budget_bins(C)[1]
    return np.asarray([float(np.exp(np.log(C[index == k]).mean())) for k in index])
