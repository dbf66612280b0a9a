"""Which runs, and what happened: the plane of (N, D), the profiles of loss by size, noise between seeds."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis import misfit, profiles, seeds, training
from study.analysis.study import Study
from study.analysis.tables import complete
from study.articles.shared import style, text
from study.articles.shared.words import capital, none_or, number_word
from study.counts import config_counts
from study.inference.intervals import central
from study.inference.parameters import Array
from study.inference.scores import rms

MARKS = {"isoflop": "o", "off-path": "D", "seed": "o", "held-out": "s"}
MISFIT = 1.5  # times the s.d. between seeds: from there on misfit of the law is more than half of the residual's variance
CAUSES = {"misfit": "most of that is the law's misfit, not seeds", "seeds": "seeds account for that",
          "open": "what explains that is open"}


def grid(study: Study) -> str:
    """The grid's name."""
    return f"`{study.grid.name}`"


def fit_runs(study: Study) -> str:
    """Runs for the fit."""
    return f"{len(study.grid.of('fit')):,}"


def fit_cells(study: Study) -> str:
    """Cells that they repeat, seeds apart."""
    return f"{len({replace(cell.config, seed=0) for cell in study.grid.of('fit')}):,}"


def held_out_runs(study: Study) -> str:
    """Held-out runs, as a word."""
    return number_word(len(study.grid.planned) - len(study.grid.of("fit")))


def _budgets(study: Study) -> list[float]:
    return sorted({cell.budget for cell in study.grid.of("fit")})


def budgets(study: Study) -> str:
    """Fitted budgets, as a word."""
    return number_word(len(_budgets(study)))


def smallest_budget(study: Study) -> str:
    """FLOP, exact."""
    return text.power(_budgets(study)[0])


def largest_budget(study: Study) -> str:
    """FLOP, exact."""
    return text.power(_budgets(study)[-1])


def sizes(study: Study) -> str:
    """Shapes of the ladder, as a word."""
    return number_word(len({cell.config.width for cell in study.grid.planned}))


def planned(study: Study) -> str:
    """Runs of the design."""
    return f"{len(study.grid.planned):,}"


def recorded(study: Study) -> str:
    """Those that are recorded."""
    return f"{len(study.frame):,}"


def failed(study: Study) -> str:
    """Runs that diverged or failed, the sweep's among them: none, one, ..."""
    return none_or(len(training.failed(study)))


def best_loss(study: Study) -> str:
    """Nats a token."""
    return text.significant(float(complete(study.frame)["loss"].min()))


def best_bits(study: Study) -> str:
    """Bits a byte."""
    return text.significant(float(complete(study.frame)["bits_per_byte"].min()))


def validation_bytes(study: Study) -> str:
    """Bytes a token of the validation text, in which bits a byte are counted."""
    rows = complete(study.frame)
    return text.significant(float((rows["loss"] / (np.log(2) * rows["bits_per_byte"])).median()))


def interior(study: Study) -> str:
    """In how many budgets the best size is neither the smallest nor the largest."""
    return none_or(profiles.interior(study)[0])


def profiled(study: Study) -> str:
    """Of how many budgets."""
    return number_word(profiles.interior(study)[1])


def _noise(sd: seeds.Sd) -> str:
    if not sd[1]:
        return "unknown (no cell has two seeds)"
    return f"{100 * sd[0]:.2f} % of the loss (pooled, {number_word(sd[1])} degrees of freedom)"


def noise_below(study: Study) -> str:
    """The s.d. between seeds below the largest fitted budget."""
    return _noise(seeds.below_and_at_the_top(study)[0])


def noise_at_top(study: Study) -> str:
    """And at it."""
    return _noise(seeds.below_and_at_the_top(study)[1])


def _off(study: Study, *, top: bool) -> float:
    """R.m.s. distance of the fitted runs from the law, of ln L, at the largest budget or below it; nan where none is."""
    rows = study.fit[(study.fit["budget"] == study.fit["budget"].max()) == top]
    return rms(misfit.residuals(study.posterior, rows)) if len(rows) else float("nan")


def off_below(study: Study) -> str:
    """R.m.s. distance from the law below the largest fitted budget, percent of the loss."""
    return f"{100 * _off(study, top=False):.2f} %"


def off_at_top(study: Study) -> str:
    """And at it."""
    return f"{100 * _off(study, top=True):.2f} %"


def _cause(off: float, sd: seeds.Sd) -> str:
    if not sd[1] or not np.isfinite(off):
        return "open"
    return "misfit" if off > MISFIT * sd[0] else "seeds"


def causes(study: Study) -> str:
    """Whether seeds or misfit are most of the residual, below the largest fitted budget and at it."""
    below, at_top = seeds.below_and_at_the_top(study)
    first, second = CAUSES[_cause(_off(study, top=False), below)], CAUSES[_cause(_off(study, top=True), at_top)]
    return f"In both, {first}." if first == second else f"Below it {first}; at it {second}."


def more_seeds(study: Study) -> str:
    """That runs were added for their seeds, where some were."""
    if not len(study.seeds):
        return ""
    return f"{capital(number_word(len(study.seeds)))} runs were added later for their seeds, and are in no fit."


