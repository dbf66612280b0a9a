"""CPU-seconds to a given validation loss, beside a GPT-2 as nanoGPT trains it, on the same tokens and the same cores.

Each arm's tokens at the target are found by runs with whole schedules (`race`). They do not depend on how busy a machine is: these
runs are kept in a file and trained once. CPU-seconds a token do: they are measured last, both arms by turns, and want an idle
machine. They are those of training; compilation and evaluation are left out.

The study: its third recipe at its tuned rate and batch. The peer: transformers' GPT-2 of the same shape with tied embeddings;
AdamW (0.9, 0.95), weight decay 0.1 on matrices, clipping at 1, a warm-up of 5 % and a cosine to a tenth of the peak (nanoGPT's
train.py); its context, learning rate and batch are swept at `TUNE_TOKENS`, and half and twice the rate and twice the batch where
it meets the target.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from study.bench.machine import machine
from study.bench.race import LEAST_GROWTH, Trained, at_target, kept, race
from study.bench.train import gpt2
from study.config import RunConfig, whole_batches
from study.data.stream import TokenSet, batch, train_order, windows
from study.grids.cpu2 import TUNED
from study.grids.ladder import COPYING, LADDER, heads
from study.training.device import describe
from study.training.evaluate import evaluate
from study.training.language import language
from study.training.loop import train
from study.training.optim import clip_gradients

TUNE_TOKENS = 1_500_000
CONTEXTS, BATCHES, RATES = (64, 256), (512, 1024, 4096), (1e-3, 2e-3, 4e-3, 8e-3)
SPEED_TOKENS, SPEED_EVALUATED = 300_000, 2**13  # of a turn

Recipe = Callable[[int, int], RunConfig]  # of tokens and seed
Train = Callable[[RunConfig], Trained]


def bench_loss(tokens: TokenSet, device: torch.device, notes: Path, *, width: int = 64, target: float = 3.0,
               seeds: Sequence[int] = (0, 1, 2), start_tokens: int = 2_000_000, eval_tokens: int = 2**19,
               tune_tokens: int = TUNE_TOKENS, speed_tokens: int = SPEED_TOKENS, turns: int = 5,
               progress: Callable[[str], None] = print) -> dict[str, Any]:
    """CPU-seconds of both arms to `target`, by seed, and their ratio. Runs that the file `notes` holds are not trained again."""
    torch.set_num_threads(1)
    base = replace(COPYING, corpus=tokens.name, vocabulary=tokens.vocabulary, ood_corpus="", width=width, layers=LADDER[width],
                   heads=heads(width), eval_tokens=eval_tokens, curve_tokens=2**13, curve_points=2)
    arms: dict[str, Train] = {"study": partial(train_study, tokens=tokens, device=device),
                              "peer": partial(train_peer, tokens=tokens, device=device)}

    def trained(name: str, config: RunConfig) -> Trained:
        key = f"{name} {config.run_id} context {config.context} batch {config.batch_tokens} rate {config.learning_rate:g}"
        progress(key)
        return kept(notes, key, lambda: arms[name](config))

    def run(name: str, recipe: Recipe, seed: int, count: int) -> Trained:
        return trained(name, recipe(count, seed))

    def meet(name: str, recipe: Recipe, start: float, seeds: Sequence[int] = seeds) -> list[float]:
        found: list[float] = []
        for seed in seeds:
            begin = found[0] / LEAST_GROWTH if found and math.isfinite(found[0]) else start
            found.append(at_target(race(partial(run, name, recipe, seed), target, begin), target))
        return found

    swept = sweep(base, partial(trained, "peer"), tune_tokens)
    first = meet("peer", partial(_sized, swept), start_tokens, seeds[:1])[0]
    best = swept if math.isnan(first) else best_beside(swept, partial(trained, "peer"), int(first), seeds[0])
    recipes: dict[str, Recipe] = {"study": partial(_by_rule, base), "peer": partial(_sized, best)}
    met = {name: meet(name, recipe, start_tokens) for name, recipe in recipes.items()}
    short: dict[str, RunConfig] = {}
    for name, counts in met.items():
        long = recipes[name](int(np.nanmedian([start_tokens] if np.isnan(counts).all() else counts)), 0)
        short[name] = replace(long, tokens=whole_batches(speed_tokens, long.batch_tokens), eval_tokens=SPEED_EVALUATED)
    facts = machine("torch", "transformers", "numpy")  # before the seconds: how busy others keep the machine
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(turns):
        for name in list(arms)[:: 1 if turn % 2 else -1]:  # nobody is always first
            progress(f"speed of {name}: turn {turn + 1} of {turns}")
            found = arms[name](short[name])
            seconds[name].append(found.cpu_seconds / found.tokens)
    cost = {name: [count * statistics.median(seconds[name]) for count in met[name]] for name in arms}
    ratios = [theirs / ours for ours, theirs in zip(cost["study"], cost["peer"], strict=True)]
    return {"ratio": statistics.median(ratios), "ratios": ratios, "target": target, "cpu_seconds": cost, "tokens": met,
            "cpu_seconds_a_token": seconds,
            "peer": {name: getattr(best, name) for name in ("context", "batch_tokens", "learning_rate")},
            "width": width, "corpus": tokens.name, "device": describe(device), "machine": facts,
            "about": " ".join((__doc__ or "").split())}


def sweep(base: RunConfig, trained: Train, count: int) -> RunConfig:
    """The context, batch and rate of the lowest loss at `count` tokens."""
    configs = [_sized(base, count, 0, context=context, batch_tokens=size, learning_rate=rate)
               for context, size, rate in product(CONTEXTS, BATCHES, RATES)]
    return _lowest(configs, trained)


def best_beside(config: RunConfig, trained: Train, count: int, seed: int) -> RunConfig:
    """The lowest loss at `count` tokens of the settings, half or twice their rate, or twice their batch.

    The best of short runs need not be that of long ones, and the best batch grows with the tokens.
    """
    rate, size = config.learning_rate, config.batch_tokens
    settings = [(rate, size), (rate / 2, size), (2 * rate, size), (rate, 2 * size)]
    return _lowest([_sized(config, count, seed, learning_rate=rate, batch_tokens=size) for rate, size in settings], trained)


def _lowest(configs: Sequence[RunConfig], trained: Train) -> RunConfig:
    losses = [trained(config).loss for config in configs]
    return configs[int(np.argmin([loss if math.isfinite(loss) else math.inf for loss in losses]))]


def _sized(config: RunConfig, count: int, seed: int, **changes: Any) -> RunConfig:
    return replace(config, tokens=whole_batches(count, changes.get("batch_tokens", config.batch_tokens)), seed=seed, **changes)


def _by_rule(base: RunConfig, count: int, seed: int) -> RunConfig:
    size = TUNED.batch_tokens(count)
    return _sized(base, count, seed, batch_tokens=size, learning_rate=TUNED.learning_rate(base.width, size))


def train_study(config: RunConfig, tokens: TokenSet, device: torch.device) -> Trained:
    """The study's own loop."""
    record = train(config, language(tokens), device)
    loss = record.losses["validation"].nats_per_token if record.losses else math.inf
    return Trained(config.tokens, record.timing.train_cpu, loss)


