"""Training steps a second beside `transformers`' GPT-2 of the same shape, vocabulary, context and batch, on the same cores.

Both: untied embeddings, no dropout, scaled_dot_product_attention, no key-value cache, the same AdamW (fused) and clipping,
the whole step (forward, backward, clip, update). Arms take turns, so that whatever else the machine does meets all of them;
ratios are paired within a turn.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from study.bench.machine import machine
from study.config import RunConfig
from study.counts import config_counts, config_flops_per_token
from study.extras import need
from study.grids.ladder import LADDER, heads
from study.inference.observations import geometric_mean
from study.training.device import describe, functions, matmul_peak, synchronise
from study.training.gpt import GPT, initialise
from study.training.optim import build_optimiser, clip_gradients

SHAPES = {width: (LADDER[width], heads(width)) for width in (32, 48, 64, 96, 128, 192, 256)}  # the cpu grid's, and one wider
ARMS = ("study_eager", "study_compiled", "transformers_eager", "transformers_compiled")
Step = Callable[[Tensor], None]


def bench_train(device: torch.device, *, widths: Sequence[int] = tuple(SHAPES), vocabulary: int = 1024, context: int = 256,
                batch_tokens: int = 2048, precision: str = "float32", threads: int = 1, turns: int = 7,
                seconds: float = 3.0, progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Tokens a second of every arm at every width, the ratios, and the share of the measured matmul peak.

    The headline ratios compare the study's compiled step, which its grids train with, with the other's eager and compiled.

    Raises:
        ExtraError: transformers is not installed.
    """
    need("transformers", "study bench train")
    torch.set_num_threads(threads)
    facts, peaks = machine("torch", "transformers", "numpy"), []
    rows: list[dict[str, Any]] = []
    for width in widths:
        layers, H = SHAPES[width]
        config = RunConfig(corpus="none", vocabulary=vocabulary, width=width, layers=layers, heads=H, tokens=batch_tokens,
                           batch_tokens=batch_tokens, learning_rate=1e-3, context=context, precision=precision)
        progress(f"width {width}: compiling")
        arms = _arms(config, device)
        windows = torch.from_numpy(np.random.default_rng(0).integers(0, vocabulary, (batch_tokens // context, context + 1)))
        windows = windows.to(device)
        counts = {name: _calibrate(step, windows, device, seconds) for name, step in arms.items()}
        speeds: dict[str, list[float]] = {name: [] for name in arms}
        for turn in range(turns):
            progress(f"width {width}: turn {turn + 1} of {turns}")
            peaks.append(matmul_peak.__wrapped__(device, precision, threads))
            for name in np.roll(ARMS, turn).tolist():  # nobody is always first
                speeds[name].append(counts[name] * batch_tokens / _time(arms[name], windows, device, counts[name]))
        rows.append({"width": width, "layers": layers, "heads": H, "parameters": config_counts(config).total,
                     "flops_per_token": config_flops_per_token(config),
                     "tokens_per_second": {name: statistics.median(values) for name, values in speeds.items()},
                     "turns": speeds, "ratios": _ratios(speeds)})
    peak = max(peaks)
    fraction = {str(row["width"]): row["tokens_per_second"]["study_compiled"] * row["flops_per_token"] / peak for row in rows}
    return {"ratio_vs_transformers_eager": geometric_mean([row["ratios"]["compiled_vs_eager"] for row in rows]),
            "ratio_vs_transformers_compiled": geometric_mean([row["ratios"]["compiled_vs_compiled"] for row in rows]),
            "ratio_eager_vs_transformers_eager": geometric_mean([row["ratios"]["eager_vs_eager"] for row in rows]),
            "fraction_of_matmul_peak": fraction, "matmul_peak": peak, "device": describe(device), "precision": precision,
            "threads": threads, "vocabulary": vocabulary, "context": context, "batch_tokens": batch_tokens, "rows": rows,
            "machine": facts, "about": " ".join((__doc__ or "").split())}


def _ratios(speeds: dict[str, list[float]]) -> dict[str, float]:
    pairs = {"compiled_vs_eager": ("study_compiled", "transformers_eager"),
             "compiled_vs_compiled": ("study_compiled", "transformers_compiled"),
             "eager_vs_eager": ("study_eager", "transformers_eager")}
    return {name: statistics.median(a / b for a, b in zip(speeds[ours], speeds[theirs], strict=True))
            for name, (ours, theirs) in pairs.items()}


def _arms(config: RunConfig, device: torch.device) -> dict[str, Step]:
    compiled = _study(replace(config, compiled=True), device)  # first: a new shape resets the compiler
    return {"study_eager": _study(config, device), "study_compiled": compiled,
            "transformers_eager": _transformers(config, device, False),
            "transformers_compiled": _transformers(config, device, True)}


def _study(config: RunConfig, device: torch.device) -> Step:
    model = GPT(config).to(device)
    initialise(model, 0)
    loss_of, _ = functions(model.loss, model.token_losses, config, device)
    return _step(loss_of, build_optimiser(model, config), list(model.parameters()), config)


def _transformers(config: RunConfig, device: torch.device, compiled: bool) -> Step:
    model = gpt2(config).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(config.beta1, config.beta2),
                                  eps=config.adam_epsilon, weight_decay=config.weight_decay, fused=True)

    def loss(windows: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.precision == "bfloat16"):
            logits = model(input_ids=windows[:, :-1], use_cache=False).logits
        return F.cross_entropy(logits.float().flatten(0, 1), windows[:, 1:].reshape(-1))

    return _step(torch.compile(loss, dynamic=False) if compiled else loss, optimiser, list(model.parameters()), config)


def gpt2(config: RunConfig, *, tied: bool = False, seed: int = 0) -> Any:
    """`transformers`' GPT-2 of a run's shape: d, L, H, V, T alike, hidden width 4 d; it has gains, biases and learned positions."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=config.vocabulary, n_positions=config.context, n_embd=config.width, n_layer=config.layers, n_head=config.heads,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False, tie_word_embeddings=tied, attn_implementation="sdpa",
        bos_token_id=0, eos_token_id=0)).train()


def _step(loss_of: Callable[[Tensor], Tensor], optimiser: torch.optim.Optimizer, parameters: list[Tensor],
          config: RunConfig) -> Step:
    def step(windows: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss_of(windows).backward()
        clip_gradients([p.grad for p in parameters if p.grad is not None], config.gradient_clip)
        optimiser.step()

    return step


def _calibrate(step: Step, windows: Tensor, device: torch.device, seconds: float) -> int:
    """Steps that take about `seconds`, after warming up."""
    for _ in range(3):
        step(windows)
    return max(1, round(seconds / (_time(step, windows, device, 2) / 2)))


def _time(step: Step, windows: Tensor, device: torch.device, count: int) -> float:
    synchronise(device)
    start = time.perf_counter()
    for _ in range(count):
        step(windows)
    synchronise(device)
    return time.perf_counter() - start
