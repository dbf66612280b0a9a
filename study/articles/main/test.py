"""The test: runs that the budgets below them foretold, before they were trained, and how they came out."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import foretold, recipes, seeds
from study.analysis.study import Study
from study.analysis.tables import groups
from study.articles.main.otherwise import FORMS
from study.articles.shared import style, text, words
from study.articles.shared.page import callout
from study.inference.intervals import LEVELS
from study.inference.parameters import Array
from study.inference.scores import rms
from study.predictions import MIXTURE

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown

# of the runs that an interval promises to hold, from which on its promise is called kept, and nearly so: 90 and 80 % for 95 %
KEPT, NEARLY = 0.9 / 0.95, 0.8 / 0.95
NONE = "No run of a held-out budget is recorded."
NOTHING = "No run that is recorded was foretold."
NAMES = {**FORMS, MIXTURE: "the equal mixture"}


def missing(study: Study) -> None:
    """A warning where the held-out budget is missing."""
    if not len(study.held_out):
        planned = words.number_word(len(study.grid.of("held-out")))
        callout("warning", "No held-out budget", f"The grid `{study.grid.name}` plans {planned} such runs. {NONE}")


def runs(study: Study) -> str:
    """Foretold runs that are trained."""
    return words.number_word(len(foretold.rows(study)))


def inside_95(study: Study) -> str:
    """How many fell inside their 95 % predictive interval."""
    return words.none_or(foretold.coverage(study)[0.95])


def inside_80(study: Study) -> str:
    """Inside the 80 % interval."""
    return words.none_or(foretold.coverage(study)[0.8])


def inside_50(study: Study) -> str:
    """Inside the 50 % interval."""
    return words.none_or(foretold.coverage(study)[0.5])


def promised(study: Study) -> str:
    """How many of them each interval promises to hold, from the widest to the narrowest."""
    return words.promised(len(foretold.rows(study)), sorted(LEVELS, reverse=True), words.none_or)


def promised_95(study: Study) -> str:
    """How many of them the 95 % interval promises to hold."""
    return words.promised(len(foretold.rows(study)), [0.95], words.none_or)


def better(study: Study) -> str:
    """How many came out better than predicted."""
    return words.none_or(foretold.better(study))


def times_beyond(study: Study) -> str:
    """The largest factor in compute from what was fitted to what was foretold."""
    return text.two(foretold.times_beyond(study)) if foretold.budgets(study) else text.ABSENT


def earlier(study: Study) -> str:
    """By grid of an earlier recipe, how many predicted runs fell inside their 95 % interval."""
    found = recipes.tests(study)
    other = found[found["grid"] != study.grid.name]
    return words.enumeration([f"in `{name}` {words.none_or(int(rows['inside_95'].sum()))} of {words.number_word(len(rows))}"
                              for name, rows in groups(other, "grid")])


def written(study: Study) -> str:
    """When the predictions were made."""
    found = foretold.budgets(study)
    before = [one for one in found if one.made]
    if not before:
        return "computed after the runs"
    if len(before) == len(found):
        return "written down before the first of their runs was begun"
    return "written down before the runs, but for the held-out budget"


def promise(study: Study) -> str:
    """What became of the law's 95 % interval one step beyond the runs."""
    return _promise(study, 0.95)


def _promise(study: Study, level: float) -> str:
    found = foretold.rows(study)
    if not len(found):
        return "not tested"
    share = foretold.coverage(study)[level] / len(found) / level
    return "kept" if share >= KEPT else "nearly kept" if share >= NEARLY else "**broken**"


def promise_of_half(study: Study) -> str:
    """What became of its 50 % interval, beside that."""
    wide, half = promise(study), _promise(study, 0.5)
    return f"as is that of the 50{text.NBSP}% interval" if wide == half else f"that of the 50{text.NBSP}% interval {half}"


def outside(study: Study) -> str:
    """The runs outside the 95 % interval: how many, of which sizes, on which side."""
    found = foretold.rows(study)
    missed = found[~found["inside_95"].astype(bool)]
    if not len(missed):
        return "none"
    sizes = list(dict.fromkeys(text.count(float(missed["N"].agg(end))) for end in ("min", "max")))
    budgets = words.enumeration([text.power(float(budget)) for budget in sorted(set(missed["budget"]))])
    below = int((missed["error"] < 0).sum())
    side = ("below" if below else "above") if below in (0, len(missed)) else f"{words.none_or(below)} of them below"
    return f"{words.number_word(len(missed))}, of {' to '.join(sizes)} parameters at {budgets} FLOP, {side} the prediction"


def error(study: Study) -> str:
    """The r.m.s. error of the predictions, percent of the loss."""
    return _percent(foretold.errors(study))


def common(study: Study) -> str:
    """Their mean error, percent of the loss."""
    found = foretold.errors(study)
    return f"{text.signed(100 * float(found.mean()), 1)} %" if len(found) else text.ABSENT


