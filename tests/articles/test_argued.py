"""What the tool that reads any table says of the study's own runs."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from study.analysis import argued as analysis
from study.analysis.study import Study
from study.articles.main import argued
from study.articles.shared import text
from study.laws.errata import TARGET_N
from tests.given import given


def test_the_study_s_own_runs_are_argued_against_as_any_table(quick: Study) -> None:
    found = analysis.argued(quick)
    assert found.forecast is not None and found.forecast.fitted + found.forecast.predicted == len(quick.fit)
    assert argued.predicted(quick) == f"{found.forecast.predicted}" and argued.fitted(quick) == f"{found.forecast.fitted}"
    low, high = np.quantile(quick.posterior.draws.D_opt_at(TARGET_N) if found.widened is None else found.widened, [0.025, 0.975])
    assert argued.interval(quick).endswith(text.interval(low, high, text.rough))
    assert argued.decades(quick) == f"{np.log10(high / low):.1f}"


@pytest.mark.parametrize(("passed", "trusted", "verdict", "advice"), [
    (True, True, "passes", "lets the fit stand and answers"), (False, False, "**fails**", "allowing for misfit, answers")])
def test_its_verdict_is_said(quick: Study, passed: bool, trusted: bool, verdict: str, advice: str) -> None:
    scores = SimpleNamespace(inside={0.95: 3}, error=-0.0142)
    widened = None if trusted else np.full(10, 4e10)
    one = replace(analysis.argued(quick), trusted=trusted, widened=widened,
                  forecast=SimpleNamespace(fitted=9, predicted=5, passed=passed, scores=scores))
    study = given(quick, {analysis.argued: one})
    assert (argued.verdict(study), argued.inside(study), argued.off(study)) == (verdict, "three", "−1.4 %")
    assert argued.advice(study).endswith(advice)
    assert trusted or argued.interval(study).startswith("40")
    untested = given(quick, {analysis.argued: replace(one, forecast=None)})
    assert (argued.verdict(untested), argued.fitted(untested)) == (argued.NOT_TESTED, text.ABSENT)
