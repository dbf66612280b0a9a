"""The validation loss in parts: on tokens that could be copied and on the rest, and by position in the window.

A target is in the part

    window   if the three tokens before it stood earlier in its window;
    text     if not, and the eight tokens that end with it stand in the training text;
    new      otherwise.

Their shares and losses are metrics of the record, as are the losses of the positions 1-8, 9-16, 17-32 ... of the window.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from study.config import RunConfig
from study.data.seen import in_text, in_window
from study.data.stream import TokenSet, batch, windows
from study.record import Metric, clustered_mean
from study.training.evaluate import scored, windows_at_once
from study.training.task import Measured, Score, Task

TOKENS = 2**18  # of the validation set


def with_parts(task: Task, tokens: TokenSet) -> Task:
    """The same task, whose final evaluation measures the parts too."""
    def final(config: RunConfig, scores: Score, device: torch.device) -> Measured:
        found = task.final(config, scores, device)
        return Measured(found.losses, found.metrics | part_losses(config, tokens, scores, device))

    return replace(task, final=final)


def part_losses(config: RunConfig, tokens: TokenSet, scores: Score, device: torch.device) -> dict[str, Metric]:
    """Each part's share of the tokens and mean loss, nats a token; errors clustered by group of documents."""
    count = min(config.eval_tokens, TOKENS) // config.context
    index = np.arange(min(count, windows(tokens.validation, config.context)))
    data = batch(tokens.validation, index, config.context)
    groups = batch(np.asarray(tokens.validation_groups, np.uint16), index, config.context)[:, 1:]
    losses = np.concatenate([found for _, found in scored(scores, lambda chosen: data[chosen], len(data),
                                                          windows_at_once(config.context), device)])
    copied = in_window(data)
    known = in_text(np.asarray(tokens.train), data) & ~copied
    masks = {"window": copied, "text": known, "new": ~copied & ~known}
    out = {}
    for name, mask in masks.items():
        out[f"share_{name}"] = _mean(mask.astype(float), groups, "share")
        out[f"loss_{name}"] = _mean(losses[mask], groups[mask], "nats")
    for first, last in spans(config.context):
        out[f"loss_at_{first}_{last}"] = _mean(losses[:, first - 1 : last], groups[:, first - 1 : last], "nats")
    return out


def spans(context: int) -> list[tuple[int, int]]:
    """Positions 1 to 8, then doubling: (first, last), up to the context."""
    ends = [8]
    while ends[-1] < context:
        ends.append(min(2 * ends[-1], context))
    return [(first + 1, last) for first, last in zip([0, *ends], ends, strict=False)]


def _mean(values: NDArray[np.float64], groups: NDArray[np.int64], unit: str) -> Metric:
    if not values.size:
        return Metric(float("nan"), float("nan"), unit, 0)
    of, flat = groups.ravel(), values.ravel()
    sizes, sums = np.bincount(of), np.bincount(of, weights=flat)
    used = sizes > 0
    value, se = clustered_mean((sums[used] / sizes[used]).tolist(), sizes[used].tolist())
    return Metric(value, se, unit, int(flat.size))
