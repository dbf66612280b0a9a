"""Repeats: the same cells with other seeds, and the same runs on another processor."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis import seeds
from study.analysis.recipes import replicated
from study.analysis.study import Study
from study.analysis.tables import each, groups
from study.articles.shared import style, text, words
from study.inference.scores import rms

SMALL, LARGE = 0.5, 2.0  # times the s.d. between seeds: less is a small part of it, more is more than another seed


def eval_tokens(study: Study) -> str:
    """Validation tokens that every run was evaluated on."""
    return text.count(min(record.losses["validation"].tokens for record in study.records.values() if record.status == "complete"))


def pair_error(study: Study) -> str:
    """Standard error of the difference between neighbouring sizes of a budget, paired by document: the median, nats."""
    found = seeds.paired_errors(study)
    return text.median(found, text.two) if found else text.ABSENT


def pair_error_largest(study: Study) -> str:
    """The largest."""
    found = seeds.paired_errors(study)
    return text.two(max(found)) if found else text.ABSENT


def again(study: Study) -> str:
    """Runs trained again on another processor, as a word."""
    return words.capital(words.number_word(len(seeds.second_processor(replicated(study)))))


def of_grid(study: Study) -> str:
    """The grid that they are of."""
    return f"`{replicated(study).grid.name}`"


def processor(study: Study) -> str:
    """That processor."""
    return words.enumeration(sorted(set(seeds.second_processor(replicated(study))["cpu"])))


def same_bits(study: Study) -> str:
    """How many came out with the same bits."""
    return words.none_or(int(seeds.second_processor(replicated(study))["same"].sum()))


def _change(study: Study) -> float:
    rows = seeds.second_processor(replicated(study))
    return rms(rows["change"].to_numpy()) if len(rows) else float("nan")


def _by_seed(study: Study) -> float:
    """R.m.s. over the repeated runs of the s.d. between seeds of their budgets; nan where none is known."""
    twice = replicated(study)
    found = [sd for budget in seeds.second_processor(twice)["budget"] if np.isfinite(sd := seeds.seed_sd(twice, [budget])[0])]
    return rms(np.array(found)) if found else float("nan")


def change(study: Study) -> str:
    """How far the losses of the two processors differ (r.m.s.), percent."""
    return f"{100 * _change(study):.2g} %" if np.isfinite(_change(study)) else text.ABSENT


def largest_change(study: Study) -> str:
    """At most."""
    rows = seeds.second_processor(replicated(study))
    return f"{100 * float(rows['change'].abs().max()):.2g} %" if len(rows) else text.ABSENT


def seed_change(study: Study) -> str:
    """How far two seeds of a cell differ at these budgets (r.m.s.), percent."""
    return f"{100 * np.sqrt(2) * _by_seed(study):.2g} %" if np.isfinite(_by_seed(study)) else text.ABSENT


def order_of_adding(study: Study) -> str:
    """What the order in which a processor adds is worth beside another seed."""
    off, sd = _change(study), _by_seed(study)
    if not np.isfinite(off) or not np.isfinite(sd):
        return "of unknown weight beside another seed"
    return "a small part of another seed" if off < SMALL * sd else "as good as another seed" if off < LARGE * sd else \
        "**more** than another seed"


@style.drawn
def between_seeds(study: Study) -> Figure:
    """ln L of repeated cells about their mean, on the pooled s.d. between seeds of their budget."""
    cells = seeds.repeated(study)
    if not len(cells):
        return style.note("No cell of this grid has more than one finished seed yet.")
    figure, ax = style.canvas(7.0, 0.34 * len(cells) + 1.2)
    palette, rows = style.colours(study), seeds.runs(study)
    for y, cell in enumerate(each(cells)):
        mine = np.log(rows[(rows["N"] == cell.N) & (rows["D"] == cell.D)]["loss"])
        _band(ax, y, seeds.seed_sd(study, [cell.budget])[0])
        ax.plot(
            100 * (mine - mine.mean()), np.full(len(mine), y), "o", color=palette[cell.budget], ms=6, mec="white", mew=0.6
        )
    ax.axvline(0, color=style.MUTED, lw=0.8)
    ax.set_yticks(range(len(cells)), [f"{style.power(cell.budget)}, N = {style.short(cell.N)}" for cell in each(cells)])
    ax.set_ylim(-0.7, len(cells) - 0.3)
    style.panel(ax, "", "ln L about the mean of its cell (%); grey: one s.d. of its budget")
    return figure


def _band(ax: Axes, y: float, sd: float) -> None:
    ax.barh(y, 200 * sd, left=-100 * sd, height=0.9, color=style.GRID, zorder=0)


@style.drawn
def between_processors(study: Study) -> Figure:
    """Change of ln L between two processors by budget, beside the s.d. of the difference of two seeds."""
    twice = replicated(study)
    rows = seeds.second_processor(twice)
    if not len(rows):
        return style.note("No run of this grid is recorded on a second processor.")
    found = groups(rows, "budget")
    figure, ax = style.canvas(7.0, 0.34 * len(found) + 1.2)
    palette = style.colours(twice)
    for y, (budget, group) in enumerate(found):
        if (sd := seeds.seed_sd(twice, [budget]))[1]:
            _band(ax, y, np.sqrt(2) * sd[0])
        ax.plot(100 * group["change"], np.full(len(group), y), "o", color=palette[budget], ms=5, alpha=0.7, mec="white", mew=0.5)
    ax.axvline(0, color=style.MUTED, lw=0.8)
    ax.set_yticks(range(len(found)), [f"{style.power(budget)} FLOP" for budget, _ in found])
    ax.set_ylim(-0.7, len(found) - 0.3)
    style.panel(ax, "", "change of ln L (%); grey: one s.d. of the difference of two seeds")
    return figure
