"""The loss in parts: which tokens are copied, against loops by hand; and a task that measures them trains the same bits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from study.data.seen import in_text, in_window
from study.data.stream import TokenSet, batch
from study.training.language import language
from study.training.loop import train
from study.training.parts import part_losses, spans, with_parts
from tests.makers import CONFIG


def text(seed: int, count: int = 4000) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, count).astype(np.uint16)


def test_copies_in_the_window_are_those_of_a_loop() -> None:
    windows = batch(text(0), np.arange(20), 24)
    found = in_window(windows, 3)
    assert found.shape == (20, 24) and 0.1 < found.mean() < 0.9
    for row, mask in zip(windows.tolist(), found.tolist(), strict=True):
        grams = [tuple(row[j - 3 : j]) if j >= 3 else None for j in range(1, 25)]
        assert mask == [gram is not None and gram in grams[:j] for j, gram in enumerate(grams)]


def test_what_stands_in_the_text_is_that_of_a_set() -> None:
    train_text, windows = text(1, 3000), batch(text(2), np.arange(20), 24)
    grams = {tuple(train_text[i : i + 8].tolist()) for i in range(len(train_text) - 7)}
    found = in_text(train_text, windows, 8)
    assert 0.1 < found.mean() < 0.9
    for row, mask in zip(windows.tolist(), found.tolist(), strict=True):
        assert mask == [j >= 7 and tuple(row[j - 7 : j + 1]) in grams for j in range(1, 25)]


def test_the_parts_add_up_to_the_loss_and_uniform_scores_are_equal_in_each(tokens: TokenSet) -> None:
    config = replace(CONFIG, eval_tokens=3200)

    def scores(data: torch.Tensor) -> torch.Tensor:
        return data[:, 1:].float()  # the loss of a token is the token

    found = part_losses(config, tokens, scores, torch.device("cpu"))
    targets = batch(tokens.validation, np.arange(100), config.context)[:, 1:]
    names = ("window", "text", "new")
    assert sum(found[f"share_{name}"].value for name in names) == pytest.approx(1)
    assert sum(found[f"share_{name}"].value * found[f"loss_{name}"].value for name in names if found[f"loss_{name}"].count) \
        == pytest.approx(targets.mean())
    assert spans(32) == [(1, 8), (9, 16), (17, 32)] and spans(20) == [(1, 8), (9, 16), (17, 20)]
    assert found["loss_at_9_16"].value == pytest.approx(targets[:, 8:16].mean())
    assert all(found[f"loss_{name}"].count == round(3200 * found[f"share_{name}"].value) for name in names)


def test_measuring_the_parts_does_not_change_the_run(tokens: TokenSet) -> None:
    torch.set_num_threads(1)
    task = language(tokens)
    plain, measured = (train(CONFIG, each, torch.device("cpu")) for each in (task, with_parts(task, tokens)))
    assert plain.losses == measured.losses and plain.curve == measured.curve
    assert plain.metrics == {} and "loss_window" in measured.metrics
