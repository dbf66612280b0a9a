"""Two texts of known entropy: what the fitted E is of them, and what knowing it would be worth."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import entropy, foretold
from study.analysis.study import Study
from study.articles.shared import style, text, words
from study.articles.shared.page import callout
from study.grids import grid

if TYPE_CHECKING:
    from IPython.display import Markdown

NONE = "No grid on a text of known entropy is recorded."
NAMES = {"hoffmann": "Hoffmann's law", "nesting": "the nesting law", entropy.HUBER: "approach 3"}
NESTING = entropy.FORMS[1]
Found = list[tuple[entropy.Source, entropy.Floor]]
MARKERS = {"hoffmann": "o", "nesting": "s", entropy.HUBER: "x"}


def missing(study: Study) -> None:
    """A note that names the grids that are not recorded, or not whole."""
    whole = {source.name for source in entropy.sources(study) if len(source.rows) == source.planned}
    if left := [name for name in entropy.SOURCES if name not in whole]:
        commands = words.enumeration([f"`study run --grid {name}`" for name in left])
        callout("warning", "Runs are missing", f"Still to train: {commands}.")


def recorded(study: Study) -> str:
    """Runs on each of the texts, of those that its design fits."""
    return words.enumeration([f"`{source.name}` ({len(source.rows)} of {source.planned})" for source in entropy.sources(study)])


def held(study: Study) -> str:
    """In how many of the texts the 95 % interval of E, by the headline's form from all budgets, holds the entropy."""
    return _held(entropy.last(study))


def held_nesting(study: Study) -> str:
    """The same by the form that nests it and Kaplan's."""
    return _held(entropy.last(study, NESTING))


def _held(found: Found) -> str:
    inside = sum(floor.low <= source.entropy <= floor.high for source, floor in found)
    return f"{words.none_or(inside)} of {words.number_word(len(found))}" if found else text.PENDING


def off(study: Study) -> str:
    """By how much the median of E misses, percent of the entropy, a text each."""
    return _off(entropy.last(study))


def off_nesting(study: Study) -> str:
    """The same by the nesting form."""
    return _off(entropy.last(study, NESTING))


def _off(found: Found) -> str:
    return words.enumeration([f"{text.signed(100 * (floor.E / source.entropy - 1), 0)}{text.NBSP}% on `{source.name}`"
                              for source, floor in found]) if found else text.PENDING


def contexts(study: Study) -> str:
    """How many contexts each text has, what its chain remembers: a text each."""
    found = [f"{text.count(source.contexts)} (`{source.name}`)" for source in entropy.sources(study)]
    return words.enumeration(found) if found else text.PENDING


def largest(study: Study) -> str:
    """Parameters of the largest model that is fitted."""
    found = [float(source.rows["N"].max()) for source in entropy.sources(study)]
    return text.count(max(found)) if found else text.PENDING


def misfit(study: Study) -> str:
    """How far Hoffmann's form lies off the runs on a drawn text and off those of the same cells on the study's own, a text each."""
    found = [f"{text.two(one.misfit[0])} and {text.two(one.misfit[1])}{text.NBSP}% (`{one.source}`, {one.cells} cells)"
             for one in entropy.beside(study)]
    return words.enumeration(found) if found else text.PENDING


def lead(study: Study) -> str:
    """By how much elpd the nesting form leads on the same runs, a text each."""
    found = [f"{text.signed(one.lead[0], 1)} and {text.signed(one.lead[1], 1)} (`{one.source}`)" for one in entropy.beside(study)]
    return words.enumeration(found) if found else text.PENDING


def truer(study: Study) -> str:
    """On how many texts the form of the higher elpd has the truer E."""
    found = entropy.truer(study)
    return f"{words.none_or(sum(found))} of {words.number_word(len(found))}" if found else text.PENDING


def worth(study: Study) -> str:
    """The answer with E held at the entropy over that with E free, a text each."""
    found = [(source.name, entropy.worth(source)) for source in entropy.sources(study)]
    factors = [f"{text.two(value.factor)} on `{name}`" for name, value in found if value]
    return words.enumeration(factors) if factors else text.PENDING


def _tested(study: Study) -> list[str]:
    return [source.name for source in entropy.sources(study) if len(source.scores)]


