"""The same runs, read otherwise: the law's misfit, other forms of it, other estimators, other counts of N."""

import re
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import answers, approaches, forms, misfit, seeds
from study.analysis.study import TARGET_N, Study
from study.analysis.variants import CONSTANT, NON_EMBEDDING, TOTAL, variant
from study.articles.shared import style, text, words
from study.grids.design import language_config
from study.inference.digits import Estimate
from study.inference.parameters import Array
from study.inference.posterior import KHAT
from study.laws.published import published_law

if TYPE_CHECKING:
    from IPython.display import Markdown

FORMS = {"hoffmann": "Hoffmann's form", "kaplan": "Kaplan's form", "nesting": "the nesting family"}
COLOURS = {"hoffmann": style.POSTERIOR, "kaplan": style.KAPLAN, "nesting": style.REFIT}
ONE_SIDED = 0.75  # of a budget's runs on one side of the law: with the runs there are, rarely by chance
GROWN = 1.5  # times the seeds' s.d. of the budgets below, from which on that of the largest is said to have grown
IMPOSSIBLE, HALF = 0.025, 0.5  # share of draws whose E lies above a measured loss, from which on that may be so, and is
ASPECT = 64  # width over layers of a usual model of the target's size


def misses(study: Study) -> str:
    """The mean residual of each fitted budget, percent of the loss, ascending in compute."""
    return words.enumeration([text.signed(mean, 1) for mean in misfit.by_budget(study)["mean"]])


def top_runs(study: Study) -> str:
    """Runs of the largest fitted budget."""
    return words.number_word(int(misfit.by_budget(study).iloc[-1]["runs"]))


def top_below(study: Study) -> str:
    """How many of them lie below the law."""
    return words.none_or(int(misfit.by_budget(study).iloc[-1]["below"]))


def pace(study: Study) -> str:
    """What follows where the runs of the largest budget lie on one side of the law."""
    last = misfit.by_budget(study).iloc[-1]
    below = last["below"] / last["runs"]
    if ONE_SIDED > below > 1 - ONE_SIDED:
        return ""
    return f": there the loss falls {'faster' if below >= ONE_SIDED else 'more slowly'} than the law can follow"


def scale_growth(study: Study) -> str:
    """The noise scale's factor a decade of compute."""
    return text.two(float(np.exp(np.median(study.posterior.parameters.g))))


def scale_cause(study: Study) -> str:
    """Whether noise between seeds grows as the noise scale does."""
    (below, _), (at_top, freedom) = seeds.below_and_at_the_top(study)
    if not freedom or not np.isfinite(below):
        return "noise between seeds at the largest budget is unknown"
    return "noise between seeds grows too" if at_top > GROWN * below else "noise between seeds does not grow"


def constant_factor(study: Study) -> str:
    """The answer under a constant noise scale over the headline's."""
    found = variant(study, CONSTANT)
    return text.ABSENT if found is None else text.two(float(np.median(found.tokens)) / answers.middle_tokens(study))


def share_above(study: Study) -> str:
    """The share of draws whose irreducible loss lies above the lowest measured one."""
    return text.percent(misfit.share_above(study))


def lowest_loss(study: Study) -> str:
    """That loss, nats a token, and which run had it."""
    best = misfit.best_run(study)
    kind = "held-out" if best["split"] == "held-out" else "fitted"
    return f"{best['loss']:.2f} nats a token, by a {kind} run"


def floor(study: Study) -> str:
    """What follows where that share is not small."""
    share = misfit.share_above(study)
    if share < IMPOSSIBLE:
        return ""
    return f": a run {'has' if share > HALF else 'may have'} reached a loss below the fitted irreducible loss"


def compared_forms(study: Study) -> str:
    """Forms of the law that were fitted, as a word."""
    return words.number_word(len(forms.laws(study)))


def mixed(study: Study) -> str:
    """The answer over the forms, equally weighted."""
    return _held(forms.equal(study))


def _held(found: Estimate) -> str:
    return f"{text.held(found)} {text.held_ends(found)}"


def _middles(study: Study) -> list[Estimate]:
    return sorted((forms.asked(study, law) for law in forms.laws(study)), key=lambda found: found.median)


def lowest_form(study: Study) -> str:
    """The least median of a form."""
    return text.held(_middles(study)[0])


def highest_form(study: Study) -> str:
    """The largest."""
    return text.held(_middles(study)[-1])


def _ranked(study: Study) -> list[str]:
    found = forms.comparison(study)
    return [] if found is None else [str(name) for name in found.index]


def best_form(study: Study) -> str:
    """The form of the highest leave-one-out density."""
    return words.capital(FORMS[_ranked(study)[0]]) if _ranked(study) else "No form that was compared"


def best_answer(study: Study) -> str:
    """What it answers."""
    return _held(forms.asked(study, _ranked(study)[0])) if _ranked(study) else text.ABSENT


def second_form(study: Study) -> str:
    """The next."""
    return FORMS[_ranked(study)[1]] if _ranked(study) else "any other"


def _lead(study: Study) -> tuple[float, float]:
    found = forms.comparison(study)
    return (float("nan"),) * 2 if found is None else tuple(map(float, found.iloc[1][["elpd_diff", "dse"]]))  # type: ignore[return-value]


def lead(study: Study) -> str:
    """By how much elpd it leads, and the standard error."""
    gap, error = _lead(study)
    return f"{text.two(gap)} ± {text.two(error)}"