def error_in_seeds(study: Study) -> str:
    """The r.m.s. error in standard deviations between seeds, the largest of any budget."""
    sd, freedom = seeds.seed_sd_at(study, max(study.budgets))
    found = foretold.errors(study)
    return text.two(rms(found) / sd) if freedom and len(found) else text.ABSENT


def mixed(study: Study) -> str:
    """How many fell inside the 95 and the 50 % interval of the equal mixture of laws, and their r.m.s. error."""
    found = [one.mixed for one in foretold.budgets(study) if len(one.mixed)]
    if not found:
        return text.ABSENT
    inside = [sum(int(rows[f"inside_{level}"].sum()) for rows in found) for level in ("95", "50")]
    errors = np.concatenate([rows["error"].to_numpy(dtype=float) for rows in found])
    return f"{inside[0]} and {inside[1]} of {len(errors)}, with an r.m.s. error of {_percent(errors)}"


def mixture_promised(study: Study) -> str:
    """How many its 95 and 50 % intervals promise to hold."""
    count = sum(len(one.mixed) for one in foretold.budgets(study))
    return words.promised(count, (0.95, 0.5)) if count else text.ABSENT


def _percent(errors: Array) -> str:
    return f"{100 * rms(errors):.1f} %" if len(errors) else text.ABSENT


@style.drawn
def predicted(study: Study) -> Figure:
    """Measured losses about what was predicted of them, a panel a budget."""
    found = foretold.budgets(study)
    if not found:
        return style.note(NOTHING)
    figure, axes = style.canvas(7.2, 3.0, 1, len(found), squeeze=False, sharey=True)
    for ax, one in zip(axes[0], found, strict=True):
        rows = one.rows.sort_values("N")
        sizes = rows.drop_duplicates("N")  # one bar for all seeds of a size
        for level, width in (("95", 3.0), ("80", 5.5), ("50", 8.0)):
            low, high = (_off(sizes[f"{end}_{level}"], sizes["predicted"]) for end in ("low", "high"))
            ax.vlines(sizes["N"], low, high, color=style.PREDICTIVE, lw=width, alpha=0.4)
        ax.plot(rows["N"], _off(rows["loss"], rows["predicted"]), "s" if one.held_out else "o", color=style.HELD_OUT, ms=4.5,
                mec="white", zorder=5)
        ax.axhline(0, color=style.MUTED, lw=0.8)
        ax.set_xlim(rows["N"].min() / 1.5, rows["N"].max() * 1.5)
        style.log_axis(ax, "x", most=4)
        style.panel(ax, f"{style.power(one.budget)} FLOP{', held out' if one.held_out else ''}", "parameters $N$",
                    "measured / predicted − 1 (%)" if ax is axes[0][0] else "")
    return figure


def by_form(study: Study) -> "Markdown":
    """Form by form and budget by budget: the predicted runs inside the 95 and the 50 % interval, and the r.m.s. error."""
    found = [one for one in foretold.budgets(study) if one.made]
    if not found:
        return text.absent(NOTHING)
    return text.table([{"form": NAMES[form], **{f"{text.power(one.budget)} FLOP": _of_form(one, form) for one in found}}
                       for form in NAMES], left=("form",))


def _of_form(one: foretold.Foretold, form: str) -> str:
    rows = one.by_form.get(form)
    if rows is None:
        return text.ABSENT
    inside = [int(rows[f"inside_{level}"].sum()) for level in ("95", "50")]
    return f"{inside[0]} and {inside[1]} of {len(rows)}, {_percent(rows['error'].to_numpy(dtype=float))}"


def nearest_forms(study: Study) -> str:
    """The form of the least r.m.s. error at each budget."""
    least = {one.budget: min(one.by_form, key=lambda form: rms(one.by_form[form]["error"].to_numpy(dtype=float)))
             for one in foretold.budgets(study) if one.made}
    said = words.enumeration([f"{NAMES[form]} at {text.power(budget)}" for budget, form in least.items()])
    return f"{said} FLOP" if least else text.ABSENT


def _off(values: "pd.Series[float]", middle: "pd.Series[float]") -> Array:
    return np.asarray(100 * (values / middle - 1), dtype=float)


def table(study: Study) -> "Markdown":
    """The foretold runs by budget: what their prediction rested on, and how they came out."""
    found = foretold.budgets(study)
    if not found:
        return text.absent(NOTHING)
    return text.table([
        {"budget (FLOP)": text.power(one.budget) + (", held out" if one.held_out else ""),
         "written": one.made[:10] or "after the runs", "fitted": f"{one.fitted}",
         "C, times": text.two(one.times), "runs": f"{len(one.rows)}",
         "in 95 %": f"{int(one.rows['inside_95'].sum())}", "in 50 %": f"{int(one.rows['inside_50'].sum())}",
         "r.m.s.": _percent(one.rows["error"].to_numpy(dtype=float)),
         "mean": f"{text.signed(100 * float(one.rows['error'].mean()), 1)} %",
         "mixture, 95 / 50 %": f"{int(one.mixed['inside_95'].sum())} / {int(one.mixed['inside_50'].sum())}"
                                      if len(one.mixed) else text.ABSENT}
        for one in found])
