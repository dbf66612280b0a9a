"""One run: it learns, repeats to the bit, resumes to the bit, and says when it diverged."""

import json
import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from study.config import ConfigError, RunConfig
from study.data.stream import TokenSet
from study.errors import Interrupted
from study.grids import grid
from study.record import RunRecord
from study.training import checkpoint, loop
from study.training.device import DeviceError, pick
from study.training.feed import Feed
from study.training.language import check_fit, language
from study.training.optim import learning_rate
from study.training.task import Measured
from tests.makers import CONFIG

CPU = torch.device("cpu")
LONGER = replace(CONFIG, tokens=256 * 120, epochs=2)


def same(a: RunRecord, b: RunRecord) -> bool:
    """Equal in every bit that is not time."""
    return a.losses == b.losses and a.curve == b.curve and a.config == b.config and a.status == b.status


def stop_halfway(config: RunConfig, tokens: TokenSet, work: Path) -> None:
    """Begin a run and leave its checkpoint in `work`."""
    looks = iter([False, False, True, True])
    with pytest.raises(Interrupted, match="run again"):
        loop.train(config, language(tokens), CPU, work=work, stop=lambda: next(looks))


def test_a_run_learns_and_repeats_to_the_bit(tokens: TokenSet) -> None:
    config = LONGER
    first, second = (loop.train(config, language(tokens), CPU) for _ in range(2))
    assert same(first, second)
    assert first.status == "complete"
    entropy = -(0.6 * math.log(0.6) + 0.3 * math.log(0.3) + 0.1 * math.log(0.1))
    assert entropy - 0.05 < first.losses["validation"].nats_per_token < 2.0 < math.log(64)
    assert [point.step for point in first.curve] == loop.curve_steps(config)
    assert first.curve[-1].tokens == config.tokens
    assert first.losses["validation"].tokens == 1024 and first.losses["train"].tokens == 512
    assert not same(first, loop.train(replace(config, seed=1), language(tokens), CPU))


def test_a_run_leaves_denormals_as_they_were(tokens: TokenSet) -> None:
    assert sys.float_info.min / 2 > 0.0
    loop.train(CONFIG, language(tokens), CPU)
    assert sys.float_info.min / 2 > 0.0
    with loop.flushed_denormals():
        loop.train(CONFIG, language(tokens), CPU)
        assert sys.float_info.min / 2 == 0.0


def test_float32_is_float32_in_products_and_convolutions(tokens: TokenSet, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_float32_matmul_precision()
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    torch.set_float32_matmul_precision("high")
    try:
        loop.train(CONFIG, language(tokens), CPU)
        assert torch.get_float32_matmul_precision() == "highest" and not torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before)


def test_the_curve_ends_with_the_run() -> None:
    one = replace(CONFIG, curve_points=1)
    assert loop.curve_steps(one) == [1, one.steps] and loop.check_interval(one.steps - 1, loop.curve_steps(one))[1] == one.steps
    for config in {cell.config for name in ("quick", "cpu2", "go", "lab01") for cell in grid(name).cells}:
        spaced = np.geomspace(max(1.0, config.steps / 1000), config.steps, config.curve_points).round().astype(int)
        assert loop.curve_steps(config) == sorted({*spaced.tolist(), *config.marks})  # as before the end was named


def test_micro_batches_change_nothing_but_rounding(tokens: TokenSet) -> None:
    whole, parts = (loop.train(CONFIG, language(tokens), CPU, micro_batch=size) for size in (None, 64))
    assert parts.losses["validation"].nats_per_token == pytest.approx(whole.losses["validation"].nats_per_token, rel=1e-5)


def test_an_interrupted_run_ends_with_the_same_bits(tokens: TokenSet, tmp_path: Path) -> None:
    config = LONGER
    whole = loop.train(config, language(tokens), CPU)
    stop_halfway(config, tokens, tmp_path)
    assert json.loads((tmp_path / "progress.json").read_text())["steps"] == config.steps
    assert 0 < checkpoint.load(tmp_path, *fresh(config))[0] < config.steps  # type: ignore[index]
    resumed = loop.train(config, language(tokens), CPU, work=tmp_path)
    assert same(whole, resumed)
    assert resumed.timing.resumed == 1


