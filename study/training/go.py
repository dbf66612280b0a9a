"""The task of Go: positions, the residual network, the engine's next move and the winner, by game."""

import math
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from study.config import ConfigError, GoConfig
from study.data.go.positions import Positions, PositionSet, rows
from study.data.go.rules import POINTS
from study.data.go.symmetry import COUNT
from study.data.stream import train_order
from study.record import Loss, Metric, clustered_mean
from study.training.evaluate import scored
from study.training.resnet import POLICY_HIT, POLICY_NATS, VALUE_HIT, VALUE_NATS, ResNet, build_optimiser, initialise
from study.training.task import Measured, Score, Task

ROWS_AT_ONCE = 256  # positions in one pass of an evaluation
SYMMETRY_STREAM = 2  # beside a seed, for the symmetries drawn; `train_order` has 1
METRICS = {"policy_loss": (POLICY_NATS, "nats"), "value_loss": (VALUE_NATS, "nats"),
           "policy_accuracy": (POLICY_HIT, "share"), "value_accuracy": (VALUE_HIT, "share")}


def go(data: PositionSet) -> Task:
    """Training on `data.train`, evaluated on the games of `data.test` and on the first positions trained on."""

    def build(config: GoConfig) -> ResNet:
        model = ResNet(config)
        initialise(model, config.seed)
        return model

    return Task(
        check=partial(check_fit, data), build=build, optimiser=build_optimiser, loss=ResNet.loss, scores=ResNet.scores,
        reader=lambda config: partial(rows, data.train[: config.positions]), order=order,
        rows_at_once=lambda _: ROWS_AT_ONCE, curve_metrics=partial(_curve_metrics, data), final=partial(_final, data),
        uniform_loss=lambda _: math.log(POINTS + 1) + math.log(2), sha256=data.sha256)


def check_fit(data: PositionSet, config: GoConfig, team: int = 1) -> None:
    """The positions can feed this run, and its batch a team of so many processes.

    Raises:
        ConfigError: more positions than there are, none to test on, or a batch of unequal parts.
    """
    if config.batch % team:
        raise ConfigError(f"{config.run_id}: a batch of {config.batch} positions has no {team} equal parts: "
                          "choose --devices-per-run that divides it")
    if config.positions > len(data.train):
        raise ConfigError(f"{config.run_id} wants {config.positions} train positions; {data.name} has {len(data.train)}")
    if not len(data.test):
        raise ConfigError(f"{data.name} has no positions to test on: all its games are for training")


def order(config: GoConfig) -> NDArray[np.int64]:
    """Examples of the whole run in turn, 8 i + s for position i turned by symmetry s: each position once an epoch."""
    epochs = []
    for epoch in range(config.epochs):
        seed = config.seed + (epoch << 32)
        raw = np.random.PCG64(np.random.SeedSequence([seed, SYMMETRY_STREAM])).random_raw(config.positions)
        turned = (raw % COUNT).astype(np.int64) if config.symmetries else 0
        epochs.append(train_order(config.positions, seed) * COUNT + turned)
    return np.concatenate(epochs)


def evaluate(scores: Score, positions: Positions, count: int, device: torch.device, *,
             keep_clusters: bool = False) -> tuple[Loss, dict[str, Metric]]:
    """Mean loss (policy + value) and metrics over the first `count` positions, unturned; errors clustered by game."""
    some = positions[: min(count, len(positions))]
    found = np.empty((len(some), len(METRICS)))
    for index, batch in scored(scores, lambda chosen: rows(some, chosen * COUNT), len(some), ROWS_AT_ONCE, device):
        found[index] = batch
    _, of, sizes = np.unique(some.game, return_inverse=True, return_counts=True)
    weights = tuple(sizes.tolist())

    def clustered(values: NDArray[np.float64]) -> tuple[float, float, tuple[float, ...]]:
        means = tuple((np.bincount(of, weights=values) / sizes).tolist())
        return *clustered_mean(means, weights), means

    mean, error, means = clustered(found[:, POLICY_NATS] + found[:, VALUE_NATS])
    loss = Loss(mean, error, math.nan, len(some), *((means, weights) if keep_clusters else ((), ())))
    metrics = {}
    for name, (column, unit) in METRICS.items():
        value, se, by_game = clustered(found[:, column])
        metrics[name] = Metric(value, se, unit, len(some), by_game if keep_clusters else ())
    return loss, metrics


def _curve_metrics(data: PositionSet, config: GoConfig, scores: Score, device: torch.device) -> tuple[float, dict[str, float]]:
    """The loss on test positions; their metrics, and loss and metrics on half as many of those trained on."""
    loss, test = evaluate(scores, data.test, config.curve_positions, device)
    seen, train = evaluate(scores, data.train[: config.positions], config.curve_positions // 2, device)
    return loss.nats_per_token, {
        **{f"validation_{name}": metric.value for name, metric in test.items()}, "train_eval_loss": seen.nats_per_token,
        **{f"train_eval_{name}": metric.value for name, metric in train.items()}}


def _final(data: PositionSet, config: GoConfig, scores: Score, device: torch.device) -> Measured:
    sets = {"validation": (data.test, config.eval_positions),
            "train": (data.train[: config.positions], config.eval_positions // 2)}
    found = {name: evaluate(scores, some, count, device, keep_clusters=name == "validation")
             for name, (some, count) in sets.items()}
    return Measured({name: loss for name, (loss, _) in found.items()},
                    {f"{name}_{metric}": value for name, (_, metrics) in found.items() for metric, value in metrics.items()})
