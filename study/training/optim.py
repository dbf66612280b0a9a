"""The optimisers over a model's parameters, and the schedule: warm-up, then decay to zero, or a constant rate."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from study.config import Config, RunConfig
from study.training.gpt import GPT
from study.training.muon import Muon


def learning_rate(config: Config, step: int) -> float:
    """Learning rate of optimiser step `step` (0-based): up over w warm-up steps to the peak, then to zero, or constant.

    step < w: peak (step + 1) / w;  else with the share left f = (S - step) / (S - w), which ends at 1 / (S - w):
    linear: peak f;  cosine: peak (1 - cos(pi f)) / 2.
    """
    steps = config.steps
    warmup = min(config.warmup_steps, steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "cosine":
        return config.learning_rate * (1 - math.cos(math.pi * (steps - step) / (steps - warmup))) / 2
    return config.learning_rate * (steps - step) / (steps - warmup)


def build_optimiser(model: GPT, config: RunConfig, own: Iterable[Tensor] | None = None) -> torch.optim.Optimizer:
    """The config's optimiser over `model`'s parameters; the embedding has its own learning-rate multiple.

    AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101), fused, for all; with "muon" the matrices of the blocks are Muon's.
    Of the parameters `own` alone, where each process of a team updates its share.
    """
    chosen = {id(p) for p in (model.parameters() if own is None else own)}
    named = [(name, parameter) for name, parameter in model.named_parameters() if id(parameter) in chosen]
    embedding = [parameter for name, parameter in named if name == "embedding.weight"]
    hidden = [parameter for name, parameter in named if config.optimiser == "muon" and is_hidden(name)]
    others = [parameter for name, parameter in named
              if name != "embedding.weight" and not (config.optimiser == "muon" and is_hidden(name))]
    groups: list[dict[str, Any]] = [{"params": embedding, "multiplier": config.embedding_lr_multiplier},
                                    {"params": others, "multiplier": 1.0}]
    adamw = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), eps=config.adam_epsilon,
                              weight_decay=config.weight_decay, fused=True)
    if config.optimiser == "adamw":
        return adamw
    return Muon(hidden, adamw, weight_decay=config.weight_decay,
                dtype=torch.bfloat16 if config.precision == "bfloat16" else torch.float32)


def is_hidden(name: str) -> bool:
    """Whether a parameter is a matrix of a block, neither embedding nor unembedding."""
    return name.startswith("blocks.")


def moment_names(optimiser: torch.optim.Optimizer, name: str) -> tuple[str, ...]:
    """The moments that `optimiser` holds of the parameter called `name`."""
    return ("momentum",) if isinstance(optimiser, Muon) and is_hidden(name) else ("exp_avg", "exp_avg_sq")


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's learning rate to its multiple of `rate`."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["multiplier"]


def clip_gradients(gradients: Iterable[Tensor], limit: float) -> Tensor:
    """Scale gradients in place so that their joint norm is at most `limit`; returns the norm before."""
    gradients = list(gradients)
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return norm


def square_norm(gradients: Iterable[Tensor]) -> float:
    """|g|^2 over all tensors."""
    return float(sum(float(n) ** 2 for n in torch._foreach_norm(list(gradients))))
