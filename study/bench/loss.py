"""CPU-seconds to a given validation loss, beside a GPT-2 as nanoGPT trains it, on the same tokens and the same cores.

Both train runs of growing D, each with its own whole schedule, until the loss is below the target; between the two runs about it
ln(CPU-seconds) is linear in the loss. Seconds are those of training: compilation and evaluation are reported apart.

The study: its third recipe at its tuned rate and batch. The peer: transformers' GPT-2 of the same shape with tied embeddings;
AdamW (0.9, 0.95), weight decay 0.1 on matrices, clipping at 1, a warm-up of 5 % and a cosine to a tenth of the peak (nanoGPT's
train.py); its context, learning rate and batch are swept first at `TUNE_TOKENS`, and the best of them race.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from study.bench.machine import machine
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
CONTEXTS, BATCHES, RATES = (64, 256), (1024, 4096), (1e-3, 2e-3, 4e-3, 8e-3)
GROWTH = 1.5  # of D from one run to the next
MOST_RUNS = 14  # of an arm's seed: D grows 200 times


@dataclass(frozen=True)
class Trained:
    """One run: its tokens, the CPU-seconds of its training and of everything, its validation loss (nats a token)."""

    tokens: int
    cpu_seconds: float
    total_cpu_seconds: float
    loss: float


Run = Callable[[int, int], Trained]  # of tokens and seed


def bench_loss(tokens: TokenSet, device: torch.device, *, width: int = 64, target: float = 3.0, seeds: Sequence[int] = (0, 1, 2),
               start_tokens: int = 2_000_000, eval_tokens: int = 2**19, tune_tokens: int = TUNE_TOKENS,
               progress: Callable[[str], None] = print) -> dict[str, Any]:
    """CPU-seconds of both arms to `target`, a seed each, and their ratio."""
    torch.set_num_threads(1)
    facts = machine("torch", "transformers", "numpy")
    base = replace(COPYING, corpus=tokens.name, vocabulary=tokens.vocabulary, ood_corpus="", width=width, layers=LADDER[width],
                   heads=heads(width), eval_tokens=eval_tokens, curve_tokens=2**13, curve_points=2)
    tuning = []
    for context, batch_tokens, rate in product(CONTEXTS, BATCHES, RATES):
        config = replace(base, context=context, batch_tokens=batch_tokens, learning_rate=rate,
                         tokens=whole_batches(tune_tokens, batch_tokens))
        progress(f"tuning the peer: context {context}, batch {batch_tokens}, rate {rate:g}")
        tuning.append({"context": context, "batch_tokens": batch_tokens, "learning_rate": rate,
                       **asdict(train_peer(config, tokens, device))})
    best = min((row for row in tuning if math.isfinite(row["loss"])), key=lambda row: row["loss"])
    peer = replace(base, **{name: best[name] for name in ("context", "batch_tokens", "learning_rate")})

    def of_study(count: int, seed: int) -> Trained:
        size = TUNED.batch_tokens(count)
        return train_study(replace(base, batch_tokens=size, learning_rate=TUNED.learning_rate(width, size), seed=seed,
                                   tokens=whole_batches(count, size)), tokens, device)

    def of_peer(count: int, seed: int) -> Trained:
        return train_peer(replace(peer, tokens=whole_batches(count, peer.batch_tokens), seed=seed), tokens, device)

    arms = {name: [race(run, seed, target, start_tokens, lambda line, name=name: progress(f"{name}: {line}"))  # type: ignore[misc]
                   for seed in seeds] for name, run in (("study", of_study), ("peer", of_peer))}
    seconds = {name: [to_target(runs, target) for runs in races] for name, races in arms.items()}
    ratios = [theirs / ours for ours, theirs in zip(seconds["study"], seconds["peer"], strict=True)]
    return {"ratio": statistics.median(ratios), "ratios": ratios, "target": target, "cpu_seconds": seconds,
            "runs": {name: [[asdict(run) for run in runs] for runs in races] for name, races in arms.items()},
            "peer": {name: best[name] for name in ("context", "batch_tokens", "learning_rate")}, "tuning": tuning,
            "width": width, "corpus": tokens.name, "device": describe(device), "machine": facts,
            "about": " ".join((__doc__ or "").split())}


def race(run: Run, seed: int, target: float, start_tokens: int, progress: Callable[[str], None]) -> list[Trained]:
    """Runs of growing D until one is below the target: at least two, so that there is one on each side or a line through two."""
    runs: list[Trained] = []
    count = float(start_tokens)
    while len(runs) < MOST_RUNS and (len(runs) < 2 or runs[-1].loss > target):
        progress(f"seed {seed}, {count / 1e6:.1f} M tokens")
        runs.append(run(int(count), seed))
        count *= GROWTH
    return runs


def to_target(runs: Sequence[Trained], target: float) -> float:
    """CPU-seconds at the target by ln(seconds) linear in the loss, between the last two runs; nan when it was never reached."""
    before, after = runs[-2], runs[-1]
    if after.loss > target:
        return math.nan
    share = (before.loss - target) / (before.loss - after.loss)
    return math.exp((1 - share) * math.log(before.cpu_seconds) + share * math.log(after.cpu_seconds))


def train_study(config: RunConfig, tokens: TokenSet, device: torch.device) -> Trained:
    """The study's own loop."""
    record = train(config, language(tokens), device)
    return Trained(config.tokens, record.timing.train_cpu, record.timing.total_cpu,
                   record.losses["validation"].nats_per_token if record.losses else math.inf)


def train_peer(config: RunConfig, tokens: TokenSet, device: torch.device) -> Trained:
    """GPT-2 as nanoGPT trains it: see the module's docstring. The shape, context, batch, peak rate and seed are the config's."""
    begun = time.process_time()
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
            return Trained(config.tokens, seconds, time.process_time() - begun, math.inf)
    seconds *= config.steps / max(1, config.steps - 1)
    model.eval()
    found = evaluate(torch.compile(token_losses, dynamic=False), tokens.validation, tokens.validation_groups,
                     context=config.context, tokens=config.eval_tokens, bytes_per_token=tokens.validation_bytes_per_token,
                     device=device)
    return Trained(config.tokens, seconds, time.process_time() - begun, found.nats_per_token)


def nanogpt_rate(config: RunConfig, step: int) -> float:
    """Linear warm-up over 5 % of the steps, then a cosine to a tenth of the peak."""
    warm = max(1, round(0.05 * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, config.steps - warm)
    return config.learning_rate * (0.1 + 0.45 * (1 + float(np.cos(np.pi * share))))
