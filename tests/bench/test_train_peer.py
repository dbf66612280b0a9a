"""The training bench beside transformers, at a small size. Needs the extra `bench`: `make test-extras`."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from study.bench import loss, train
from study.bench.loss import bench_loss
from study.bench.race import Trained
from study.config import RunConfig
from study.counts import config_counts
from study.data.stream import TokenSet
from study.training.gpt import GPT
from tests.makers import token_stream

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # those of what transformers loads
CONFIG = RunConfig(corpus="none", vocabulary=128, width=32, layers=2, heads=2, tokens=256, batch_tokens=256, learning_rate=1e-3,
                   context=64)


def test_the_peer_has_the_same_shape() -> None:
    model, ours = train.gpt2(CONFIG), config_counts(CONFIG)
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    matrices = sum(n for name, n in sizes.items() if name.startswith("transformer.h.") and "weight" in name and ".ln_" not in name)
    assert matrices == ours.non_embedding
    assert sizes["transformer.wte.weight"] == ours.embedding and sizes["lm_head.weight"] == ours.unembedding
    tokens = torch.randint(0, 128, (2, 64))
    assert model(input_ids=tokens, use_cache=False).logits.shape == GPT(CONFIG)(tokens).shape
    assert model.config._attn_implementation == "sdpa"


def test_every_arm_learns() -> None:
    """One batch again and again: each arm's step lowers its own loss, so each is a whole step."""
    torch.set_num_threads(1)
    windows = torch.randint(0, 128, (4, 65), generator=torch.Generator().manual_seed(0))
    for compiled in (False, True):
        model = train.gpt2(CONFIG)
        before = torch.nn.functional.cross_entropy(model(windows[:, :-1]).logits.flatten(0, 1), windows[:, 1:].reshape(-1)).item()
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)

        def loss(data: torch.Tensor, model: torch.nn.Module = model) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(model(data[:, :-1]).logits.flatten(0, 1), data[:, 1:].reshape(-1))

        step = train._step(torch.compile(loss, dynamic=False) if compiled else loss, optimiser, list(model.parameters()), CONFIG)
        for _ in range(10):
            step(windows)
        assert loss(windows).item() < before - 0.1


def test_a_small_bench() -> None:
    body = train.bench_train(torch.device("cpu"), widths=(32,), vocabulary=128, context=64, batch_tokens=256, turns=2, seconds=0.05,
                             progress=lambda _: None)
    speeds = body["rows"][0]["tokens_per_second"]
    assert set(speeds) == set(train.ARMS) and min(speeds.values()) > 0
    assert body["ratio_vs_transformers_eager"] > 0 and body["ratio_vs_transformers_compiled"] > 0
    assert 0 < body["fraction_of_matmul_peak"]["32"] < 1
    assert body["machine"]["versions"]["transformers"]


def test_both_arms_learn_and_the_ratio_is_that_of_their_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.zeros(20_000, np.uint8)
    tokens = TokenSet("sotu", tmp_path, 64, 2.0, 2.0, "", token_stream(600_000, 64, 0), token_stream(20_000, 64, 1), groups, groups)
    for name, value in (("CONTEXTS", (64,)), ("BATCHES", (1024,)), ("RATES", (4e-3, 1e-2))):
        monkeypatch.setattr(loss, name, value)
    notes, said = tmp_path / "runs.json", []
    sizes = {"width": 16, "target": 1.2, "seeds": (0,), "start_tokens": 60_000, "eval_tokens": 8192, "tune_tokens": 60_000,
             "speed_tokens": 20_000, "turns": 2}
    body = bench_loss(tokens, torch.device("cpu"), notes, progress=said.append, **sizes)
    assert body["ratio"] == pytest.approx(body["cpu_seconds"]["peer"][0] / body["cpu_seconds"]["study"][0])
    for name in ("study", "peer"):
        assert body["cpu_seconds"][name][0] == pytest.approx(body["tokens"][name][0] * np.median(body["cpu_seconds_a_token"][name]))
    trained = json.loads(notes.read_text())
    assert set(trained) == {line for line in said if not line.startswith("speed")}
    peers = [run for key, run in trained.items() if key.startswith("peer")]
    assert min(run["loss"] for run in peers) < 1.2 < max(run["loss"] for run in peers) < math.log(64) + 0.5
    monkeypatch.setattr(loss, "train_peer", lambda config, **_: Trained(config.tokens, 1.0, 0.0))
    again = bench_loss(tokens, torch.device("cpu"), notes, progress=lambda _: None, **sizes)
    assert again["tokens"] == body["tokens"] and json.loads(notes.read_text()) == trained  # nothing was trained again
