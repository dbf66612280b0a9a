"""The answer in other units and at other budgets, the loss that goes with it, and the trend inside the runs in numbers."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis import answers, profiles
from study.analysis.study import CHINCHILLA_C, SEED, USUAL_BYTES, Study
from study.analysis.tables import complete, groups, lowest
from study.analysis.training import optimal_loss
from study.articles.main.answer import ASKED
from study.articles.shared import laws, style, text
from study.inference.answers import new_experiment
from study.inference.digits import estimate
from study.inference.intervals import LEVELS
from study.inference.parameters import Array
from study.laws.published import RULE

if TYPE_CHECKING:
    from IPython.display import Markdown


@style.drawn
def ratio(study: Study) -> Figure:
    """Tokens, and bytes, a parameter at the optimum against C."""
    figure, axes = style.canvas(7.4, 3.6, 1, 2, sharey=True)
    low, high = float(study.fit["C"].min()), study.largest_C
    C = np.geomspace(low, CHINCHILLA_C, 60)
    draws = study.posterior.draws.D_opt(C[:, None]) / study.posterior.draws.N_opt(C[:, None])
    reach = np.quantile(draws, [0.02, 0.98])
    for ax, factor, usual, unit in ((axes[0], 1.0, 1.0, "tokens"), (axes[1], study.bytes_per_token, USUAL_BYTES, "bytes")):
        ax.set_xlim(C[0] / 2, C[-1])
        ax.set_ylim(max(reach[0] / 3, 1e-4), reach[1] * 20)
        style.log_axis(ax, "x", style.power, most=5)
        style.log_axis(ax, "y", lambda y: f"{y:g}" if y < 1000 else style.short(y))
        style.fan(ax, C, factor * draws, style.POSTERIOR)
        for one in laws.drawn():
            at = np.geomspace(1e17, C[-1], 30)
            ax.plot(at, usual * one.law.tokens_per_parameter(at), color=one.colour, lw=1.2)
        ax.axhline(usual * RULE, color=style.INK, lw=0.9, ls="--")
        style.shade(ax, low, high)
        style.panel(ax, f"{unit} a parameter", "training compute $C$ (FLOP)")
    names = (
        *((one.name, one.colour) for one in laws.drawn()),
        ("this study", style.POSTERIOR),
        (f"{RULE:g} tokens a parameter, in usual text", style.INK),
    )
    handles = [Line2D([], [], color=colour, ls="--" if colour == style.INK else "-", lw=1.4, label=name) for name, colour in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7.5, frameon=False)
    axes[0].set_ylabel("$D_{opt}/N_{opt}$")
    return figure


@style.drawn
def loss(study: Study) -> Figure:
    """Loss at the optimum against C: the posterior, the best run of each budget, and the irreducible loss."""
    figure, ax = style.canvas(7.0, 3.6)
    C = np.geomspace(float(study.fit["C"].min()), 1e21, 60)
    draws = study.posterior.draws
    style.fan(ax, C, draws.loss(draws.N_opt(C[:, None]), draws.D_opt(C[:, None])), style.POSTERIOR)
    style.fan(ax, C, np.broadcast_to(draws.E, (len(C), len(draws.E))), style.PRIOR, levels=(0.95,))
    best = []
    for budget, group in groups(complete(study.frame), "budget"):
        run, held = lowest(group, "loss"), budget in study.held_out_budgets
        best.append((float(run["C"]), float(run["loss"])))
        ax.plot(*best[-1], "s" if held else "o", color=style.HELD_OUT if held else style.INK, ms=5, zorder=5)
    ax.set_xlim(C[0] / 2, C[-1])
    style.log_axis(ax, "x", style.power)
    ax.set_ylim(0, best[0][1] * 1.12)
    ends = [
        (float(optimal_loss(study, C[-1:])[0]), "at the optimum", style.POSTERIOR),
        (float(np.median(draws.E)), "irreducible $E$", style.PRIOR),
    ]
    style.line_labels(ax, C[-1], ends, gap=0.06)
    ax.annotate("best run of a budget", best[0], xytext=(8, 5), textcoords="offset points", fontsize=7.5)
    style.shade(ax, float(study.fit["C"].min()), study.largest_C)
    style.panel(ax, "", "training compute $C$ (FLOP)", "loss (nats/token)")
    return figure


def in_bytes(study: Study) -> "Markdown":
    """The same in bytes of text, and how far each lies beyond the runs."""
    rows = []
    for N in (study.largest_N, *(size for size in ASKED if size > study.largest_N)):
        found = answers.asked(study, N)
        of_text, C = found.times(study.bytes_per_token), 6 * N * found.median
        rows.append(
            {
                "N": text.count(N),
                "$D_{opt}$ (bytes)": text.held(of_text),
                "95 %": text.held_ends(of_text),
                "bytes a parameter": text.held(of_text.times(1 / N), text.significant),
                "C (FLOP)": text.held(found.times(6 * N), text.power),
                "beyond the largest C": f"×{text.NBSP}{_factor(C / study.largest_C)}",
            }
        )
    return text.table(rows)


def by_compute(study: Study) -> "Markdown":
    """N_opt, D_opt and the loss there, from the largest fitted budget to Chinchilla's, and as an experiment would see them."""
    draws, rows = study.many.draws, []
    for C in (C for C in (study.largest_C, 1e18, 1e21, CHINCHILLA_C) if study.largest_C <= C):
        N, D, seen = draws.N_opt(C), draws.D_opt(C), new_experiment(study.posterior, C, seed=SEED)
        for name, values, other, form in (
            ("$N_{opt}$", N, seen.N, text.count),
            ("$D_{opt}$", D, seen.D, text.count),
            ("$L$", draws.loss(N, D), None, text.significant),
        ):
            found = estimate(study.many, values)
            rows.append(
                {
                    "C (FLOP)": text.power(C) if name == "$N_{opt}$" else "",
                    "": name,
                    "median": text.held(found, form),
                    **{f"{100 * level:g} %": text.held_ends(found, form, level) for level in LEVELS},
                    "experiment, 95 %": text.ABSENT if other is None else text.held_ends(estimate(study.posterior, other)),
                }
            )
    return text.table(rows, left=("",))


def _factor(x: float) -> str:
    """Two digits: 270, 2,300 or a power of ten."""
    return f"{float(f'{x:.1e}'):,.0f}" if 10 <= x < 1e5 else text.significant(x, 2)


def trend(study: Study) -> "Markdown":
    """The same in numbers."""
    def shown(draws: Array) -> str:
        return text.interval(*text.central(profiles.known(draws)), text.two) if profiles.known(draws).size else text.ABSENT

    return text.table([{
        "budget (FLOP)": text.power(one.budget) + (", held out" if one.held_out else ""),
        "D/N, measured": text.two(one.measured),
        "by seed noise, 95 %": shown(one.by_noise),
        "on the other corpus": text.two(one.elsewhere),
        "D/N, the law": text.two(float(np.median(profiles.known(one.law)))) if profiles.known(one.law).size else text.ABSENT,
        "95 %": shown(one.law),
    } for one in profiles.vertices(study)])
