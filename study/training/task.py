"""The seam between the loop and what it trains: `language.py` and `go.py` each make a `Task`, `loop.train` knows nothing else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from study.record import Loss, Metric
from study.training.feed import Read

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Measured:
    """What an evaluation of a model gives: losses and metrics by name (`RunRecord`)."""

    losses: dict[str, Loss]
    metrics: dict[str, Metric] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """Functions of the data and of one kind of config and model, which is the first argument of each.

    A row is what the model sees as one: a window of tokens, a position. Rows reach the device as one tensor a batch.
    """

    check: Callable[[Any, int], None]  # that the data feed the run, and its batch a team of so many; raises ConfigError
    build: Callable[[Any], nn.Module]  # the model, every tensor set from the seed, on the CPU so that all devices start alike
    optimiser: Callable[[Any, Any, Iterable[Tensor]], torch.optim.Optimizer]  # of the model, over the parameters given
    loss: Callable[[Any, Tensor], Tensor]  # of a batch, its mean
    scores: Callable[[Any, Tensor], Tensor]  # of a batch, what evaluations add up
    reader: Callable[[Any], Read]  # rows of the training set
    order: Callable[[Any], NDArray[np.int64]]  # rows of the whole run, in turn
    rows_at_once: Callable[[Any], int]  # in one pass of an evaluation
    curve_metrics: Callable[[Any, Score, torch.device], tuple[float, dict[str, float]]]  # validation loss, metrics
    final: Callable[[Any, Score, torch.device], Measured]
    uniform_loss: Callable[[Any], float]  # of a guess: above it a run has diverged
    sha256: str  # of the data
    ood_sha256: str = ""
    bytes_per_token: float | None = None
    on_device: Callable[[Any, torch.device], Score] | None = None  # rows of the training set by their index, read on the device
