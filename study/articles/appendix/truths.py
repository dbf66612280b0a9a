"""How often intervals of the answer hold a truth of another form of the law, as recorded."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from study.analysis.calibration import answer_rows, on_design
from study.analysis.study import Study
from study.analysis.tables import each
from study.articles.appendix.calibration import design_of, replicates_of
from study.articles.main.otherwise import FORMS
from study.articles.shared import text, words
from study.inference.spec import HEADLINE
from study.predictions import MIXTURE

if TYPE_CHECKING:
    from IPython.display import Markdown

NONE = "No such study is recorded: run `study calibrate --truths`."


def _rows(study: Study) -> pd.DataFrame:
    """truth, method, covered_50/80/95, log_width_95 of the answer; empty where nothing is recorded."""
    return answer_rows(on_design(study, "truths"))


def _held(study: Study, method: str) -> dict[str, float]:
    """The share of truths that a method's 95 % interval holds, by their form."""
    rows = _rows(study)
    return {row.truth: float(row.covered_95) for row in each(rows[rows["method"] == method])}


def simulated(study: Study) -> str:
    """Truths of each form."""
    return replicates_of(on_design(study, "truths"))


def design(study: Study) -> str:
    """The grid whose cells they were simulated on."""
    return design_of(on_design(study, "truths"))


def held_by_the_law(study: Study) -> str:
    """How often the headline's 95 % interval holds a truth of each other form."""
    found = _held(study, HEADLINE.law)
    said = [f"{text.percent(share)} of those of {FORMS[form]}" for form, share in found.items() if form != HEADLINE.law]
    return words.enumeration(said) if said else text.ABSENT


def held_by_the_mixture(study: Study) -> str:
    """And how often that of the equal mixture holds one, at the form where it does so least often."""
    found = _held(study, MIXTURE)
    return text.percent(min(found.values())) if found else text.ABSENT


def least_held(study: Study) -> str:
    """By form, how often its interval holds a truth of the form where it does so least often, the best first."""
    worst = {form: min(_held(study, form).values(), default=float("nan")) for form in FORMS}
    order = sorted(worst, key=lambda form: -worst[form])
    return words.enumeration([f"{text.percent(worst[form])} by {FORMS[form]}" for form in order]) if _held(study, MIXTURE) \
        else text.ABSENT


def held_least(study: Study) -> str:
    """How often the headline's holds one, at the other form where it does so least often."""
    found = {form: share for form, share in _held(study, HEADLINE.law).items() if form != HEADLINE.law}
    return text.percent(min(found.values())) if found else text.ABSENT


def table(study: Study) -> "Markdown":
    """By the form that is true: the truths, and how often each form's 95 % interval holds them, with its width in decades."""
    found, rows = on_design(study, "truths"), _rows(study)
    if found is None:
        return text.absent(NONE)
    return text.table([
        {"true form": FORMS[form],
         "its answers": f"{text.short(known['D_opt'])} {text.interval(known['D_opt_low'], known['D_opt_high'], text.short)}",
         **{f"by {name.removeprefix('the ')}": _cell(rows[(rows["truth"] == form) & (rows["method"] == method)])
            for method, name in (*FORMS.items(), (MIXTURE, "the mixture"))}}
        for form, known in found.body["truths"].items()], left=("true form",))


def _cell(rows: pd.DataFrame) -> str:
    if not len(rows):
        return text.ABSENT
    return f"{text.percent(float(rows['covered_95'].iloc[0]))}, {float(rows['log_width_95'].iloc[0]) / np.log(10):.1f}"
