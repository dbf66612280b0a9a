"""The main article's verdicts follow what is planted."""

from dataclasses import replace

import numpy as np
import pytest

from study.analysis import approaches, stages
from study.analysis.study import Fitted, Study
from study.articles.claims import claims_of
from study.articles.main import verdicts
from study.inference.posterior import IMPORTANCE
from study.laws.errata import TARGET_N
from study.laws.hoffmann import LossSurface
from tests.given import given


def test_every_claim_of_the_article_has_a_verdict(quick: Study) -> None:
    found = verdicts.verdicts(quick)
    assert [one.claim for one in found] == [claim.key for claim in claims_of("main")] == list(verdicts.VERDICTS)
    words = [one.word for one in found]
    assert "not tested yet" not in words and words.count("not testable here") == 1
    assert verdicts.isoflop().word == "contradicted" and verdicts.isoflop().number > 1.5
    shown = verdicts.table(quick).data
    assert all(one.measured.replace(" %", "\N{NO-BREAK SPACE}%") in shown for one in found)


@pytest.mark.parametrize(("spread", "word"), [(0.2, "reproduced"), (3.0, "contradicted")])
def test_three_runs_are_held_to_the_lab_s_interval(quick: Study, spread: float, word: str) -> None:
    def planted(stage: stages.Stage) -> stages.Stage:
        draws = stage.posterior.draws
        B = 40.0 * (20 * np.exp(spread * np.random.default_rng(0).standard_normal(len(draws.alpha)))) ** 0.34
        same = {name: np.full(len(B), value) for name, value in {"E": 1.2, "A": 40.0, "alpha": 0.34, "beta": 0.34}.items()}
        return replace(stage, posterior=replace(stage.posterior, draws=LossSurface(B=B, **same)))

    study = given(quick, {stages.three: planted(stages.three(quick))})
    assert verdicts.three_runs(study).word == word


@pytest.mark.parametrize(("times", "word"), [(3.0, "contradicted"), (1.0, "reproduced"), (0.5, "undecided")])
def test_the_penalty_is_compared_with_a_tenth_of_a_nat(quick: Study, times: float, word: str) -> None:
    size = len(quick.posterior.parameters)
    noise = np.exp(0.02 * np.random.default_rng(0).standard_normal(size))
    surface = LossSurface(E=np.ones(size), A=noise, B=noise, alpha=np.full(size, 0.3), beta=np.full(size, 0.3))
    study = given(quick, {Study.headline: Fitted(replace(quick.posterior, draws=surface), IMPORTANCE)})
    off = verdicts.four_times(study).number
    factor = times * 0.1 / off
    scaled = replace(surface, A=factor * surface.A, B=factor * surface.B)
    study = given(quick, {Study.headline: Fitted(replace(quick.posterior, draws=scaled), IMPORTANCE)})
    assert verdicts.four_times(study).word == word


@pytest.mark.parametrize(("factor", "word"), [(1.0, "reproduced"), (4.0, "undecided"), (1e-12, "contradicted")])
def test_approaches_agree_within_a_factor_of_two(quick: Study, factor: float, word: str) -> None:
    ours = float(np.median(quick.posterior.draws.D_opt_at(TARGET_N)))
    found = (approaches.Approach("2: parabolas", 0.5, 0.1, factor * ours),)
    assert verdicts.three_methods(given(quick, {approaches.approaches: found, Study.headline: quick.headline})).word == word
