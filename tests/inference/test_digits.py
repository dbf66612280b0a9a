"""Digits that hold: two seeds print the same answer, or differ by one in the last digit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.articles.shared import text
from study.fit.words import count, decimals, with_interval
from study.inference.digits import Estimate, estimate, hold, holding, mixed, rounded, unit
from study.inference.fast.fit import fit_fast
from study.inference.posterior import CHAINS, Diagnostics, ImportanceDiagnostics, Posterior
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface

LAW = LossSurface(1.7, 350.0, 1200.0, 0.34, 0.36)


@pytest.fixture(scope="module")
def fitted() -> list[Posterior]:
    """One table, three seeds."""
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(3e7, 3e9, 5), np.geomspace(1e9, 1e11, 4)))
    noise = np.exp(0.004 * np.random.default_rng(3).standard_normal(20))
    table = pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D) * noise})
    return [fit_fast(table, ModelSpec(group=None), seed=seed, draws=20_000) for seed in range(3)]


def test_seeds_differ_by_one_in_the_last_digit_at_the_most(fitted: list[Posterior]) -> None:
    assert hold(fitted[0], fitted[0].draws.D_opt_at(1e9))
    found = [estimate(fit, fit.draws.D_opt_at(1e9)) for fit in fitted]
    for k, values in enumerate(zip(*([each.median, *each.ci95] for each in found), strict=True)):
        digits = min(each.digits[k] for each in found)
        shown = [rounded(value, digits) for value in values]
        assert digits >= 2 and max(shown) - min(shown) <= 1.001 * unit(max(shown), digits)


def test_the_error_is_that_of_repeated_draws(fitted: list[Posterior]) -> None:
    rng, count = np.random.default_rng(0), 2000
    fit = replace(fitted[0], diagnostics=ImportanceDiagnostics(0.1, count, count))
    said, ends = [], []
    for _ in range(200):
        found = estimate(fit, np.exp(rng.standard_normal(count)))
        said.append(found.interval_errors[0.95][1])
        ends.append(np.log(found.ci95[1]))
    assert np.mean(said) == pytest.approx(np.std(ends), rel=0.2)


def test_the_error_knows_how_many_draws_are_effective(fitted: list[Posterior]) -> None:
    spread = 0.3 * np.random.default_rng(0).standard_normal(4000)
    error = np.sqrt(0.025 * 0.975 / 4000) / (np.exp(-0.5 * 1.96**2) / np.sqrt(2 * np.pi) / 0.3)

    def ends_error(diagnostics: Diagnostics | ImportanceDiagnostics, draws: np.ndarray[Any, Any]) -> float:
        return max(estimate(replace(fitted[0], diagnostics=diagnostics), np.exp(draws)).interval_errors[0.95])

    chains = Diagnostics(rhat=1.0, ess_bulk=4000.0, ess_tail=4000.0, divergences=0)
    sticky = np.repeat(spread.reshape(CHAINS, -1)[:, ::4], 4, axis=1).ravel()
    assert ends_error(ImportanceDiagnostics(0.1, 8000.0, 16_000), spread) == pytest.approx(error, rel=0.3)
    assert ends_error(ImportanceDiagnostics(0.1, 1000.0, 16_000), spread) == pytest.approx(2 * error, rel=0.4)
    assert ends_error(chains, spread) == pytest.approx(error, rel=0.3)
    assert ends_error(chains, sticky) == pytest.approx(2 * error, rel=0.4)


def test_the_error_of_a_mixture_is_that_of_repeated_draws(fitted: list[Posterior]) -> None:
    """Two parts far apart, of which one has a quarter of the effective draws: the ends of the mixture are theirs."""
    rng, count = np.random.default_rng(1), 2000
    parts = [replace(fitted[0], diagnostics=ImportanceDiagnostics(0.1, effective, count)) for effective in (count, count / 4)]
    said, ends = [], []
    for _ in range(200):
        many, few = np.exp(rng.standard_normal(count)), np.exp(np.repeat(5 + rng.standard_normal(count // 4), 4))
        found = mixed([(parts[0], many), (parts[1], few)])
        said.append(found.interval_errors[0.95])
        ends.append(np.log(found.ci95))
    assert np.mean(said, axis=0) == pytest.approx(np.std(ends, axis=0), rel=0.2)


def test_a_multiple_has_the_same_digits() -> None:
    found = Estimate(21.44, {0.95: (19.46, 23.81)}, 0.0005, {0.95: (0.02, 0.2)})
    assert found.times(1e9) == Estimate(21.44e9, {0.95: (19.46e9, 23.81e9)}, 0.0005, {0.95: (0.02, 0.2)})
    assert (text.held(found.times(1e9)), text.held_ends(found.times(1e9))) == ("21.4\u00a0B", "[19\u00a0B,\u00a020\u00a0B]")
    assert text.held_ends(found, text.significant) == "[19,\u00a020]"


def test_rounding() -> None:
    assert [holding(21.4, error) for error in (0.0001, 0.01, 0.2, np.nan)] == [3, 2, 1, 1]
    assert holding(9.96, 0.0004) == 3 and holding(9.96, 0.0006) == 2
    assert [rounded(21449.0, digits) for digits in (1, 2, 3)] == [20000, 21000, 21400]
    assert count(rounded(2.96e10, 1), 1) == "30B" and decimals(0.5137, 2) == "0.51" and count(999.6e6, 3) == "1B"
    found = Estimate(21.44e9, {0.95: (19.46e9, 23.81e9)}, 0.0005, {0.95: (0.02, 0.2)})
    assert with_interval(found) == "21.4B [19B, 20B]"
    with pytest.raises(ValueError, match="not positive"):
        estimate(None, np.array([1.0, -1.0]))  # type: ignore[arg-type]
