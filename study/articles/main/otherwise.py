"""The same runs, read otherwise: the law's misfit, and other forms of it."""

import numpy as np
from matplotlib.figure import Figure

from study.analysis import answers, entropy, forms, misfit, seeds
from study.analysis.study import Study
from study.analysis.variants import CONSTANT, variant
from study.articles.main import trend
from study.articles.shared import style, text, words
from study.inference.digits import Estimate
from study.inference.posterior import KHAT
from study.inference.spec import HEADLINE

FORMS = {"hoffmann": "Hoffmann's form", "kaplan": "Kaplan's form", "nesting": "the nesting family"}
COLOURS = {"hoffmann": style.POSTERIOR, "kaplan": style.KAPLAN, "nesting": style.REFIT}
UNKNOWN = "an unknown distance"
ONE_SIDED = 0.75  # of a budget's runs on one side of the law: with the runs there are, rarely by chance
GROWN = 1.5  # times the seeds' s.d. of the budgets below, from which on that of the largest is said to have grown
IMPOSSIBLE, HALF = 0.025, 0.5  # share of draws whose E lies above a measured loss, from which on that may be so, and is


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
    return f", as if the loss fell {'faster' if below >= ONE_SIDED else 'more slowly'} there than the law"


def drawn(study: Study) -> str:
    """The drawn texts that have runs in the same cells: one, or several."""
    return "texts" if len(entropy.beside(study)) > 1 else "a text"


def drawn_misfit(study: Study) -> str:
    """How far the same models lie off their law on each drawn text (r.m.s. of ln L)."""
    return words.enumeration([f"{text.two(one.misfit[0])}{text.NBSP}%" for one in entropy.beside(study)] or [UNKNOWN])


def same_cells_misfit(study: Study) -> str:
    """And on the study's own text, in the same cells."""
    each = [f"{text.two(one.misfit[1])}{text.NBSP}%" for one in entropy.beside(study)]
    return words.enumeration(list(dict.fromkeys(each)) or [UNKNOWN])  # the texts may share all cells


def scale_growth(study: Study) -> str:
    """The noise scale's factor a decade of compute."""
    return text.two(float(np.exp(np.median(study.posterior.parameters.g))))


def scale_cause(study: Study) -> str:
    """What noise between seeds does meanwhile."""
    (below, _), (at_top, freedom) = seeds.below_and_at_the_top(study)
    if not freedom or not np.isfinite(below):
        return "noise between seeds at the largest budget is unknown"
    if at_top > GROWN * below:
        return "noise between seeds grows too"
    return "noise between seeds falls too" if at_top < below / GROWN else "noise between seeds stays as it is"


def constant_factor(study: Study) -> str:
    """The answer under a constant noise scale over the headline's."""
    found = variant(study, CONSTANT)
    return text.ABSENT if found is None else text.two(float(np.median(found.tokens)) / answers.middle_tokens(study))


def share_above(study: Study) -> str:
    """The share of draws whose irreducible loss lies above the lowest measured one."""
    share = misfit.share_above(study)
    return f"a share of {text.percent(share)} of the draws" if share else "no draw"


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


def farthest_form(study: Study) -> str:
    """The form whose optimum lies farthest from one that the runs measured."""
    found = forms.farthest(study)
    return FORMS[found[0]] if found else text.ABSENT


def farthest_ratio(study: Study) -> str:
    """Where it puts that optimum, tokens a parameter."""
    found = forms.farthest(study)
    return text.two(found[1]) if found else text.ABSENT


def farthest_measured(study: Study) -> str:
    """Where the runs have it."""
    found = forms.farthest(study)
    return text.two(found[2].measured) if found else text.ABSENT


def farthest_budget(study: Study) -> str:
    """At which budget, FLOP."""
    found = forms.farthest(study)
    return text.power(found[2].budget) if found else text.ABSENT


def mixed_without(study: Study) -> str:
    """The answer over the other forms, equally weighted."""
    found = forms.farthest(study)
    return _held(forms.equal(study, found[0])) if found else text.ABSENT


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


def _lead(study: Study, over: int = 1) -> tuple[float, float]:
    found = forms.comparison(study)
    return (float("nan"),) * 2 if found is None else tuple(map(float, found.iloc[over][["elpd_diff", "dse"]]))  # type: ignore[return-value]


def lead(study: Study) -> str:
    """By how much elpd it leads, and the standard error."""
    gap, error = _lead(study)
    return f"{text.two(gap)} ± {text.two(error)}"


def behind(study: Study) -> str:
    """By how much the headline's form lies behind, where it is neither of the two."""
    ranked = _ranked(study)
    if HEADLINE.law not in ranked[2:]:
        return ""
    gap, error = _lead(study, ranked.index(HEADLINE.law))
    return f", {text.two(gap)} ± {text.two(error)} ahead of {FORMS[HEADLINE.law]}"


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


@style.drawn
def fans(study: Study) -> Figure:
    """D_opt / N_opt against C under each law: one inside the runs, apart beyond them."""
    found = forms.laws(study)
    figure, ax = style.canvas(7.0, 3.1)
    C = np.geomspace(float(study.fit["C"].min()), 1e24, 60)
    ends = []
    for name, fitted in found.items():
        draws = fitted.posterior.draws
        middle = style.fan(ax, C, draws.D_opt(C[:, None]) / draws.N_opt(C[:, None]), COLOURS[name], levels=(0.95,))
        ends.append((float(middle[-1]), FORMS[name], COLOURS[name]))
    ax.set_xlim(C[0] / 2, C[-1])
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", style.plain)
    trend.dots(ax, study)
    style.line_labels(ax, C[-1], ends, gap=0.06)
    style.shade(ax, float(study.fit["C"].min()), study.largest_C)
    style.panel(ax, "", "training compute $C$ (FLOP)", "tokens a parameter, $D_{opt}/N_{opt}$")
    return figure
