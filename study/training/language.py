"""The task of language: windows of a token stream, the transformer, the mean cross-entropy of the next token."""

import math
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.config import ConfigError, RunConfig
from study.data.stream import TokenSet, batch, train_order, windows
from study.training.evaluate import evaluate, windows_at_once
from study.training.gpt import GPT, initialise
from study.training.optim import build_optimiser
from study.training.task import Measured, Score, Task


def language(tokens: TokenSet, ood: TokenSet | None = None) -> Task:
    """Training on `tokens`, evaluated out of distribution on `ood` where the config names it."""

    def build(config: RunConfig) -> GPT:
        model = GPT(config)
        initialise(model, config.seed)
        return model

    def curve_metrics(config: RunConfig, scores: Score, device: torch.device) -> tuple[float, dict[str, float]]:
        found = evaluate(scores, tokens.validation, tokens.validation_groups, context=config.context, tokens=config.curve_tokens,
                         device=device, bytes_per_token=tokens.validation_bytes_per_token)
        return found.nats_per_token, {}

    @cache
    def resident(device: torch.device) -> Tensor:
        return torch.from_numpy(tokens.train.astype(np.int32)).to(device)

    def on_device(config: RunConfig, device: torch.device) -> Score:
        stream, offsets = resident(device), torch.arange(config.context + 1, device=device)
        return lambda rows: stream[rows[:, None] * config.context + offsets].long()

    return Task(
        check=lambda config, team: check_fit(config, tokens, ood, team), build=build, optimiser=build_optimiser, loss=GPT.loss,
        scores=GPT.token_losses, reader=lambda config: partial(batch, visible(tokens, config), context=config.context),
        order=partial(_order, tokens), rows_at_once=lambda config: windows_at_once(config.context), curve_metrics=curve_metrics,
        final=partial(_final, tokens, ood), uniform_loss=lambda config: math.log(config.vocabulary), sha256=tokens.sha256,
        ood_sha256=ood.sha256 if ood else "", bytes_per_token=tokens.bytes_per_token, on_device=on_device)


def check_fit(config: RunConfig, tokens: TokenSet, ood: TokenSet | None, team: int = 1) -> None:
    """The corpus can feed this run, and its batch a team of so many processes.

    Raises:
        ConfigError: another vocabulary, D beyond the unique tokens without `epochs`, or a batch of unequal parts.
    """
    if config.batch_tokens % (config.context * team):
        raise ConfigError(f"{config.run_id}: a batch of {config.batch_tokens // config.context} sequences has no "
                          f"{team} equal parts: choose --devices-per-run that divides it")
    if tokens.vocabulary != config.vocabulary:
        raise ConfigError(f"corpus {tokens.name} has a vocabulary of {tokens.vocabulary}, the run wants {config.vocabulary}")
    unique = windows(visible(tokens, config), config.context) * config.context
    if config.unique_tokens > len(tokens.train):
        raise ConfigError(f"{config.run_id} wants {config.unique_tokens} unique tokens; {tokens.name} has {len(tokens.train)}")
    if config.tokens > unique * config.epochs:
        raise ConfigError(f"{config.run_id} wants {config.tokens} tokens; it may see {unique} unique ones of {tokens.name}: "
                          "lower D or set epochs")
    if bool(config.ood_corpus) != (ood is not None):
        named = config.ood_corpus or "no corpus"
        raise ConfigError(f"{config.run_id} is to be evaluated out of distribution on {named}, which is not what was given")


def visible(tokens: TokenSet, config: RunConfig) -> NDArray[np.uint16]:
    """The train tokens that the run may see. Packaged corpora are in the order of a hash, so a prefix is a random sample."""
    return tokens.train[: config.unique_tokens or None]


def _order(tokens: TokenSet, config: RunConfig) -> NDArray[np.int64]:
    count = windows(visible(tokens, config), config.context)
    return np.concatenate([train_order(count, config.seed + (epoch << 32)) for epoch in range(config.epochs)])


def _final(tokens: TokenSet, ood: TokenSet | None, config: RunConfig, scores: Score, device: torch.device) -> Measured:
    """Validation on `eval_tokens`; a fixed train subset and the out-of-distribution corpus on half as many."""
    train = visible(tokens, config)
    sets = {"validation": (tokens.validation, tokens.validation_groups, tokens.validation_bytes_per_token),
            "train": (train[: len(tokens.train_groups)], tokens.train_groups[: len(train)], tokens.bytes_per_token)}
    if ood is not None:
        sets["ood"] = (ood.validation, ood.validation_groups, ood.validation_bytes_per_token)
    full = config.eval_tokens
    return Measured({name: evaluate(scores, stream, groups, context=config.context,
                                    tokens=full if name == "validation" else full // 2, bytes_per_token=size, device=device,
                                    keep_clusters=name == "validation")
                     for name, (stream, groups, size) in sets.items()})
