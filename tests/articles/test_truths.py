"""How often intervals hold truths of another form, as the page says it."""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.calibration import Recorded, recorded
from study.analysis.study import Study
from study.articles.appendix import truths
from study.articles.shared import text
from tests.given import given

SHARES = {"hoffmann": {"hoffmann": 0.95, "kaplan": 1.0, "nesting": 0.85},
          "kaplan": {"hoffmann": 0.8, "kaplan": 0.94, "nesting": 0.1},
          "nesting": {"hoffmann": 0.95, "kaplan": 0.25, "nesting": 0.96},
          "mixture": {"hoffmann": 0.99, "kaplan": 0.98, "nesting": 0.93}}  # by method, then by the form of the truth


def study_with(quick: Study, shares: dict[str, dict[str, float]]) -> Study:
    rows = [{"truth": truth, "method": method, "quantity": quantity, "covered_95": share if quantity == "D_opt_at" else 0.0,
             "log_width_95": np.log(10) * 2} for method, by in shares.items() for truth, share in by.items()
            for quantity in ("N_opt", "D_opt_at")]
    known = {form: {"D_opt": 2.3e10, "D_opt_low": 4.4e9, "D_opt_high": 7.4e10} for form in truths.FORMS}
    body: dict[str, Any] = {"design": "cpu3", "replicates": 200, "truths": known, "coverage": rows}
    return given(quick, {(recorded, "truths"): (Recorded(body, pd.DataFrame(rows)),) if shares else ()})


def test_what_holds_a_truth_of_another_form_is_said(quick: Study) -> None:
    study = study_with(quick, SHARES)
    assert truths.held_by_the_law(study).replace(text.NBSP, " ") == (
        "100 % of those of Kaplan's form and 85 % of those of the nesting family")
    assert truths.held_least(study).replace(text.NBSP, " ") == "85 %"
    assert truths.held_by_the_mixture(study).replace(text.NBSP, " ") == "93 %"
    assert truths.least_held(study).replace(text.NBSP, " ") == (
        "85 % by Hoffmann's form, 25 % by the nesting family and 10 % by Kaplan's form")
    shown = truths.table(study).data.replace(text.NBSP, " ")
    assert "25 %, 2.0" in shown and "23 B [4.4 B, 74 B]" in shown and "by the mixture" not in shown.split("\n")[1]
    assert (truths.simulated(study), truths.design(study)) == ("200", "`cpu3`")


def test_without_such_a_study_the_page_says_so(quick: Study) -> None:
    study = study_with(quick, {})
    assert truths.NONE in truths.table(study).data and truths.simulated(study) == "0"
    assert {truths.held_by_the_law(study), truths.held_by_the_mixture(study), truths.held_least(study), truths.least_held(study),
            truths.design(study)} == {text.ABSENT}