def texts(study: Study) -> str:
    """The texts on which held-out runs are recorded: one, or several."""
    return "texts" if len(_tested(study)) > 1 else "a text"


def orders(study: Study) -> str:
    """After how many tokens of the study's own text they are drawn."""
    found = [name.rpartition("-")[2] for name in _tested(study)]
    return words.enumeration([words.number_word(int(order)) for order in found]) if found else text.PENDING


def held_out_budget() -> str:
    """The compute of the held-out runs, FLOP."""
    return text.power(grid(entropy.SOURCES[0]).of("held-out")[0].budget)


def inside(study: Study) -> str:
    """Held-out runs inside their 95 % predictive interval, of how many."""
    return _inside(study, "inside_95")


def inside_half(study: Study) -> str:
    """The same of the 50 % interval."""
    return _inside(study, "inside_50")


def _inside(study: Study, column: str) -> str:
    hits, runs = _scored(study, column)
    return f"{words.none_or(hits)} of {words.number_word(runs)}" if runs else text.PENDING


def _scored(study: Study, column: str) -> tuple[int, int]:
    """Held-out runs inside an interval, and all of them."""
    scored = [source.scores for source in entropy.sources(study) if len(source.scores)]
    return sum(int(frame[column].sum()) for frame in scored), sum(map(len, scored))


def whose(study: Study) -> str:
    """Whether fewer of the runs on the study's own text than of those on the drawn ones fell inside their 50 % interval.

    An open question until all held-out runs of a drawn text are recorded.
    """
    (hits, runs), own = _scored(study, "inside_50"), len(foretold.rows(study))
    planned = sum(len(grid(name).of("held-out")) for name in _tested(study))
    if not own or not runs or runs < planned:
        return "an open question"
    return "the text's more than the method's" if hits / runs > foretold.coverage(study)[0.5] / own else "no less the method's"


@style.drawn
def by_range(study: Study) -> Figure:
    """E by the largest budget that is fitted, by method, against the entropy."""
    found = entropy.floors(study)
    if not found:
        return style.note(NONE)
    figure, axes = style.canvas(7.2, 3.4, 1, len(found), squeeze=False)
    colours = dict(zip(NAMES, style.size_colours(range(len(NAMES))).values(), strict=True))
    for ax, (source, floors) in zip(axes[0], found, strict=True):
        for k, form in enumerate(NAMES):
            some = [floor for floor in floors if floor.form == form]
            x = np.array([floor.largest for floor in some]) * 1.12 ** (k - 1)
            ax.vlines(x, [floor.low for floor in some], [floor.high for floor in some], color=colours[form], lw=2.5, alpha=0.6)
            ax.plot(x, [floor.E for floor in some], MARKERS[form], color=colours[form], ms=5, label=NAMES[form])
        ax.axhline(source.entropy, color=style.MUTED, ls="--", lw=1)
        ax.text(0.02, source.entropy, "the entropy", transform=ax.get_yaxis_transform(), color=style.MUTED, va="bottom")
        ax.set_xlim(source.budgets[entropy.FEWEST_BUDGETS - 1] / 4, source.budgets[-1] * 1.6)  # the words stand left of the points
        style.log_axis(ax, "x", style.power, most=4)
        style.panel(ax, source.name, "largest budget fitted (FLOP)", "$E$ (nats/token)")
    axes[0][0].legend(loc="lower right")
    return figure


def table(study: Study) -> "Markdown":
    """E by text, method and range of budgets."""
    rows = []
    for source, floors in entropy.floors(study):
        for floor in floors:
            point = floor.form == entropy.HUBER
            rows.append({
                "text": source.name, "entropy": f"{source.entropy:.4f}", "method": NAMES[floor.form],
                "budgets up to (FLOP)": text.power(floor.largest), "runs": str(floor.runs), "E (nats)": f"{floor.E:.3f}",
                "95 %": text.ABSENT if point else text.interval(floor.low, floor.high, lambda x: f"{x:.3f}"),
                "holds it": "" if point else "yes" if floor.low <= source.entropy <= floor.high else "no",
            })
    return text.table(rows, left=("text", "method")) if rows else text.absent(NONE)
