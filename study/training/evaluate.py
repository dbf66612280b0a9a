"""Losses over fixed sets of tokens, with standard errors clustered by group of documents."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.data.stream import batch, windows
from study.record import Loss, clustered_mean

TokenLosses = Callable[[Tensor], Tensor]  # windows (B, T + 1) -> nats (B, T)
TOKENS_AT_ONCE = 4096  # keep the logits of a small vocabulary in the cache
Stream = NDArray[np.unsignedinteger[Any]]


def windows_at_once(context: int) -> int:
    """How many windows one forward pass of an evaluation holds."""
    return max(1, TOKENS_AT_ONCE // context)


def scored(scores: TokenLosses, rows: Callable[[NDArray[np.int64]], NDArray[Any]], count: int, at_once: int,
           device: torch.device) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """The scores of rows 0 to `count`, `at_once` in a pass: their indices and what `scores` gives, in double precision."""
    for start in range(0, count, at_once):
        index = np.arange(start, min(start + at_once, count))
        full = np.resize(index, at_once)  # the last batch is filled up: one shape, one compilation
        with torch.no_grad():
            found = scores(torch.from_numpy(rows(full)).to(device))
        yield index, found[: len(index)].double().cpu().numpy()


def evaluate(token_losses: TokenLosses, stream: Stream, groups: Stream, *, context: int, tokens: int, bytes_per_token: float,
             device: torch.device, keep_clusters: bool = False) -> Loss:
    """Mean loss over the first `tokens` tokens (whole windows) of `stream`, whose tokens belong to document `groups`.

    Raises:
        ValueError: the stream has not one whole window.
    """
    count = min(tokens // context, windows(stream, context))
    if count < 1:
        raise ValueError(f"no window of {context} tokens to evaluate on")
    sums = np.zeros(int(groups.max()) + 1)
    sizes = np.zeros(len(sums), dtype=np.int64)
    at_once = windows_at_once(context)
    for index, losses in scored(token_losses, lambda chosen: batch(stream, chosen, context), count, at_once, device):
        kept = losses.ravel()
        of = batch(groups, index, context)[:, 1:].ravel()
        sums += np.bincount(of, weights=kept, minlength=len(sums))
        sizes += np.bincount(of, minlength=len(sums))
    used = sizes > 0
    means = tuple((sums[used] / sizes[used]).tolist())
    weights = tuple(sizes[used].tolist())
    mean, error = clustered_mean(means, weights)
    clusters = (means, weights) if keep_clusters else ((), ())
    return Loss(mean, error, mean / (math.log(2) * bytes_per_token), int(sizes.sum()), *clusters)