@style.drawn
def plane(study: Study) -> Figure:
    """The cells in the plane of (N, D) with lines of equal compute; hollow where a run is not yet done."""
    figure, ax = style.canvas(7.2, 3.8)
    palette, done = style.colours(study), set(study.frame["run_id"])
    cells = study.grid.planned
    N = np.array([config_counts(cell.config).multiplying for cell in cells], dtype=float)
    D = np.array([cell.config.tokens for cell in cells], dtype=float)
    sizes = np.geomspace(N.min() / 2.2, N.max() * 1.6, 40)
    ax.set_xlim(sizes[0], sizes[-1])
    ax.set_ylim(D.min() / 2, D.max() * 2.5)
    for budget in study.budgets:
        mine = [i for i, cell in enumerate(cells) if cell.budget == budget]
        path = sorted((i for i in mine if cells[i].role in ("isoflop", "held-out")), key=lambda i: N[i])
        ax.plot(N[path], D[path], color=palette[budget], lw=1, alpha=0.7, zorder=1)
        first = min(mine, key=lambda i: N[i])
        ax.annotate(
            style.power(budget),
            (N[first], D[first]),
            xytext=(-7, 2),
            textcoords="offset points",
            ha="right",
            va="center",
            color=palette[budget],
            fontsize=8,
        )
    repeats: dict[tuple[float, float], int] = {}
    for cell, n, d in zip(cells, N, D, strict=True):
        repeats[n, d] = repeats.get((n, d), 0) + 1
        face = palette[cell.budget] if cell.config.run_id in done else "white"
        ax.plot([n], [d], MARKS[cell.role], color=palette[cell.budget], mfc=face, ms=6, mew=1.2, zorder=3)
    for (n, d), times in repeats.items():
        if times > 1:
            ax.annotate(f"×{times}", (n, d), xytext=(0, 5), textcoords="offset points", fontsize=7.5, color=style.INK, ha="center",
                        va="bottom")
    C = np.geomspace(6 * N.min() * D.min() / 10, 6 * N.max() * D.max() * 10, 60)
    middle = np.median(study.posterior.draws.N_opt(C[:, None]), axis=1)
    ax.plot(middle, C / (6 * middle), color=style.INK, lw=1, ls="--", zorder=2)
    inside = np.flatnonzero((middle > sizes[0]) & (middle < sizes[-1]) & (C / (6 * middle) < ax.get_ylim()[1]))
    if len(inside):
        last = inside[-1]
        ax.annotate(
            "fitted optimum",
            (middle[last], C[last] / (6 * middle[last])),
            xytext=(5, -8),
            textcoords="offset points",
            fontsize=8,
        )
    style.log_axis(ax, "x")
    style.log_axis(ax, "y")
    style.panel(ax, "", "parameters $N$ (non-embedding + unembedding)", "training tokens $D$")
    return figure


def _band(ax: Axes, x: Array, draws: Array, colour: str, *, filled: bool) -> None:
    """The 95 % interval of draws along x; its ends alone where a band would cover the runs of other budgets."""
    if filled:
        style.fan(ax, x, draws, colour, levels=(0.95,))
        return
    for end in central(draws, axis=1):
        ax.plot(x, end, color=colour, lw=0.8, alpha=0.7, zorder=2)
    ax.plot(x, np.median(draws, axis=1), color=colour, lw=1.2, zorder=2.5)


@style.drawn
def loss_by_size(study: Study) -> Figure:
    """Loss against N at each budget: runs, the parabola of approach 2, and the posterior of the law along the same cells."""
    figure, ax = style.canvas(7.2, 4.1)
    palette, draws = style.colours(study), study.posterior.draws
    found = profiles.paths(study, repeats=True)
    rows = pd.concat([group for _, group in found])
    ax.set_xlim(float(rows["N"].min()) / 1.3, float(rows["N"].max()) * 1.08)
    ax.set_ylim(float(rows["loss"].min()) * 0.97, float(rows["loss"].max()) * 1.09)
    style.log_axis(ax, "x")
    for budget, group in found:
        path = group[group["role"] != "seed"].sort_values("N")
        held = budget in study.held_out_budgets
        if len(path) > 1:
            x = np.geomspace(float(path["N"].min()), float(path["N"].max()), 40)
            tokens = np.exp(np.interp(np.log(x), np.log(path["N"]), np.log(path["D"])))
            _band(ax, x, draws.loss(x[:, None], tokens[:, None]), palette[budget], filled=not held)
            if len(path) > 2 and not held:
                parabola = np.polyfit(np.log(path["N"]), path["loss"], 2)
                ax.plot(x, np.polyval(parabola, np.log(x)), color=style.INK, ls=":", lw=1, zorder=4)
        ax.plot(
            group["N"], group["loss"], "s" if held else "o", color=palette[budget], ms=4.5, mec="white", mew=0.5, zorder=5
        )
        last = path.iloc[-1] if len(path) else group.iloc[-1]
        ax.annotate(
            f"{style.power(budget)} FLOP",
            (last["N"], last["loss"]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=palette[budget],
            fontsize=8,
            annotation_clip=False,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            zorder=6,
        )
    optimum = np.geomspace(float(study.fit["C"].min()) / 2, float(study.frame["C"].max()) * 2, 50)
    ax.plot(
        np.median(draws.N_opt(optimum[:, None]), axis=1),
        training.optimal_loss(study, optimum),
        color=style.INK,
        lw=1,
        ls="--",
        zorder=3,
    )
    style.panel(ax, "", "parameters $N$", "validation loss (nats/token)")
    return figure