def test_a_stopped_run_ends_what_reads_for_it(tokens: TokenSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ahead(Feed):
        """Reads in a thread, as on a GPU."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.reader = ThreadPoolExecutor(1, thread_name_prefix="feed")

        _pinned = Feed._read

    def reading() -> bool:
        return any(thread.name.startswith("feed") for thread in threading.enumerate())

    monkeypatch.setattr(loop, "Feed", Ahead)
    with pytest.raises(Interrupted):
        loop.train(CONFIG, language(tokens), CPU, work=tmp_path, stop=reading)
    assert not reading()


def test_a_corrupt_checkpoint_gives_way_to_the_one_before(tokens: TokenSet, tmp_path: Path) -> None:
    config = LONGER
    whole = loop.train(config, language(tokens), CPU, work=tmp_path, checkpoint_seconds=0.0)
    newest, older = sorted(tmp_path.glob("*.safetensors"), reverse=True)
    body = bytearray(newest.read_bytes())
    body[len(body) // 2] ^= 1
    newest.write_bytes(bytes(body))
    found = checkpoint.load(tmp_path, *fresh(config))
    assert found is not None and found[0] == int(older.stem)
    assert same(whole, loop.train(config, language(tokens), CPU, work=tmp_path))


def fresh(config: object) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    from study.training.gpt import GPT
    from study.training.optim import build_optimiser

    model = GPT(config)  # type: ignore[arg-type]
    return model, build_optimiser(model, config)  # type: ignore[arg-type]


def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(tokens: TokenSet, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    whole = loop.train(LONGER, language(tokens), CPU)
    stop_halfway(LONGER, tokens, tmp_path)
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("0*")}
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_atomic", full)
        with pytest.raises(checkpoint.CheckpointError, match="No space left"):
            loop.train(LONGER, language(tokens), CPU, work=tmp_path, checkpoint_seconds=0.0)
    assert kept and {path.name: path.read_bytes() for path in tmp_path.glob("0*")} == kept
    resumed = loop.train(LONGER, language(tokens), CPU, work=tmp_path)
    assert same(whole, resumed) and resumed.timing.resumed == 1


def test_a_run_costs_its_hours(tokens: TokenSet) -> None:
    record = loop.train(CONFIG, language(tokens), CPU, price_per_hour=2.0)
    assert record.dollars == pytest.approx(2 * record.timing.total_wall / 3600) and record.dollars > 0


def test_divergence_is_a_record_with_its_reason(tokens: TokenSet) -> None:
    record = loop.train(replace(CONFIG, learning_rate=1e30), language(tokens), CPU)
    assert record.status == "diverged" and record.losses == {}
    assert "not finite" in record.reason or "worse than uniform" in record.reason


def test_a_run_that_overfits_beyond_a_uniform_guess_is_complete(tokens: TokenSet) -> None:
    noise = np.random.default_rng(0).integers(0, 64, 20_000).astype(np.uint16)
    config = replace(CONFIG, unique_tokens=1024, tokens=40_960, epochs=64, learning_rate=0.05)
    record = loop.train(config, language(replace(tokens, train=noise)), CPU)
    assert record.losses["train"].nats_per_token < math.log(64) < record.losses["validation"].nats_per_token
    assert record.status == "complete"


def test_a_model_that_the_last_step_broke_has_diverged(tokens: TokenSet) -> None:
    def undefined(*arguments: Any) -> Measured:
        found = task.final(*arguments)
        return replace(found, losses={name: replace(loss, nats_per_token=math.nan) for name, loss in found.losses.items()})

    task = language(tokens)
    record = loop.train(CONFIG, replace(task, final=undefined), CPU)
    assert record.status == "diverged" and record.losses == {} and record.reason == "final loss is not finite"


@pytest.mark.parametrize("name", ["cuda:7", "cuda:x", "cpu:one", "tpu"])
def test_a_device_that_is_not_there_is_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match=f"device '{name}' is not available here"):
        pick(name)
    assert pick("cuda:1") == torch.device("cuda:1")


def test_what_the_corpus_cannot_feed_is_refused(tokens: TokenSet) -> None:
    with pytest.raises(ConfigError, match="unique"):
        loop.train(replace(CONFIG, tokens=256 * 100), language(tokens), CPU)
    with pytest.raises(ConfigError, match="vocabulary"):
        loop.train(replace(CONFIG, vocabulary=32), language(tokens), CPU)
    with pytest.raises(ConfigError, match="out of distribution on python-source"):
        loop.train(replace(CONFIG, ood_corpus="python-source"), language(tokens), CPU)


def test_schedule_rises_to_the_peak_and_falls_to_zero() -> None:
    config = replace(CONFIG, tokens=256 * 100, warmup_fraction=0.1)
    rates = [learning_rate(config, step) for step in range(100)]
    assert rates[9] == config.learning_rate == max(rates)
    assert rates[0] == pytest.approx(config.learning_rate / 10)
    assert rates[-1] == pytest.approx(config.learning_rate / 90)
    steps = [b - a for a, b in pairwise(rates[10:])]
    assert max(steps) - min(steps) < 1e-12


def test_a_constant_rate_stays_at_the_peak_after_the_warm_up() -> None:
    config = replace(CONFIG, tokens=256 * 100, schedule="constant")
    rates = [learning_rate(config, step) for step in range(config.steps)]
    assert rates[:30] == [learning_rate(replace(config, schedule="linear"), step) for step in range(30)]
    assert rates[29:] == [config.learning_rate] * 71


def test_a_run_sees_its_unique_tokens_alone(tokens: TokenSet) -> None:
    config = replace(CONFIG, unique_tokens=1025, epochs=3)
    cut = replace(tokens, train=tokens.train[:1025], train_groups=tokens.train_groups[:1025])
    limited, whole = loop.train(config, language(tokens), CPU), loop.train(replace(config, unique_tokens=0), language(cut), CPU)
    assert limited.losses == whole.losses
    with pytest.raises(ConfigError, match="may see 1024 unique"):
        check_fit(replace(config, epochs=2), tokens, None)
    with pytest.raises(ConfigError, match="unique tokens; "):
        check_fit(replace(config, unique_tokens=len(tokens.train) + 1), tokens, None)


@pytest.mark.parametrize("change", [{"optimiser": "muon"}, {"token_shift": True}, {"optimiser": "muon", "token_shift": True}])
def test_every_recipe_resumes_with_the_same_bits(change: dict[str, object], tokens: TokenSet, tmp_path: Path) -> None:
    config = replace(LONGER, **change)  # type: ignore[arg-type]
    whole = loop.train(config, language(tokens), CPU)
    stop_halfway(config, tokens, tmp_path)
    resumed = loop.train(config, language(tokens), CPU, work=tmp_path)
    assert same(whole, resumed) and resumed.timing.resumed == 1


def test_noise_scale_estimates_recover_a_planted_gradient(tokens: TokenSet, monkeypatch: pytest.MonkeyPatch) -> None:
    # gradients of mean g and per-token covariance s / tokens: the two estimates are |g|^2 and s x dimension
    model, optimiser = fresh(CONFIG)
    steps, _ = loop._eager(CONFIG, language(tokens), CPU, model, optimiser, 256, loop.ALONE)
    run = loop._Run(CONFIG, language(tokens), CPU, steps)
    generator = torch.Generator().manual_seed(0)
    parameters = steps.parameters
    dimension = sum(p.numel() for p in parameters)

    def planted(_: int) -> torch.Tensor:
        for p in parameters:
            p.grad = torch.full_like(p, 0.1) + torch.randn(p.shape, generator=generator) * (4.0 / CONFIG.batch_tokens) ** 0.5
        return torch.tensor(0.0)

    monkeypatch.setattr(steps, "gradients", planted)
    square, trace = run.noise(0)
    assert square == pytest.approx(0.01 * dimension, rel=0.05)
    assert trace == pytest.approx(4.0 * dimension, rel=0.05)
