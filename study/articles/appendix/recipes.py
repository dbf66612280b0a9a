"""Three grids, one question: is there a step in the range of the runs, where does it lie, and what does it do to a prediction?"""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import kink, recipes
from study.analysis.recipes import FIRST, GRIDS, KINDS, PARTS, SECOND, THIRD
from study.analysis.study import Study
from study.analysis.tables import groups
from study.articles.shared import style, text, words
from study.articles.shared.page import callout
from study.grids import grid
from study.grids.design import language_config
from study.grids.recipe import KINK, KINK_BUDGET
from study.inference.scores import rms

if TYPE_CHECKING:
    from IPython.display import Markdown

COLOURS = {FIRST: style.HELD_OUT, SECOND: style.PREDICTIVE, THIRD: style.POSTERIOR}
NAMES = {FIRST: "first grid", SECOND: "second grid", THIRD: "third grid"}
MARKERS = {"window": "o", "text": "s", "new": "^"}
SAYS = {"window": "copied from the window", "text": "seen in the training text", "new": "neither"}


def missing(study: Study) -> None:
    """A warning that names the grids of this chapter that are not recorded, or not whole; the second was stopped for good."""
    counts = {name: (len(study.frame_of(name)), len(grid(name).planned)) for name in GRIDS if name != SECOND}
    measured = recipes.parts(study)
    counts |= {name: (int((measured["grid"] == recipe).sum()) // len(KINDS), len(grid(name).cells))
               for recipe, name in PARTS.items()}
    left = [f"`{name}` ({done} of {planned} runs recorded)" for name, (done, planned) in counts.items() if done < planned]
    if left:
        callout("warning", "Runs are missing", f"Not whole: {words.enumeration(left)}.")


def recorded_second(study: Study) -> str:
    """How many runs of the second grid are recorded, of those that were planned."""
    return f"{len(study.frame_of(SECOND))} of {len(grid(SECOND).planned)}"


def window_first() -> str:
    """Tokens of a window of the first grid."""
    return f"{language_config(grid(FIRST).cells[0].config).context}"


def window_second() -> str:
    """And of the second."""
    return f"{language_config(grid(SECOND).cells[0].config).context}"


def _beyond(study: Study, name: str) -> str:
    found = [one.beyond for one in recipes.frontiers(study) if one.grid == name]
    return f"{text.signed(100 * found[0], 1)}{text.NBSP}%" if found and np.isfinite(found[0]) else text.PENDING


def beyond_first(study: Study) -> str:
    """How far the lowest loss of the largest budget lies off the line of the others, in the first grid."""
    return _beyond(study, FIRST)


def beyond_second(study: Study) -> str:
    """The same in the second."""
    return _beyond(study, SECOND)


def beyond_third(study: Study) -> str:
    """The same in the third."""
    return _beyond(study, THIRD)


def _error(study: Study, name: str) -> str:
    rows = recipes.tests(study)
    rows = rows[(rows["grid"] == name) & rows["held_out"].astype(bool)]
    return f"{100 * rms(rows['error'].to_numpy(dtype=float)):.1f}{text.NBSP}%" if len(rows) else text.PENDING


def error_first(study: Study) -> str:
    """The r.m.s. error of the predictions of the held-out runs, of the first grid."""
    return _error(study, FIRST)


def error_third(study: Study) -> str:
    """The same of the third."""
    return _error(study, THIRD)


def _fall(study: Study, kind: str) -> str:
    rows = recipes.parts(study)
    rows = rows[(rows["grid"] == SECOND) & (rows["part"] == kind)].sort_values("budget")
    return text.two(float(rows["loss"].iloc[-2] - rows["loss"].iloc[-1])) if len(rows) > 1 else text.PENDING


def second_fall_window(study: Study) -> str:
    """By how many nats the loss on copied tokens falls in the last recorded step of the second grid's path."""
    return _fall(study, "window")


def second_fall_new(study: Study) -> str:
    """And on tokens of neither kind."""
    return _fall(study, "new")


@style.drawn
def frontiers(study: Study) -> Figure:
    """The lowest loss of each budget by grid, with the line through all but the last, and the noise between seeds."""
    found = recipes.frontiers(study)
    if not found:
        return style.note("None of the grids is recorded.")
    figure, (left, right) = style.canvas(7.2, 3.3, 1, 2)
    for one in found:
        colour = COLOURS[one.grid]
        left.plot(one.C, one.loss, "o", color=colour, ms=5, label=NAMES[one.grid])
        if len(one.C) > 3:
            slope, level = np.polyfit(np.log(one.C[:-1]), np.log(one.loss[:-1]), 1)
            left.plot(one.C, np.exp(level + slope * np.log(one.C)), color=colour, lw=1)
        rows = recipes.seed_sds(study)
        rows = rows[rows["grid"] == one.grid]
        right.plot(rows["budget"], 100 * rows["sd"], "o-", color=colour, ms=5, lw=1)
    for ax in (left, right):
        style.log_axis(ax, "x", style.power, most=5)
    style.log_axis(left, "y")
    right.set_ylim(bottom=0)
    left.legend(loc="best")
    style.panel(left, "lowest loss", "compute (FLOP)", "validation loss (nats/token)")
    style.panel(right, "between seeds", "compute (FLOP)", "s.d. of ln L (%)")
    return figure


@style.drawn
def parts(study: Study) -> Figure:
    """Loss on three kinds of tokens along the optimum, a panel a grid."""
    rows = recipes.parts(study)
    if not len(rows):
        return style.note("No run has its loss in parts recorded.")
    names = [name for name in (FIRST, SECOND) if name in set(rows["grid"])]
    figure, axes = style.canvas(7.2, 3.3, 1, len(names), squeeze=False, sharey=True)
    for ax, name in zip(axes[0], names, strict=True):
        mine = rows[rows["grid"] == name].sort_values("budget")
        for kind in KINDS:
            one = mine[mine["part"] == kind]
            ax.plot(one["budget"], one["loss"], MARKERS[kind] + "-", color=COLOURS[name], ms=5, lw=1,
                    label=f"{SAYS[kind]} ({text.percent(float(one['share'].mean()))})")
        style.log_axis(ax, "x", style.power, most=5)
        ax.legend(loc="best")
        style.panel(ax, NAMES[name], "compute (FLOP)", "loss (nats/token)")
    return figure


def table(study: Study) -> "Markdown":
    """The predicted runs of the grids by budget, with what was predicted of them."""
    rows = recipes.tests(study)
    if not len(rows):
        return text.absent("No predicted run is recorded.")
    return text.table([
        {"grid": NAMES[str(name)].removesuffix(" grid"), "budget (FLOP)": text.power(float(budget)), "runs": str(len(mine)),
         "inside 95 %": str(int(mine["inside_95"].sum())), "inside 50 %": str(int(mine["inside_50"].sum())),
         "r.m.s. error of ln L": f"{100 * rms(mine['error'].to_numpy(dtype=float)):.1f} %",
         "measured over predicted": text.interval(float(np.exp(mine["error"].min())), float(np.exp(mine["error"].max())),
                                                  lambda x: f"{x:.3f}")}
        for name, of_grid in groups(rows, "grid") for budget, mine in groups(of_grid, "budget")])


def kink_budget() -> str:
    """The budget at which two neighbouring widths part, FLOP."""
    return text.power(KINK_BUDGET)


def kink_wide() -> str:
    """The wider of the two."""
    return f"{max(KINK)}"


def kink_narrow() -> str:
    """And the narrower."""
    return f"{min(KINK)}"


def kink_fall(study: Study) -> str:
    """By how many nats the wider of them lies below the narrower."""
    return text.two(kink.fall(study))


def kink_before(study: Study) -> str:
    """The same at the budget below."""
    return text.two(kink.fall(study, 1e13))


def _cause(study: Study, width: int) -> str:
    found = kink.causes(study, width)
    names = {"heads": "the number of heads", "batch": "the batch"}
    return text.PENDING if found is None else words.enumeration([names[factor] for factor in found]) if found else "neither"


def kink_given(study: Study) -> str:
    """Which factor of the wider makes up at least half of the difference in the narrower."""
    return _cause(study, min(KINK))


def kink_taken(study: Study) -> str:
    """And which factor of the narrower in the wider."""
    return _cause(study, max(KINK))


def kink_table(study: Study) -> "Markdown":
    """The runs of the two widths with one factor of the other."""
    found = kink.changed(study)
    if not found:
        return text.absent("No such run is recorded.")
    return text.table([
        {"width d": f"{one.width}", "changed": one.factor, "to": f"{one.value:,}", "own loss": f"{one.own:.4f}",
         "loss": f"{one.loss:.4f}", "difference (%)": text.signed(100 * float(np.log(one.loss / one.own)))} for one in found])
