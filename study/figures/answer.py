"""How many tokens: D_opt(N), N_opt(C), D/N and the loss at the optimum, with intervals, beside the published laws."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import CHINCHILLA_C, RULE, TARGET_N, USUAL_BYTES, Analysis
from study.figures.training import posterior_loss
from study.laws.published import published_law

if TYPE_CHECKING:
    from IPython.display import Markdown

COMPARED = (
    ("kaplan", "Kaplan 2020", style.KAPLAN),
    ("hoffmann", "Hoffmann 2022", style.HOFFMANN),
    ("besiroglu", "Besiroglu 2024", style.REFIT),
)


def shade(ax: Axes, low: float, high: float) -> None:
    """The range the runs cover, in grey."""
    ax.axvspan(low, high, color=style.GRID, alpha=0.8, lw=0, zorder=0)
    ax.text(
        np.sqrt(low * high),
        0.015,
        "fitted",
        transform=ax.get_xaxis_transform(),
        ha="center",
        color=style.MUTED,
        fontsize=7.5,
    )


def tokens(study: Analysis) -> Figure:
    """D_opt against N: the posterior, and the rule of twenty tokens a parameter."""
    figure, ax = style.canvas(7.2, 4.4)
    N = np.geomspace(float(study.fit["N"].min()), 3e10, 70)
    middle = style.fan(ax, N, study.posterior.draws.D_opt_at(N[:, None]), style.POSTERIOR)
    ax.set_xlim(N[0] / 1.5, N[-1])
    ax.set_ylim(study.fit["D"].min() / 5, 1e15)
    style.log_axis(ax, "x")
    style.log_axis(ax, "y")
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


def sizes(study: Analysis) -> Figure:
    """N_opt against C, with approach 2's vertices and the published laws."""
    figure, ax = style.canvas(7.2, 4.2)
    low, high = float(study.fit["C"].min()), study.largest_C
    C = np.geomspace(low, CHINCHILLA_C, 70)
    middle = style.fan(ax, C, study.posterior.draws.N_opt(C[:, None]), style.POSTERIOR)
    if study.isoflop is not None:
        profile = study.isoflop
        ax.plot(profile.C[profile.inside], profile.N_opt[profile.inside], "o", color="white", mec=style.INK, ms=5, zorder=6)
        ax.annotate(
            "vertices of approach 2",
            (profile.C[-1], profile.N_opt[-1]),
            xytext=(8, -10),
            textcoords="offset points",
            fontsize=7.5,
        )
    ax.set_xlim(C[0] / 2, C[-1])
    ax.set_ylim(study.fit["N"].min() / 4, 1e14)
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y")
    labels = [(float(middle[-1]), "this study", style.POSTERIOR)]
    for key, name, colour in COMPARED:
        at = np.geomspace(1e17, C[-1], 30)
        ax.plot(at, published_law(key).law.N_opt(at), color=colour, lw=1.2)
        labels.append((float(published_law(key).law.N_opt(C[-1])), name, colour))
    style.line_labels(ax, C[-1], labels)
    shade(ax, low, high)
    style.panel(ax, "", "training compute $C$ (FLOP)", "compute-optimal parameters $N_{opt}$")
    return figure


def ratio(study: Analysis) -> Figure:
    """Tokens, and bytes, a parameter at the optimum against C."""
    figure, axes = style.canvas(7.4, 3.6, 1, 2, sharey=True)
    low, high = float(study.fit["C"].min()), study.largest_C
    C = np.geomspace(low, CHINCHILLA_C, 60)
    draws = study.posterior.draws.D_opt(C[:, None]) / study.posterior.draws.N_opt(C[:, None])
    for ax, factor, usual, unit in ((axes[0], 1.0, 1.0, "tokens"), (axes[1], study.bytes_per_token, USUAL_BYTES, "bytes")):
        style.fan(ax, C, factor * draws, style.POSTERIOR)
        ax.set_xlim(C[0] / 2, C[-1])
        ax.set_ylim(1e-2, 1e5)
        style.log_axis(ax, "x", style.power, most=5)
        style.log_axis(ax, "y", lambda y: f"{y:g}" if y < 1000 else style.short(y))
        for key, name, colour in COMPARED:
            at = np.geomspace(1e17, C[-1], 30)
            line = usual * published_law(key).tokens_per_parameter(at)
            ax.plot(at, line, color=colour, lw=1.2)
        ax.axhline(usual * RULE, color=style.INK, lw=0.9, ls="--")
        shade(ax, low, high)
        style.panel(ax, f"{unit} a parameter", "training compute $C$ (FLOP)")
    for (_, name, colour), y in zip(
        (*COMPARED, ("", "this study", style.POSTERIOR), ("", f"{RULE:g} tokens a parameter", style.INK)),
        np.linspace(0.96, 0.72, 5),
        strict=True,
    ):
        axes[0].text(0.98, y, name, transform=axes[0].transAxes, ha="right", va="top", color=colour, fontsize=7.5)
    axes[0].set_ylabel("$D_{opt}/N_{opt}$")
    return figure


