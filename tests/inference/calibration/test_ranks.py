"""The tests of uniformity pass uniform ranks and reject the usual faults."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.inference.calibration.ranks import (
    RANKED,
    chi_square,
    coverage_of_ranks,
    ecdf_envelope,
    ecdf_test,
    holm,
    rank,
    uniformity,
)


def ranks_of(u: np.ndarray) -> np.ndarray:
    return np.clip((u * (RANKED + 1)).astype(int), 0, RANKED)


def test_a_rank_counts_the_draws_below() -> None:
    assert rank(0.5, np.array([0.1, 0.2, 0.6])) == 2
    assert rank(-1.0, np.array([0.1, 0.2])) == 0


def test_holm_against_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm's step-down by hand
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_uniform_ranks_pass_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(0)
    p = np.array([[test(rng.integers(0, RANKED + 1, 150)) for test in (chi_square, ecdf_test)] for _ in range(100)])
    assert np.all(np.abs((p < 0.2).mean(axis=0) - 0.2) < 0.12)  # three standard errors


@pytest.mark.parametrize(("fault", "transform"), [
    ("biased", lambda z: z + 0.3), ("too narrow", lambda z: 1.3 * z), ("too wide", lambda z: 0.75 * z),
    ("cut at one s.d.", lambda z: np.where(z > 1, 9.0, z))])
def test_faults_are_rejected(fault: str, transform: object) -> None:
    z = np.random.default_rng(0).standard_normal(400)
    found = uniformity(pd.DataFrame({"good": ranks_of(stats.norm.cdf(z)), fault: ranks_of(stats.norm.cdf(transform(z)))}))
    assert found["holm"][0] > 0.05
    assert found["holm"][1] < 0.01
    spread, mean = found["spread"][1], found["mean"][1]
    assert {"too narrow": spread > 1.1, "too wide": spread < 0.9, "biased": mean > 0.55,
            "cut at one s.d.": abs(mean - 0.5) < 0.02 and 0.9 < spread < 1.1}[fault]  # the tests alone see this one


def test_the_envelope_holds_the_nominal_share_of_whole_curves() -> None:
    z, lower, upper = ecdf_envelope(200, level=0.9)
    rng = np.random.default_rng(2)
    counts = rng.multinomial(200, np.full(RANKED + 1, 1 / (RANKED + 1)), size=1000)
    curves = np.cumsum(counts, axis=1)[:, :-1] / 200
    assert len(z) == RANKED
    inside = np.all((curves >= lower) & (curves <= upper), axis=1).mean()
    assert 0.87 < inside < 0.96  # discrete, so a little more than nominal


def test_coverage_from_ranks() -> None:
    uniform = np.arange(RANKED + 1)
    assert [coverage_of_ranks(uniform, level) for level in (0.5, 0.8, 0.95)] == pytest.approx([0.5, 0.8, 0.95], abs=0.01)


def test_too_few_ranks_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        chi_square(np.arange(8))
