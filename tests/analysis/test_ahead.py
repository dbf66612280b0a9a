"""Fits begun in other processes are those that would have been made when first asked for."""

from pathlib import Path

import numpy as np
import pytest

from study.analysis.study import load
from study.inference.spec import HEADLINE
from tests.given import given

RUNS = Path(__file__).resolve().parents[2] / "runs"


@pytest.mark.slow
def test_a_fit_begun_ahead_is_the_same_fit() -> None:
    ahead, now = load("quick", RUNS, ahead=[HEADLINE]), load("quick", RUNS)
    assert HEADLINE in ahead.begun and not now.begun
    assert ahead.headline.method == now.headline.method
    np.testing.assert_array_equal(ahead.posterior.draws.E, now.posterior.draws.E)
    assert not given(ahead, {}).begun, "changed records need a fit of their own"