def lead_clear(study: Study) -> str:
    """Whether that is more than two standard errors."""
    gap, error = _lead(study)
    return "more than" if gap > 2 * error else "within"


def form_khat(study: Study) -> str:
    """The largest Pareto k-hat of the forms' leave-one-out densities."""
    khats = [forms.largest_khat(study, law) for law in _ranked(study)]
    return f"{max(khats):.2f}" if khats else text.ABSENT


def ranking(study: Study) -> str:
    """What that makes of the ranking."""
    worst = max((forms.largest_khat(study, law) for law in _ranked(study)), default=float("inf"))
    return "a hint, no measurement" if worst > KHAT else "to be trusted"


def _estimates(study: Study) -> list[float]:
    return [one.tokens for one in approaches.others(study)] or [float("nan")]


def lowest_estimate(study: Study) -> str:
    """The least answer of another estimator of the law."""
    return text.short(min(_estimates(study)))


def highest_estimate(study: Study) -> str:
    """The largest."""
    return text.short(max(_estimates(study)))


def estimates_lie(study: Study) -> str:
    """On which side of the headline's median they all lie, if they do."""
    low, high, ours = min(_estimates(study)), max(_estimates(study)), answers.middle_tokens(study)
    return ", all above its median" if low > ours else ", all below its median" if high < ours else ""


def outside(study: Study) -> str:
    """The approaches whose answer falls outside the posterior's interval."""
    found = [one.name for one in approaches.others(study) if words.lies(one.tokens, answers.tokens(study)) != "inside"]
    return words.enumeration(list(dict.fromkeys(re.sub(r"^\d: |,.*", "", name) for name in found)))


def approach_table(study: Study) -> "Markdown":
    """The exponent and the answer by every approach."""

    def number(x: float, digits: int = 3) -> str:
        return text.significant(x, digits) if np.isfinite(x) else text.ABSENT

    return text.table([
        {
            "approach": found.name,
            "a": number(found.a),
            "s.e.": number(found.se, 2),
            f"$D_{{opt}}$ at {text.count(TARGET_N)} (tokens)": text.count(found.tokens),
            "95 %": text.ABSENT if found.interval is None else text.interval(*found.interval, text.count),
        }
        for found in approaches.approaches(study)
    ])


def _exponent(study: Study, name: str) -> Array:
    found = variant(study, name)
    return np.asarray(study.posterior.draws.a) if found is None else found.a


def _shown(draws: Array) -> str:
    return f"{text.median(draws, text.two)} {text.ends(draws, text.two)}"


def _holds(key: str, draws: Array) -> str:
    return "includes" if words.lies(published_law(key).a, draws) == "inside" else "excludes"


def a_without_embedding(study: Study) -> str:
    """The exponent with N counted as Kaplan et al. do."""
    return _shown(_exponent(study, NON_EMBEDDING))


def kaplan_a() -> str:
    """Theirs."""
    return f"{published_law('kaplan').a:.2f}"


def holds_kaplan(study: Study) -> str:
    """Whether the interval includes it."""
    return _holds("kaplan", _exponent(study, NON_EMBEDDING))


def a_with_all(study: Study) -> str:
    """The exponent with all parameters counted, as Hoffmann et al. do."""
    return _shown(_exponent(study, TOTAL))


def hoffmann_a() -> str:
    """Theirs, by approach 1."""
    return f"{published_law('hoffmann-1').a:.2f}"


def holds_hoffmann(study: Study) -> str:
    """Whether the interval includes it."""
    return _holds("hoffmann-1", _exponent(study, TOTAL))


def _by_count(study: Study) -> list[float]:
    found = [variant(study, name) for name in (NON_EMBEDDING, TOTAL)]
    return [answers.middle_tokens(study), *(float(np.median(one.tokens)) for one in found if one)]


def lowest_count(study: Study) -> str:
    """The least answer over three ways of counting N."""
    return text.short(min(_by_count(study)))


def highest_count(study: Study) -> str:
    """The largest."""
    return text.short(max(_by_count(study)))


def count_factor(study: Study) -> str:
    """The factor between them."""
    return text.two(max(_by_count(study)) / min(_by_count(study)))


def counts_differ(study: Study) -> str:
    """By how much the counts of one usual model of the target's size differ."""
    width = (TARGET_N * ASPECT / 12) ** (1 / 3)  # N = 12 L d^2 with d / L = ASPECT
    return f"{text.significant(200 * language_config(study.grid.cells[0].config).vocabulary * width / TARGET_N, 1)} %"


@style.drawn
def fans(study: Study) -> Figure:
    """D_opt against C under each law: one inside the runs, apart beyond them."""
    found = forms.laws(study)
    figure, ax = style.canvas(7.0, 3.4)
    C = np.geomspace(float(study.fit["C"].min()), 1e24, 60)
    ends = []
    for name, fitted in found.items():
        draws = fitted.posterior.draws.D_opt(C[:, None])
        middle = style.fan(ax, C, draws, COLOURS[name], levels=(0.95,))
        ends.append((float(middle[-1]), FORMS[name], COLOURS[name]))
    ax.set_xlim(C[0] / 2, C[-1])
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y")
    style.line_labels(ax, C[-1], ends, gap=0.06)
    style.shade(ax, float(study.fit["C"].min()), study.largest_C)
    style.panel(ax, "", "training compute $C$ (FLOP)", "compute-optimal tokens $D_{opt}$")
    return figure
