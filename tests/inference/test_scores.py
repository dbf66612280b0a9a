"""Scores of predicted runs, against numbers worked out apart, and what tail probabilities say of a law that is right or wrong."""

import numpy as np
import pytest
from scipy import stats

from study.inference.intervals import central, inside
from study.inference.scores import interval_score, score


def predictions(runs: int = 6, draws: int = 4000, shared: float = 0.01, own: float = 0.01, seed: int = 0) -> np.ndarray:
    """Draws of losses about 3: the runs of one draw share an error, as those of one law do, and each has its own."""
    rng = np.random.default_rng(seed)
    return 3 * np.exp(shared * rng.standard_normal((draws, 1)) + own * rng.standard_normal((draws, runs)))


def test_the_numbers_are_those_of_their_definitions() -> None:
    draws = predictions()
    measured = 3 * np.exp([0.0, 0.006, 0.015, 0.022, -0.006, 0.2])
    found = score(draws, measured)
    middle, sd = np.median(np.log(draws), axis=0), np.diff(np.quantile(np.log(draws), [0.16, 0.84], axis=0), axis=0)[0] / 2
    z = (np.log(measured) - middle) / sd
    assert found.z == pytest.approx(z.mean()) and found.z_rms == pytest.approx(np.sqrt((z**2).mean()))
    assert found.error == pytest.approx((np.log(measured) - middle).mean())
    assert found.error_rms == pytest.approx(np.sqrt(((np.log(measured) - middle) ** 2).mean()))
    assert found.inside == {0.5: 3, 0.8: 4, 0.95: 5}, "half widths of 0.0095, 0.018 and 0.028: a run's s.d. is 0.014"


def test_errors_that_runs_share_are_no_surprise_and_independent_ones_of_that_size_are() -> None:
    measured = 3 * np.exp(np.full(6, 0.02))
    together, apart = score(predictions(shared=0.014, own=0.001), measured), score(predictions(shared=0.001, own=0.014), measured)
    assert together.z == pytest.approx(apart.z, rel=0.05)
    assert together.p_error == pytest.approx(2 * stats.norm.sf(0.02 / 0.014), abs=0.03)
    assert apart.p_error < 0.005


def test_tail_probabilities_of_runs_drawn_from_the_law_itself_are_uniform_and_two_sided() -> None:
    draws = predictions(draws=2400)
    found = [score(draws[400:], draws[k]) for k in range(400)]
    p = np.array([one.p_error for one in found])
    assert np.abs((p < 0.2).mean() - 0.2) < 0.07 and 0.4 < p.mean() < 0.6
    assert (np.array([one.p_inside for one in found]) < 0.05).mean() < 0.07
    assert np.mean([one.inside[0.95] for one in found]) / 6 == pytest.approx(0.95, abs=0.015)
    for side in (1, -1):
        off = score(draws, 3 * np.exp(np.full(6, side * 0.1)))
        assert off.p_error < 0.01 and off.p_inside < 0.05 and off.inside[0.95] == 0 and np.sign(off.z) == side


def test_a_central_interval_is_nan_with_a_nan_unless_it_is_left_out() -> None:
    draws = np.append(np.linspace(0, 1, 1001), np.nan)
    assert np.isnan(central(draws)).all()
    assert central(draws, 0.9, omit_nan=True) == pytest.approx((0.05, 0.95))
    low, high = central(np.stack([draws[:-1], 2 * draws[:-1]]), 0.5, axis=1)
    assert low == pytest.approx([0.25, 0.5]) and high == pytest.approx([0.75, 1.5])
    assert inside(np.column_stack([draws[:-1], draws[:-1]]), [0.02, 0.3], levels=(0.5, 0.95, 0.99)) == {0.5: 1, 0.95: 1, 0.99: 2}


def test_an_interval_score_is_the_width_inside_and_least_for_the_true_quantiles() -> None:
    assert interval_score(1.0, 3.0, 3.0) == 2.0 and interval_score(1.0, 3.0, 0.5) == pytest.approx(interval_score(1.0, 3.0, 3.5))
    assert interval_score(1.0, 3.0, 3.5) == pytest.approx(22.0) and interval_score(1.0, 3.0, 4.0, level=0.5) == 6.0
    values = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    means = {half: np.mean([interval_score(-half, half, float(x)) for x in values]) for half in (0.98, 1.96, 3.92)}
    assert min(means, key=lambda half: means[half]) == 1.96
