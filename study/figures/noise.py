"""How finely a loss is known: between seeds, between processors, and between neighbouring sizes on one validation set."""

import itertools
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import Analysis
from study.figures.design import colours
from study.figures.frames import complete, each, groups
from study.record import RunRecord, paired_difference
from study.verify import SAME_BITS, compare


def runs(study: Analysis) -> pd.DataFrame:
    """The grid's complete runs, and those that were added for their seeds alone."""
    return complete(pd.concat([study.frame, study.seeds], ignore_index=True) if len(study.seeds) else study.frame)


def repeated(study: Analysis) -> pd.DataFrame:
    """Cells run with more than one seed: budget, N, D, count, and s.d. of ln L between seeds."""
    rows = runs(study).assign(log_loss=lambda frame: np.log(frame["loss"]))
    cells = rows.groupby(["budget", "N", "D"]).agg(count=("loss", "size"), sd=("log_loss", "std")).reset_index()
    return cells[cells["count"] > 1].reset_index(drop=True)


def seed_sd(study: Analysis, budgets: Collection[float] | None = None) -> tuple[float, int]:
    """Pooled s.d. of ln L between seeds, of all budgets or of some, and its degrees of freedom; nan without repeats."""
    cells = repeated(study)
    if budgets is not None:
        cells = cells[cells["budget"].isin(budgets)]
    freedom = int((cells["count"] - 1).sum())
    if not freedom:
        return float("nan"), 0
    return float(np.sqrt((cells["sd"] ** 2 * (cells["count"] - 1)).sum() / freedom)), freedom


def seed_sd_at(study: Analysis, budget: float) -> tuple[float, int]:
    """The largest s.d. between seeds of any budget up to this one, and its degrees of freedom; nan without repeats.

    A budget's own is of few runs, and noise that grows with compute does not shrink beyond the last repeat.
    """
    found = [seed_sd(study, [one]) for one in study.budgets if one <= budget]
    return max((one for one in found if one[1]), default=(float("nan"), 0))


@style.drawn
def seeds(study: Analysis) -> Figure:
    """ln L of repeated cells about their mean, on the pooled s.d. between seeds of their budget."""
    cells = repeated(study)
    if not len(cells):
        return style.note("No cell of this grid has more than one finished seed yet.")
    figure, ax = style.canvas(7.0, 0.34 * len(cells) + 1.2)
    palette, rows = colours(study), runs(study)
    for y, cell in enumerate(each(cells)):
        mine = np.log(rows[(rows["N"] == cell.N) & (rows["D"] == cell.D)]["loss"])
        _band(ax, y, seed_sd(study, [cell.budget])[0])
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


def again(study: Analysis) -> pd.DataFrame:
    """Runs recorded again on another processor: budget, run_id, change (of ln L), and whether all bits are the same."""
    found = []
    for row in each(complete(study.frame)):
        first, second = study.records[row.run_id], study.again.get(row.run_id)
        if second is not None and second.losses:
            change = np.log(second.losses["validation"].nats_per_token / first.losses["validation"].nats_per_token)
            found.append({"budget": row.budget, "run_id": row.run_id, "change": float(change),
                          "same": compare(second, first, {}) == SAME_BITS})
    return pd.DataFrame(found, columns=["budget", "run_id", "change", "same"])


@style.drawn
def processors(study: Analysis) -> Figure:
    """Change of ln L between two processors by budget, beside the s.d. of the difference of two seeds."""
    rows = again(study)
    if not len(rows):
        return style.note("No run of this grid is recorded a second time, on another processor.")
    found = groups(rows, "budget")
    figure, ax = style.canvas(7.0, 0.34 * len(found) + 1.2)
    palette = colours(study)
    for y, (budget, group) in enumerate(found):
        if (sd := seed_sd(study, [budget]))[1]:
            _band(ax, y, np.sqrt(2) * sd[0])
        ax.plot(100 * group["change"], np.full(len(group), y), "o", color=palette[budget], ms=5, alpha=0.7, mec="white", mew=0.5)
    ax.axvline(0, color=style.MUTED, lw=0.8)
    ax.set_yticks(range(len(found)), [f"{style.power(budget)} FLOP" for budget, _ in found])
    ax.set_ylim(-0.7, len(found) - 0.3)
    style.panel(ax, "", "change of ln L (%); grey: one s.d. of the difference of two seeds of the budget")
    return figure


def reproduced(study: Analysis) -> str:
    """How far another processor moves a loss, beside another seed."""
    rows = again(study)
    if not len(rows):
        return "No run of this grid is recorded on a second processor."
    machines = sorted({study.again[run_id].provenance.cpu for run_id in rows["run_id"]})
    off = float(np.sqrt(np.mean(rows["change"] ** 2)))
    by_seed = [found[0] for budget in rows["budget"] if (found := seed_sd(study, [budget]))[1]]
    sd = float(np.sqrt(np.mean(np.square(by_seed)))) if by_seed else float("nan")
    same = int(rows["same"].sum())
    bits = f"{text.number_word(same)} with the same bits" if same else "none with the same bits"
    beside = (
        f", where two seeds of a cell at these budgets differ by {100 * np.sqrt(2) * sd:.2g} %: the order in which a processor "
        "adds is " + ("a small part of the noise between seeds" if off < 0.5 * sd else "as good as another seed" if off < 2 * sd
           else "**more** than another seed")
        if np.isfinite(sd) else ""
    )
    return (
        f"{text.number_word(len(rows)).capitalize()} runs of up to {text.power(float(rows['budget'].max()))} FLOP were trained "
        f"again on {text.enumeration(machines)}, {bits}. Their losses differ by {100 * off:.2g} % (r.m.s.) "
        f"and {100 * float(rows['change'].abs().max()):.2g} % at most{beside}."
    )


def paired_errors(isoflop: pd.DataFrame, records: Mapping[str, RunRecord]) -> list[float]:
    """Standard errors, paired by document, of the loss differences between neighbouring sizes of each budget."""
    losses = [[records[run_id].losses["validation"] for run_id in group.sort_values("N")["run_id"]]
              for _, group in groups(isoflop, "budget")]
    return [paired_difference(a, b)[1] for of_budget in losses for a, b in itertools.pairwise(of_budget)]
