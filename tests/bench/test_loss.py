"""CPU-seconds to a loss: planted races and nanoGPT's schedule. Both arms at work: test_train_peer.py."""

import json
import math
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from study.bench import loss
from study.bench import race as racing
from study.bench.loss import nanogpt_rate
from study.bench.race import Trained, at_target, bracket, kept, race
from study.config import RunConfig
from study.data.stream import TokenSet
from tests.makers import CONFIG


def planted(exponent: float) -> Callable[[int], Trained]:
    """Loss 1 + (D / 1e6)^-exponent."""
    return lambda count: Trained(count, count / 1e5, 1 + (count / 1e6) ** -exponent)


@pytest.mark.parametrize("start", [1e5, 1e6, 3e7])
def test_a_race_closes_in_on_the_target_from_either_side(start: float) -> None:
    runs = race(planted(0.3), 1.6, start)
    above, below = bracket(runs, 1.6)
    assert above and below and above.loss > 1.6 >= below.loss and below.tokens <= racing.NEAR * above.tokens
    assert at_target(runs, 1.6) == pytest.approx(1e6 * 0.6 ** (-1 / 0.3), rel=0.02) and len(runs) <= 8


def test_a_hopeless_race_ends_and_is_no_number() -> None:
    never = race(planted(0.3), 0.9, 1e6)
    assert len(never) == racing.MOST_RUNS and math.isnan(at_target(never, 0.9))


def test_a_race_goes_on_after_a_run_that_diverged_or_ended_higher_than_a_shorter_one() -> None:
    losses = iter([2.0, math.inf, 2.1, 1.4])
    runs = race(lambda count: Trained(count, 1.0, next(losses)), 1.5, 1e6)
    assert [run.loss for run in runs] == [2.0, math.inf, 2.1, 1.4]
    assert [b.tokens / a.tokens for a, b in pairwise(runs)] == pytest.approx([1.5] * 3, rel=1e-3)


def test_a_run_is_trained_once(tmp_path: Path) -> None:
    notes, made = tmp_path / "runs.json", []

    def train() -> Trained:
        made.append(1)
        return Trained(5, 1.0, 2.5)

    assert kept(notes, "a", train) == kept(notes, "a", train) == Trained(5, 1.0, 2.5) and len(made) == 1
    kept(notes, "b", train)
    assert set(json.loads(notes.read_text())) == {"a", "b"} and len(made) == 2
    diverged = Trained(6, 1.0, math.inf)
    assert kept(notes, "c", lambda: diverged) == kept(notes, "c", train) == diverged
    assert bracket([diverged, Trained(9, 1.0, 1.4)], 1.5)[0] is None, "a run without a loss bounds nothing"


def test_nanogpt_s_rate_warms_up_and_ends_at_a_tenth() -> None:
    config = CONFIG.from_dict({**CONFIG.to_dict(), "tokens": 256 * 100})
    rates = [nanogpt_rate(config, step) / config.learning_rate for step in range(config.steps)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0]) and max(rates) == rates[4] == rates[5]
    assert rates[-1] == pytest.approx(0.1, abs=0.001) and rates[52] == pytest.approx(0.55, abs=0.02)


def test_the_bench_as_it_is_run_sweeps_the_peer_and_counts_both_arms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[RunConfig]] = {"study": [], "peer": []}

    def arm(name: str, tokens_at_target: float, seconds: float) -> Callable[..., Trained]:
        def trained(config: RunConfig, **_: object) -> Trained:
            seen[name].append(config)
            off = 0.2 * abs(math.log2(config.learning_rate / 4e-3)) if name == "peer" else 0.0
            best_batch = 512 if config.tokens < 3e6 else 1024  # the best of long runs is twice that of short ones
            off += 0.1 * (config.context == 256) + 0.1 * (config.batch_tokens != best_batch and name == "peer")
            return Trained(config.tokens, seconds * config.tokens, 3.0 * (config.tokens / tokens_at_target) ** -0.1 + off)
        return trained

    monkeypatch.setattr(loss, "train_study", arm("study", 2.5e6, 2e-5))
    monkeypatch.setattr(loss, "train_peer", arm("peer", 1e7, 3e-5))
    monkeypatch.setattr(loss, "machine", lambda *_: {"idle": True})
    corpus = cast(TokenSet, SimpleNamespace(name="python-dedup", vocabulary=1024))
    found = loss.bench_loss(corpus, torch.device("cpu"), tmp_path / "runs.json", progress=lambda _: None)
    swept = {(one.context, one.batch_tokens, one.learning_rate) for one in seen["peer"]
             if abs(one.tokens / loss.TUNE_TOKENS - 1) < 0.01}
    assert swept == set(product(loss.CONTEXTS, loss.BATCHES, loss.RATES))
    assert found["peer"] == {"context": 64, "batch_tokens": 1024, "learning_rate": 4e-3} and len(found["ratios"]) == 3
    assert found["ratio"] == pytest.approx(4 * 1.5, rel=0.03)
    assert found["tokens"]["study"] == pytest.approx([2.5e6] * 3, rel=0.02)
    count = len(seen["peer"])
    loss.bench_loss(corpus, torch.device("cpu"), tmp_path / "runs.json", progress=lambda _: None)
    assert len(seen["peer"]) == count + 5  # the turns alone: the runs stand in the file