def train_peer(config: RunConfig, tokens: TokenSet, device: torch.device) -> Trained:
    """GPT-2 as nanoGPT trains it: see the module's docstring. The shape, context, batch, peak rate and seed are the config's."""
    torch.compiler.reset()
    model = gpt2(config, tied=True, seed=config.seed).to(device)
    parameters = list(model.parameters())
    groups = [{"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
              {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.95), fused=True)

    def token_losses(data: Tensor) -> Tensor:
        logits = model(input_ids=data[:, :-1], use_cache=False).logits.float()
        return F.cross_entropy(logits.flatten(0, 1), data[:, 1:].reshape(-1), reduction="none").view(data.shape[0], -1)

    compiled = torch.compile(token_losses, dynamic=False)
    rows = config.batch_tokens // config.context
    order = train_order(windows(tokens.train, config.context), config.seed)
    seconds = 0.0
    for step in range(config.steps):
        data = torch.from_numpy(batch(tokens.train, order[step * rows : (step + 1) * rows], config.context)).to(device)
        started = time.process_time()
        for group in optimiser.param_groups:
            group["lr"] = nanogpt_rate(config, step)
        optimiser.zero_grad(set_to_none=True)
        mean = compiled(data).mean()
        mean.backward()
        clip_gradients([p.grad for p in parameters if p.grad is not None], 1.0)
        optimiser.step()
        seconds += time.process_time() - started if step else 0.0  # the first step compiles
        if step % 100 == 0 and not math.isfinite(float(mean.detach())):
            return Trained(config.tokens, seconds, math.inf)
    seconds *= config.steps / max(1, config.steps - 1)
    model.eval()
    found = evaluate(torch.compile(token_losses, dynamic=False), tokens.validation, tokens.validation_groups,
                     context=config.context, tokens=config.eval_tokens, bytes_per_token=tokens.validation_bytes_per_token,
                     device=device)
    return Trained(config.tokens, seconds, found.nats_per_token)


def nanogpt_rate(config: RunConfig, step: int) -> float:
    """Linear warm-up over 5 % of the steps, then a cosine to a tenth of the peak."""
    warm = max(1, round(0.05 * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, config.steps - warm)
    return config.learning_rate * (0.1 + 0.45 * (1 + float(np.cos(np.pi * share))))
