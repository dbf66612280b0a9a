"""AdamW over the model's parameters, and the schedule: warm-up, then linear decay to zero over the run."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from study.config import RunConfig
from study.training.gpt import GPT


def learning_rate(config: RunConfig, step: int) -> float:
    """Learning rate of optimiser step `step` (0-based): up over w warm-up steps to the peak, then linear to zero.

    step < w: peak (step + 1) / w;  else: peak (S - step) / (S - w), so that the last step is peak / (S - w).
    """
    steps = config.steps
    warmup = min(max(1, round(config.warmup_fraction * steps)), steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    return config.learning_rate * (steps - step) / (steps - warmup)


def adamw(model: GPT, config: RunConfig, own: Iterable[Tensor] | None = None) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101), fused; the embedding has its own learning-rate multiple.

    Of the parameters `own` alone, where each process of a team updates its share.
    """
    chosen = {id(p) for p in (model.parameters() if own is None else own)}
    embedding = [model.embedding.weight]
    others = [p for name, p in model.named_parameters() if name != "embedding.weight"]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in embedding if id(p) in chosen], "multiplier": config.embedding_lr_multiplier},
        {"params": [p for p in others if id(p) in chosen], "multiplier": 1.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), eps=config.adam_epsilon,
                             weight_decay=config.weight_decay, fused=True)


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
