"""How many tokens: D_opt(N), N_opt(C), D/N and the loss at the optimum, with intervals, beside the published laws."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.counts import config_counts, config_flops_per_token
from study.figures import style, text
from study.figures.analysis import CHINCHILLA_C, SEED, TARGET_N, USUAL_BYTES, Analysis
from study.figures.frames import complete, groups, least
from study.figures.training import optimal_loss
from study.inference.answers import NewExperiment, exact_cost_optimum, new_experiment, new_experiment_at
from study.inference.parameters import Array
from study.inference.predictive import LEVELS
from study.laws.published import RULE, published_law

if TYPE_CHECKING:
    from IPython.display import Markdown

COMPARED = (
    ("kaplan", "Kaplan 2020", style.KAPLAN),
    ("hoffmann", "Hoffmann 2022", style.HOFFMANN),
    ("besiroglu", "Besiroglu 2024", style.REFIT),
)
ASKED = (1e7, 1e8, TARGET_N, 1e10)  # parameters


def shade(ax: Axes, low: float, high: float) -> None:
    """The range the runs cover, in grey."""
    ax.axvspan(low, high, color=style.GRID, alpha=0.8, lw=0, zorder=0)
    ax.text(low, 0.015, " fitted", transform=ax.get_xaxis_transform(), color=style.MUTED, fontsize=7.5)


@lru_cache(maxsize=4)
def measured(study: Analysis, N: float = TARGET_N) -> NewExperiment:
    """The optimum at N as a new isoFLOP experiment would measure it, one a draw."""
    return new_experiment_at(study.posterior, N, seed=SEED)


@style.drawn
def tokens(study: Analysis) -> Figure:
    """D_opt against N: the posterior, and the rule of twenty tokens a parameter."""
    figure, ax = style.canvas(7.2, 4.4)
    N = np.geomspace(float(study.fit["N"].min()), 3e10, 70)
    draws = study.posterior.draws.D_opt_at(N[:, None])
    ax.set_xlim(N[0] / 1.5, N[-1])
    ax.set_ylim(float(study.fit["D"].min()) / 5, 10 * max(float(np.quantile(draws[-1], 0.95)), RULE * N[-1]))
    style.log_axis(ax, "x")
    style.log_axis(ax, "y")
    middle = style.fan(ax, N, draws, style.POSTERIOR)
    labels = [(float(middle[-1]), "this study", style.POSTERIOR), (RULE * N[-1], f"{RULE:g} tokens a parameter", style.INK)]
    ax.plot(N, RULE * N, color=style.INK, lw=1, ls="--")
    for key, name, colour in COMPARED:
        at = np.geomspace(1e7, N[-1], 30)
        line = published_law(key).law.D_opt_at(at)
        ax.plot(at, line, color=colour, lw=1.2)
        labels.append((float(line[-1]), name, colour))
    style.line_labels(ax, N[-1], labels)
    shade(ax, float(study.fit["N"].min()), study.largest_N)
    ax.axvline(TARGET_N, color=style.FAINT, lw=0.8, ls=":")
    style.panel(ax, "", "parameters $N$", "compute-optimal tokens $D_{opt}(N)$")
    return figure


@style.drawn
def two_kinds(study: Analysis) -> Figure:
    """D_opt at the target: what the law's parameters say, and what a new experiment there would measure."""
    figure, ax = style.canvas(7.0, 1.7)
    style.bar(ax, 1, study.posterior.draws.D_opt_at(TARGET_N), style.POSTERIOR)
    style.bar(ax, 0, measured(study).D, style.PREDICTIVE)
    ax.set_yticks([1, 0], ["posterior", "a new experiment"])
    ax.set_ylim(-0.6, 1.6)
    ends = text.central(measured(study).D, 0.96)
    low, high = text.central(study.posterior.draws.D_opt_at(TARGET_N), 0.96)
    ax.set_xlim(min(ends[0], low) / 1.5, max(ends[1], high) * 1.5)
    style.log_axis(ax, "x")
    ax.axvline(RULE * TARGET_N, color=style.INK, lw=0.9, ls="--")
    ax.annotate(
        f"{RULE:g} tokens a parameter",
        (RULE * TARGET_N, 1.6),
        xytext=(3, -2),
        textcoords="offset points",
        fontsize=7.5,
        va="top",
    )
    style.panel(ax, "", f"$D_{{opt}}$ at {style.short(TARGET_N)} parameters (tokens)")
    return figure


@style.drawn
def sizes(study: Analysis) -> Figure:
    """N_opt against C, with the published laws."""
    figure, ax = style.canvas(7.2, 4.2)
    low, high = float(study.fit["C"].min()), study.largest_C
    C = np.geomspace(low, CHINCHILLA_C, 70)
    draws = study.posterior.draws.N_opt(C[:, None])
    ax.set_xlim(C[0] / 2, C[-1])
    ax.set_ylim(float(study.fit["N"].min()) / 4, 5 * float(np.quantile(draws[-1], 0.975)))
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y")
    middle = style.fan(ax, C, draws, style.POSTERIOR)
    labels = [(float(middle[-1]), "this study", style.POSTERIOR)]
    for key, name, colour in COMPARED:
        at = np.geomspace(1e17, C[-1], 30)
        ax.plot(at, published_law(key).law.N_opt(at), color=colour, lw=1.2)
        labels.append((float(published_law(key).law.N_opt(C[-1])), name, colour))
    style.line_labels(ax, C[-1], labels)
    shade(ax, low, high)
    style.panel(ax, "", "training compute $C$ (FLOP)", "compute-optimal parameters $N_{opt}$")
    return figure


