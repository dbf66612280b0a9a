"""The forecast test passes a law that goes on and fails one that bends; residual trends see a drift."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.inference.fast.fit import fit_fast
from study.inference.forecast import NoForecastError, forecast_test, top_rows
from study.inference.spec import ModelSpec
from study.inference.trends import residual_trends
from tests.makers import isoflop_runs

SPEC = ModelSpec(group=None)


def runs(**changes: Any) -> pd.DataFrame:
    """Six budgets of six sizes."""
    return isoflop_runs(budgets=6, sizes=6, **changes)


def test_a_law_that_goes_on_passes_and_one_that_bends_fails() -> None:
    passed = [forecast_test(runs(seed=seed), SPEC, seed=seed) for seed in range(3, 7)]
    assert all(test.passed for test in passed)
    assert np.mean([test.scores.inside[0.95] / test.predicted for test in passed]) > 0.85
    assert passed[0].predicted == 6 and passed[0].fitted == 30 and passed[0].reach == pytest.approx(10**0.6)
    bent = forecast_test(runs(bend=0.05), SPEC, seed=0)
    assert not bent.passed and bent.scores.z > 2 and bent.scores.error > 0.02
    assert not forecast_test(runs(bend=-0.05), SPEC, seed=0).passed


def test_the_top_is_a_budget_or_a_fifth() -> None:
    C = runs()["N"] * runs()["D"] * 6
    assert top_rows(C.to_numpy()).sum() == 6
    spread = np.geomspace(1e18, 1e21, 50)
    assert top_rows(spread).tolist() == [False] * 40 + [True] * 10
    alone = np.concatenate([spread, [1e24]])  # one run far above is no budget to test on
    assert 7 <= top_rows(alone).sum() <= 17


def test_too_few_runs_are_not_tested() -> None:
    with pytest.raises(NoForecastError, match="too few"):
        forecast_test(runs().iloc[:5], SPEC, seed=0)


def test_a_drift_of_the_residuals_is_seen_and_noise_is_not() -> None:
    assert not any(trend.drifts for trend in residual_trends(fit_fast(runs(), SPEC, seed=0)))
    posterior = fit_fast(runs(), SPEC, seed=0)
    rows = posterior.rows
    drifted = rows.loss * (rows.D / rows.N / 20) ** (0.004 / np.log(10))  # 0.4 % a decade that the fit did not see
    moved = residual_trends(type(posterior)(**{**vars(posterior), "rows": type(rows)(**{**vars(rows), "loss": drifted})}))
    by_axis = {trend.axis: trend for trend in moved}
    assert by_axis["D/N"].drifts and by_axis["D/N"].slope == pytest.approx(0.004, abs=0.0015)
