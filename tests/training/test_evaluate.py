"""The loss over a fixed set of tokens is that of a loop over its windows, whole and by group of documents."""

import math

import numpy as np
import pytest
import torch

from study.record import Loss
from study.training.evaluate import evaluate, windows_at_once

CONTEXT, COUNT = 32, 299
STREAM = np.random.default_rng(0).integers(0, 60, COUNT * CONTEXT + 20).astype(np.uint16)
GROUPS = np.repeat([0, 1, 4, 2, 5], [3001, 90, 2500, 17, 3980]).astype(np.uint8)  # uneven, none of group 3


def scores(data: torch.Tensor) -> torch.Tensor:
    return data[:, 1:].float()  # the loss of a token is the token


def evaluated(tokens: int, stream: np.ndarray = STREAM, **options: bool) -> Loss:
    return evaluate(scores, stream, GROUPS, context=CONTEXT, tokens=tokens, bytes_per_token=2.5, device=torch.device("cpu"),
                    **options)


def test_a_loss_is_that_of_a_loop() -> None:
    assert COUNT % windows_at_once(CONTEXT), "the last pass is not full"
    losses: dict[int, list[int]] = {}
    for start in range(0, COUNT * CONTEXT, CONTEXT):
        for place in range(start + 1, start + CONTEXT + 1):
            losses.setdefault(int(GROUPS[place]), []).append(int(STREAM[place]))
    found = evaluated(COUNT * CONTEXT + 5, keep_clusters=True)  # whole windows alone
    assert found.tokens == COUNT * CONTEXT
    assert found.nats_per_token == pytest.approx(np.concatenate(list(losses.values())).mean())
    assert found.cluster_tokens == tuple(len(losses[group]) for group in sorted(losses))
    assert found.cluster_means == pytest.approx([np.mean(losses[group]) for group in sorted(losses)])
    assert found.bits_per_byte == pytest.approx(found.nats_per_token / math.log(2) / 2.5)
    assert evaluated(COUNT * CONTEXT) == Loss(found.nats_per_token, found.se, found.bits_per_byte, found.tokens)


def test_as_many_windows_as_were_asked_for_and_no_more_than_there_are() -> None:
    assert evaluated(3 * CONTEXT + 31).nats_per_token == pytest.approx(STREAM[1 : 3 * CONTEXT + 1].mean())
    assert evaluated(10**6).tokens == COUNT * CONTEXT
    for tokens, stream in ((CONTEXT - 1, STREAM), (CONTEXT, STREAM[:CONTEXT])):
        with pytest.raises(ValueError, match="no window of 32 tokens"):
            evaluated(tokens, stream)
