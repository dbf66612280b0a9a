"""The headline under other choices, and without each run in turn."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import answers
from study.analysis.study import Study
from study.analysis.tables import each
from study.analysis.variants import LeftOut, Variant, not_fitted, variants, without_each
from study.articles.shared import style, text, words
from study.inference.posterior import IMPORTANCE, NUTS
from study.laws.errata import TARGET_N

if TYPE_CHECKING:
    from IPython.display import Markdown

SHORT = {NUTS: "NUTS", IMPORTANCE: "IS"}


def choices(study: Study) -> str:
    """Other choices that could be fitted, as a word."""
    return words.number_word(len(variants(study)))


def _middles(study: Study) -> list[float]:
    return [float(np.median(one.tokens)) for one in variants(study)]


def _exponents(study: Study) -> list[float]:
    return [float(np.median(one.a)) for one in variants(study)]


def lowest(study: Study) -> str:
    """The least median of the answer over them."""
    return text.count(min(_middles(study)))


def highest(study: Study) -> str:
    """The largest."""
    return text.count(max(_middles(study)))


def lowest_a(study: Study) -> str:
    """The least median of the exponent."""
    return text.significant(min(_exponents(study)))


def highest_a(study: Study) -> str:
    """The largest."""
    return text.significant(max(_exponents(study)))


def _most(study: Study) -> Variant:
    base = answers.middle_tokens(study)
    return max(variants(study), key=lambda one: abs(np.log(np.median(one.tokens) / base)))


def moves_most(study: Study) -> str:
    """The choice that moves the answer most."""
    return f"“{_most(study).name}”"


def factor(study: Study) -> str:
    """By what factor."""
    return text.two(float(np.median(_most(study).tokens)) / answers.middle_tokens(study))


def still(study: Study) -> words.Side:
    """Where that lies beside the headline's 95 % interval."""
    return words.lies(float(np.median(_most(study).tokens)), answers.tokens(study))


def missing(study: Study) -> str:
    """The choices that could not be fitted, where there are any."""
    return f"Not fitted on these runs: {words.enumeration(not_fitted(study))}." if not_fitted(study) else ""


def _matters(study: Study) -> LeftOut:
    base = float(np.median(study.fast.draws.D_opt_at(TARGET_N)))
    return max(without_each(study), key=lambda one: abs(np.log(one.middle / base)))


def one_run_factor(study: Study) -> str:
    """By what factor leaving out any one run moves the median at most."""
    base, middle = float(np.median(study.fast.draws.D_opt_at(TARGET_N))), _matters(study).middle
    return text.two(max(middle / base, base / middle))


def that_run(study: Study) -> str:
    """Which run that is."""
    run = next(row for row in each(study.fit) if row.run_id == _matters(study).run_id)
    return f"{text.count(run.N)} parameters at {text.power(run.budget)} FLOP"


@style.drawn
def tornado(study: Study) -> Figure:
    """D_opt at the target under every variant, ordered by how far its median moves."""
    found = variants(study)
    base = np.log(np.median(answers.tokens(study)))
    ordered = sorted(found, key=lambda variant: abs(np.log(np.median(variant.tokens)) - base))
    figure, ax = style.canvas(7.2, 0.33 * (len(ordered) + 1) + 1.0)
    style.bar(ax, len(ordered), answers.tokens(study), style.POSTERIOR)
    for y, variant in enumerate(ordered[::-1]):
        style.bar(ax, len(ordered) - 1 - y, variant.tokens, style.OTHER if variant.method == NUTS else style.PREDICTIVE)
    ax.axvline(np.exp(base), color=style.POSTERIOR, lw=0.8, ls=":")
    ax.set_yticks(range(len(ordered), -1, -1), ["headline", *(variant.name for variant in ordered[::-1])])
    ends = np.array([text.central(variant.tokens, 0.95) for variant in ordered])
    ax.set_xlim(max(ends.min() / 1.5, 1e6), min(ends.max() * 1.5, 1e17))
    style.log_axis(ax, "x")
    style.panel(ax, "", f"$D_{{opt}}$ at {style.short(TARGET_N)} parameters (tokens)")
    return figure


def table(study: Study) -> "Markdown":
    """Each variant's answer and exponent, and how it was drawn."""
    found = variants(study)
    base, method = answers.middle_tokens(study), IMPORTANCE if study.many is not study.posterior else study.headline.method
    head = Variant("**headline**", answers.tokens(study), np.asarray(study.many.draws.a), method)
    return text.table(
        [
            {
                "choice": variant.name,
                "$D_{opt}$ (tokens)": text.short(float(np.median(variant.tokens))),
                "95 %": text.interval(*text.central(variant.tokens), text.short),
                "× headline": text.significant(float(np.median(variant.tokens)) / base, 2),
                "a, 95 %": text.interval(*text.central(variant.a), text.two),
                "by": SHORT[variant.method],
            }
            for variant in (head, *found)
        ]
    )


@style.drawn
def drop_one(study: Study) -> Figure:
    """The answer without each run, in the plane's order."""
    found, palette = without_each(study), style.colours(study)
    figure, ax = style.canvas(7.2, 3.0)
    place = {run_id: row for row, run_id in enumerate(study.fit["run_id"])}
    rows = study.fit.sort_values(["budget", "N", "seed"])
    low, high = text.central(study.fast.draws.D_opt_at(TARGET_N))
    ax.axhspan(low, high, color=style.POSTERIOR, alpha=0.12, lw=0)
    ax.axhline(float(np.median(study.fast.draws.D_opt_at(TARGET_N))), color=style.POSTERIOR, lw=1)
    for x, (run_id, budget) in enumerate(zip(rows["run_id"], rows["budget"], strict=True)):
        one = found[place[run_id]]
        ax.plot([x, x], [one.low, one.high], color=palette[budget], lw=1.5)
        ax.plot([x], [one.middle], "o", color=palette[budget], ms=3.5)
    ax.set_ylim(min(one.low for one in found) / 1.3, max(one.high for one in found) * 1.3)
    style.log_axis(ax, "y")
    ax.set_xticks([])
    style.panel(ax, "", "the run left out, by budget and then by size", "$D_{opt}$ at the target (tokens)")
    return figure