@style.drawn
def ratio(study: Analysis) -> Figure:
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
        for key, _, colour in COMPARED:
            at = np.geomspace(1e17, C[-1], 30)
            ax.plot(at, usual * published_law(key).tokens_per_parameter(at), color=colour, lw=1.2)
        ax.axhline(usual * RULE, color=style.INK, lw=0.9, ls="--")
        shade(ax, low, high)
        style.panel(ax, f"{unit} a parameter", "training compute $C$ (FLOP)")
    names = (
        *((name, colour) for _, name, colour in COMPARED),
        ("this study", style.POSTERIOR),
        (f"{RULE:g} tokens a parameter, and as many bytes as usual text has", style.INK),
    )
    handles = [Line2D([], [], color=colour, ls="--" if colour == style.INK else "-", lw=1.4, label=name) for name, colour in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7.5, frameon=False)
    axes[0].set_ylabel("$D_{opt}/N_{opt}$")
    return figure


@style.drawn
def loss(study: Analysis) -> Figure:
    """Loss at the optimum against C: the posterior, the best run of each budget, and the irreducible loss."""
    figure, ax = style.canvas(7.0, 3.6)
    C = np.geomspace(float(study.fit["C"].min()), 1e21, 60)
    draws = study.posterior.draws
    style.fan(ax, C, draws.loss(draws.N_opt(C[:, None]), draws.D_opt(C[:, None])), style.POSTERIOR)
    style.fan(ax, C, np.broadcast_to(draws.E, (len(C), len(draws.E))), style.PRIOR, levels=(0.95,))
    best = []
    for budget, group in groups(complete(study.frame), "budget"):
        run, held = least(group, "loss"), budget in study.held_out_budgets
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
    shade(ax, float(study.fit["C"].min()), study.largest_C)
    style.panel(ax, "", "training compute $C$ (FLOP)", "loss (nats/token)")
    return figure


def answers(study: Analysis) -> "Markdown":
    """D_opt at sizes from inside the grid to beyond the target: posterior, and as a new experiment would measure it."""
    rows = []
    for N in (
        float(np.exp(np.log(study.fit["N"]).mean())),
        study.largest_N,
        *(size for size in ASKED if size > study.largest_N),
    ):
        draws = study.posterior.draws.D_opt_at(N)
        for kind, values in (("law", draws), ("experiment", measured(study, N).D)):
            first = kind == "law"
            rows.append(
                {
                    "N": text.count(N) if first else "",
                    "": kind,
                    "$D_{opt}$ (tokens)": text.count(float(np.median(values))),
                    **_levels(values),
                    "D/N": text.significant(float(np.median(values)) / N),
                }
            )
    return text.table(rows, left=("",))


def in_bytes(study: Analysis) -> "Markdown":
    """The same in bytes of text, and how far each lies beyond the runs."""
    rows = []
    for N in (study.largest_N, *(size for size in ASKED if size > study.largest_N)):
        draws = study.posterior.draws.D_opt_at(N)
        C = 6 * N * float(np.median(draws))
        rows.append(
            {
                "N": text.count(N),
                "$D_{opt}$ (bytes)": text.count(float(np.median(draws)) * study.bytes_per_token),
                "95 %": text.interval(*text.central(draws * study.bytes_per_token), short),
                "bytes a parameter": text.significant(float(np.median(draws)) * study.bytes_per_token / N),
                "C (FLOP)": text.power(C),
                "beyond the largest C": f"×{text.NBSP}{_factor(C / study.largest_C)}",
            }
        )
    return text.table(rows)


def by_compute(study: Analysis) -> "Markdown":
    """N_opt, D_opt and the loss there, from the largest fitted budget to Chinchilla's, and as an experiment would see them."""
    draws, rows = study.posterior.draws, []
    for C in (C for C in (study.largest_C, 1e18, 1e21, CHINCHILLA_C) if study.largest_C <= C):
        N, D, seen = draws.N_opt(C), draws.D_opt(C), new_experiment(study.posterior, C, seed=SEED)
        for name, values, other, form in (
            ("$N_{opt}$", N, seen.N, short),
            ("$D_{opt}$", D, seen.D, short),
            ("$L$", draws.loss(N, D), None, text.significant),
        ):
            rows.append(
                {
                    "C (FLOP)": text.power(C) if name == "$N_{opt}$" else "",
                    "": name,
                    "median": form(float(np.median(values))),
                    **{f"{100 * level:g} %": text.interval(*text.central(values, level), form) for level in LEVELS},
                    "experiment": text.ABSENT if other is None else text.interval(*text.central(other), form),
                }
            )
    return text.table(rows, left=("",))


@lru_cache(maxsize=4)
def exact_optimum(study: Analysis) -> tuple[float, Array, Array]:
    """At the largest fitted budget: the budget, N_opt per draw at C = 6 N D, and under the exact cost a token of the ladder."""
    configs = {cell.config.width: cell.config for cell in study.grid.of("fit")}.values()
    ladder = [float(config_counts(config).multiplying) for config in configs]
    C = float(study.fit["budget"].max())
    exact = exact_cost_optimum(
        study.posterior.draws, C, ladder, [float(config_flops_per_token(config)) for config in configs]
    )
    return C, np.asarray(study.posterior.draws.N_opt(C)), exact


def short(x: float) -> str:
    """Parameters or tokens to two digits: the ends of an interval promise no more."""
    return text.count(x, 2)


def _factor(x: float) -> str:
    """Two digits: 270, 2,300 or a power of ten."""
    return f"{float(f'{x:.1e}'):,.0f}" if 10 <= x < 1e5 else text.significant(x, 2)


def _levels(draws: Array) -> dict[str, str]:
    return {f"{100 * level:g} %": text.interval(*text.central(draws, level), short) for level in LEVELS}
