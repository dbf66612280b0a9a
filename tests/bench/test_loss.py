"""CPU-seconds to a loss: planted races and nanoGPT's schedule. Both arms at work: test_train_peer.py."""

import math

import pytest

from study.bench import loss
from study.bench.loss import Trained, nanogpt_rate, race, to_target
from tests.makers import CONFIG


def planted(exponent: float) -> loss.Run:
    """Loss 1 + (D / 1e6)^-exponent, a CPU-second for 1e5 tokens."""
    def run(count: int, seed: int) -> Trained:
        assert seed == 0
        return Trained(count, count / 1e5, count / 1e5, 1 + (count / 1e6) ** -exponent)

    return run


def test_the_race_ends_at_the_target_and_its_seconds_are_those_planted() -> None:
    runs = race(planted(0.3), 0, 1.6, 1_000_000, lambda _: None)
    assert runs[-1].loss <= 1.6 < runs[-2].loss
    assert to_target(runs, 1.6) == pytest.approx(10 * 0.6 ** (-1 / 0.3), rel=0.01)


def test_a_first_run_below_the_target_is_extrapolated_by_the_second_and_a_hopeless_race_is_no_number() -> None:
    runs = race(planted(0.3), 0, 2.2, 1_000_000, lambda _: None)
    assert len(runs) == 2 and to_target(runs, 2.2) == pytest.approx(10 * 1.2 ** (-1 / 0.3), rel=0.1)
    never = race(planted(0.3), 0, 0.9, 1_000_000, lambda _: None)
    assert len(never) == loss.MOST_RUNS and math.isnan(to_target(never, 0.9))


def test_nanogpt_s_rate_warms_up_and_ends_at_a_tenth() -> None:
    config = CONFIG.from_dict({**CONFIG.to_dict(), "tokens": 256 * 100})
    rates = [nanogpt_rate(config, step) / config.learning_rate for step in range(config.steps)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0]) and max(rates) == rates[4] == rates[5]
    assert rates[-1] == pytest.approx(0.1, abs=0.001) and rates[52] == pytest.approx(0.55, abs=0.02)