def loss(study: Analysis) -> Figure:
    """Loss at the optimum against C: the posterior, the best run of each budget, and the irreducible loss."""
    figure, ax = style.canvas(7.0, 3.8)
    C = np.geomspace(float(study.fit["C"].min()), 1e21, 60)
    draws = study.posterior.draws
    style.fan(ax, C, draws.loss(draws.N_opt(C[:, None]), draws.D_opt(C[:, None])), style.POSTERIOR)
    style.fan(ax, C, np.broadcast_to(draws.E, (len(C), len(draws.E))), style.PRIOR, levels=(0.95,))
    best = study.frame[study.frame["status"] == "complete"].groupby("budget")[["loss", "C"]].min()
    ax.plot(best["C"], best["loss"], "o", color=style.INK, ms=4.5, zorder=5)
    ax.set_xlim(C[0] / 2, C[-1])
    style.log_axis(ax, "x", style.power)
    ax.set_ylim(0, float(best["loss"].max()) * 1.12)
    style.line_labels(
        ax,
        C[-1],
        [
            (float(posterior_loss(study, C[-1:])[0]), "at the optimum", style.POSTERIOR),
            (float(np.median(draws.E)), "irreducible $E$", style.PRIOR),
        ],
        gap=0.06,
    )
    ax.annotate(
        "best run of a budget",
        (best["C"].iloc[0], best["loss"].iloc[0]),
        xytext=(8, 5),
        textcoords="offset points",
        fontsize=7.5,
    )
    shade(ax, float(study.fit["C"].min()), study.largest_C)
    style.panel(ax, "", "training compute $C$ (FLOP)", "loss (nats/token)")
    return figure


def answers(study: Analysis) -> "Markdown":
    """D_opt at sizes from inside the grid to the target, in tokens and bytes, with three intervals."""
    sizes_asked = [float(np.exp(np.log(study.fit["N"]).mean())), study.largest_N, 1e7, 1e8, TARGET_N, 1e10]
    rows = []
    for N in sorted(size for size in sizes_asked if size >= study.fit["N"].min()):
        tokens_ = study.posterior.draws.D_opt_at(N)
        middle = float(np.median(tokens_))
        rows.append(
            {
                "N": text.count(N),
                "D_opt (tokens)": text.count(middle),
                **_levels(tokens_),
                "bytes": text.count(middle * study.bytes_per_token),
                "D/N": text.significant(middle / N),
                "beyond the largest C": f"× {text.significant(max(1.0, 6 * N * middle / study.largest_C), 2)}",
            }
        )
    return text.table(rows)


def by_compute(study: Analysis) -> "Markdown":
    """N_opt, D_opt and the loss there at budgets from the largest fitted to Chinchilla's."""
    draws, rows = study.posterior.draws, []
    for C in (study.largest_C, 1e15, 1e17, 1e19, 1e21, CHINCHILLA_C):
        if study.largest_C <= C:
            N, D = draws.N_opt(C), draws.D_opt(C)
            L = draws.loss(N, D)
            rows.append(
                {
                    "C (FLOP)": text.power(C, 2),
                    "N_opt": text.count(float(np.median(N))),
                    "95 % of N": text.interval(*text.central(N), text.count),
                    "D_opt": text.count(float(np.median(D))),
                    "95 % of D": text.interval(*text.central(D), text.count),
                    "loss (nats/token)": text.significant(float(np.median(L))),
                    "95 % of L": text.interval(*text.central(L)),
                    "beyond the fit": f"× {text.significant(C / study.largest_C, 2)}",
                }
            )
    return text.table(rows)


def _levels(draws: np.ndarray) -> dict[str, str]:
    return {f"{100 * level:g} %": text.interval(*text.central(draws, level), text.count) for level in (0.5, 0.8, 0.95)}
