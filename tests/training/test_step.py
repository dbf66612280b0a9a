"""Captured steps are those of the plain loop; on a GPU they are replayed."""

from dataclasses import replace

import pytest
import torch

from study.bench.agreement import SMALL, difference, synthetic
from study.config import ConfigError
from study.training.language import language
from study.training.loop import train
from study.training.step import Captured

CONFIG = replace(SMALL, width=32, heads=1, layers=2, context=64, token_shift=True, tokens=20 * 1024, batch_tokens=1024,
                 eval_tokens=4096, curve_tokens=2048)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_captured_steps_train_the_same_run(optimiser: str, device: str) -> None:
    config = replace(CONFIG, optimiser=optimiser, tokens=60 * 1024)
    task = language(synthetic(config))
    plain, found = (train(config, task, torch.device(device), captured=captured) for captured in (False, True))
    assert difference(found, plain) < 1e-5
    assert [point.learning_rate for point in found.curve] == [point.learning_rate for point in plain.curve]
    for a, b in zip(found.curve, plain.curve, strict=True):
        assert a.gradient_norm == pytest.approx(b.gradient_norm, rel=1e-3)
        assert a.gradient_square == pytest.approx(b.gradient_square, rel=1e-2, abs=1e-6)


def test_a_set_up_leaves_the_parameters_as_they_were() -> None:
    from study.training.optim import build_optimiser

    task = language(synthetic(CONFIG))
    model = task.build(CONFIG)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimiser = build_optimiser(model, CONFIG)
    cpu = torch.device("cpu")
    assert task.on_device is not None
    steps = Captured(CONFIG, model, optimiser, model.loss, task.on_device(CONFIG, cpu), task.order(CONFIG), cpu)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    steps.step(0)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_in_bfloat16_muon_orthogonalises_in_bfloat16() -> None:
    from study.training.muon import Muon
    from study.training.optim import build_optimiser

    config = replace(CONFIG, optimiser="muon", precision="bfloat16")
    optimiser = build_optimiser(language(synthetic(config)).build(config), config)
    assert isinstance(optimiser, Muon) and optimiser.dtype == torch.bfloat16


def test_other_tasks_are_not_captured() -> None:
    task = replace(language(synthetic(CONFIG)), on_device=None)
    with pytest.raises(ConfigError, match="language models alone"):
        train(CONFIG, task, torch.device("cpu"), captured=True)
