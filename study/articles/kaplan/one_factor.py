"""Loss against one factor at a time: compute at the optimum, text at a fixed size, size on fixed text (Kaplan, figure 1)."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.one_factor import OneFactor, at_fixed, frontier, ols_slope, one_factor
from study.analysis.tables import groups
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.shared.words import none_or, number_word
from study.articles.verdict import Verdict, middle, with_interval
from study.laws.law import LawError
from study.laws.power import KAPLAN_ONE_FACTOR, doubling

SLICES = 3  # values of the other factor at which a slice is read
BLOG_DOUBLING = 0.034


@lru_cache(maxsize=4)
def compute(study: Kaplan) -> OneFactor | None:
    """Loss at the optimum of each budget; None with fewer than four budgets."""
    try:
        return one_factor(frontier(study.path), "C", bytes_per_token=study.bytes_per_token)
    except LawError:
        return None


@lru_cache(maxsize=4)
def by_size(study: Kaplan) -> tuple[tuple[float, OneFactor], ...]:
    """(D, loss against N) at up to three amounts of text that four sizes or more span."""
    return tuple(_slices(study, "N", "D"))


@lru_cache(maxsize=4)
def by_text(study: Kaplan) -> tuple[tuple[float, OneFactor], ...]:
    """(N, loss against D) at up to three sizes with four amounts of text or more, smallest, middle and largest."""
    return tuple(_slices(study, "D", "N"))


def _slices(study: Kaplan, factor: str, fixed: str) -> list[tuple[float, OneFactor]]:
    rows = study.design
    if fixed == "N":
        tables = {value: _of_size(group) for value, group in groups(rows, "N")}
    else:
        values = np.geomspace(rows["D"].quantile(0.15), rows["D"].quantile(0.85), 7)
        tables = {float(value): at_fixed(rows, factor, fixed, float(value)) for value in values}
    usable = {value: points for value, points in tables.items() if points[factor].nunique() >= 4}
    names = list(usable)
    chosen = [names[i] for i in dict.fromkeys(np.linspace(0, len(names) - 1, SLICES).round().astype(int))] if names else []
    return [(value, one_factor(usable[value], factor, bytes_per_token=study.bytes_per_token)) for value in chosen]


def _of_size(group: pd.DataFrame) -> pd.DataFrame:
    logs = group.assign(loss=np.log(group["loss"].to_numpy(dtype=float))).groupby("D", as_index=False)["loss"].mean()
    return logs.assign(loss=np.exp(logs["loss"]))


@style.drawn
def three(study: Kaplan) -> Figure:
    """L against C, D and N, with the power law that has a floor and its 95 % interval."""
    figure, axes = style.canvas(7.4, 3.1, 1, 3, sharey=True)
    at_optimum = compute(study)
    families = ([(float("nan"), at_optimum)] if at_optimum else [], by_text(study), by_size(study))
    names = ("$C = 6ND$ (FLOP), best size", "$D$ (tokens), at three sizes", "$N$, at three amounts of text")
    for ax, family, name, form in zip(axes, families, names, (style.power, style.short, style.short), strict=True):
        for (value, found), colour in zip(family, (style.POSTERIOR, style.KAPLAN, style.HOFFMANN), strict=False):
            _draw(ax, found, colour, "" if np.isnan(value) else style.short(value))
        style.log_axis(ax, "x", form, most=4)
        style.panel(ax, "", name)
    axes[0].set_ylabel("loss (nats/token)")
    axes[0].set_yscale("log")
    style.log_axis(axes[0], "y", style.plain, most=6)
    return figure


def _draw(ax: Axes, found: OneFactor, colour: str, label: str) -> None:
    x = found.points[found.factor].to_numpy(dtype=float)
    at = np.geomspace(x.min(), x.max(), 40)
    style.fan(ax, at, found.floor.mean({found.factor: at}).T, colour, levels=(0.95,))
    ax.plot(x, found.points[found.response], "o", color=colour, ms=3.5, label=label)
    ax.set_xscale("log")
    if label:
        ax.legend(fontsize=7)


def table(study: Kaplan) -> object:
    """Each slice: pure exponent with interval, local exponent at its end with a floor, and which law is preferred."""
    rows = []
    at_optimum = compute(study)
    families = (("C", [(float("nan"), at_optimum)] if at_optimum else []), ("D", by_text(study)), ("N", by_size(study)))
    for factor, family in families:
        for value, found in family:
            end = float(found.points[factor].max())
            rows.append({"factor": f"${factor}$", "other fixed at": text.ABSENT if np.isnan(value) else text.count(value),
                         "least squares": text.significant(-ols_slope(found.points, factor)),
                         "α, no floor": with_interval(found.pure.theta["alpha"]),
                         "α, with E": with_interval(found.floor.theta["alpha"]),
                         "local at the end": with_interval(found.slope(end)),
                         "elpd, with E − without": f"{text.signed(found.gap[0], 1)} ± {found.gap[1]:.1f}"})
    return text.table(rows) if rows else text.absent("too few budgets")


def preferred(found: OneFactor) -> str:
    """Which of the two laws predicts left-out runs better: "with a floor", "without a floor" or "neither"."""
    gap, error = found.gap
    return "neither" if abs(gap) < 2 * error else "with a floor" if gap > 0 else "without a floor"


def verdict(study: Kaplan) -> Verdict:
    """Kaplan's pure power laws, judged by compute at its optimum: the slice in which no other factor is held fixed."""
    found = compute(study)
    if found is None:
        return Verdict("kaplan-powers", "pure power laws", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    gap, error = found.gap
    return Verdict("kaplan-powers", "no floor", f"elpd {text.signed(gap, 1)} ± {error:.1f} for a floor in C",
                   "contradicted" if preferred(found) == "with a floor" else "reproduced", gap, f"`{study.grid}`")


def floors(study: Kaplan) -> str:
    """How many of the slices at a fixed size or text are predicted better with a floor, and of how many."""
    slices = [one for _, one in (*by_text(study), *by_size(study))]
    return f"{none_or(sum(preferred(one) == 'with a floor' for one in slices))} of {number_word(len(slices))}"


def budgets(study: Kaplan) -> str:
    """The points of the slice in compute."""
    found = compute(study)
    return text.ABSENT if found is None else number_word(len(found.points))


def figure_one(study: Kaplan) -> Verdict:
    """The exponent of L in C at the optimum beside Kaplan's."""
    found, (alpha, _) = compute(study), KAPLAN_ONE_FACTOR["C_min"]
    if found is None:
        return Verdict("figure-1", f"exponent in C {alpha:g}", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    draws = found.pure.theta["alpha"]
    low, high = text.central(draws)
    return Verdict("figure-1", f"exponent in C {alpha:g}", with_interval(draws),
                   "reproduced" if low <= alpha <= high else "contradicted", middle(draws), f"`{study.grid}`")


def doubling_verdict(study: Kaplan) -> Verdict:
    """Doubling compute at the optimum lowers the loss by so much."""
    found = compute(study)
    claimed = text.percent(BLOG_DOUBLING, 1)
    if found is None:
        return Verdict("blog-doubling", claimed, text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    draws = doubling(found.pure.theta["alpha"])
    low, high = text.central(draws)
    return Verdict("blog-doubling", claimed, with_interval(draws, lambda x: text.percent(x, 1)),
                   "reproduced" if low <= BLOG_DOUBLING <= high else "contradicted", middle(draws), f"`{study.grid}`")
