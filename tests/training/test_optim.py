"""What the config says of the optimiser reaches it, and gradients are clipped by their joint norm."""

from dataclasses import replace

import pytest
import torch

from study.training.gpt import GPT
from study.training.optim import build_optimiser, clip_gradients, set_learning_rate
from tests.makers import CONFIG


@pytest.mark.parametrize(("limit", "factor"), [(6.0, 1.0), (1.0, 0.2)])
def test_gradients_change_only_where_their_joint_norm_is_above_the_limit(limit: float, factor: float) -> None:
    before = [torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [4.0]])]
    after = [gradient.clone() for gradient in before]
    assert clip_gradients(iter(after), limit).item() == 5.0  # the norm before
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, factor * one, rtol=1e-6 if factor < 1 else 0.0, atol=0.0)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_the_optimiser_has_the_config_s_settings(optimiser: str) -> None:
    config = replace(CONFIG, optimiser=optimiser, beta1=0.8, beta2=0.9, adam_epsilon=1e-6, weight_decay=0.2,
                     embedding_lr_multiplier=3.0)
    model = GPT(config)
    made = build_optimiser(model, config)
    set_learning_rate(made, 0.01)
    groups = {id(parameter): group for group in made.param_groups for parameter in group["params"]}
    assert set(groups) == {id(parameter) for parameter in model.parameters()}
    for name, parameter in model.named_parameters():
        group = groups[id(parameter)]
        assert group["lr"] == pytest.approx(0.03 if name == "embedding.weight" else 0.01), name
        if optimiser == "muon" and name.startswith("blocks."):
            assert "betas" not in group and made.weight_decay == 0.2  # type: ignore[attr-defined]
        else:
            assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.8, 0.9), 1e-6, 0.2), name
