"""Muon: what it orthogonalises, its state, and that a run with it stops and resumes like any other."""

from dataclasses import replace

import pytest
import torch

from study.training import checkpoint
from study.training.gpt import GPT, initialise
from study.training.muon import orthogonalised, square_blocks
from study.training.optim import build_optimiser, is_hidden, set_learning_rate
from tests.makers import CONFIG

MUON = replace(CONFIG, optimiser="muon", width=32, layers=2)


def stepped(steps: int, seed: int = 0) -> tuple[GPT, torch.optim.Optimizer]:
    model = GPT(MUON)
    initialise(model, seed)
    return model, advance(model, build_optimiser(model, MUON), steps)


def advance(model: GPT, optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.Optimizer:
    generator = torch.Generator().manual_seed(7)
    for _ in range(steps):
        set_learning_rate(optimiser, 0.02)
        optimiser.zero_grad()
        model.loss(torch.randint(0, 64, (4, 33), generator=generator)).backward()
        optimiser.step()
    return optimiser


def test_orthogonalising_keeps_the_singular_vectors_and_evens_the_values() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 16, 64)
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    inner = u.mT @ orthogonalised(x) @ v.mT
    values = inner.diagonal(dim1=1, dim2=2)
    assert values.min() > 0.6 and values.max() < 1.3
    assert (inner - torch.diag_embed(values)).abs().max() < 1e-4
    assert (s[:, 0] / s[:, -1]).min() > 2  # which they were not


def test_q_k_and_v_are_orthogonalised_apart_and_every_block_is_wide() -> None:
    assert [tuple(block.shape) for block in square_blocks(torch.zeros(48, 16))] == [(16, 16)] * 3
    assert [tuple(block.shape) for block in square_blocks(torch.zeros(64, 16))] == [(16, 64)]
    assert [tuple(block.shape) for block in square_blocks(torch.zeros(16, 64))] == [(16, 64)]


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_the_first_step_is_decay_and_the_orthogonalised_gradient_at_adamw_s_size(decay: float) -> None:
    model = GPT(MUON)
    initialise(model, 0)
    for parameter in model.parameters():  # zeros would pass no gradient
        torch.nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(parameter.numel()))
    optimiser = build_optimiser(model, replace(MUON, weight_decay=decay))
    set_learning_rate(optimiser, 0.02)
    down = model.blocks[0].mlp.down.weight  # type: ignore[union-attr]
    before = (1 - 0.02 * decay) * down.detach()  # type: ignore[operator]
    model.loss(torch.randint(0, 64, (4, 33))).backward()
    optimiser.step()
    expected = -0.02 * 0.2 * 128**0.5 * orthogonalised(down.grad[None])[0]  # type: ignore[index]
    assert torch.allclose(down.detach() - before, expected, atol=1e-5)  # type: ignore[operator]
    assert 0.1 * 0.02 < (down.detach() - before).square().mean().sqrt() < 0.3 * 0.02  # type: ignore[operator]


def test_only_the_matrices_of_the_blocks_are_muon_s() -> None:
    model, optimiser = stepped(1)
    for name, parameter in model.named_parameters():
        assert set(optimiser.state[parameter]) >= ({"momentum"} if is_hidden(name) else {"exp_avg", "exp_avg_sq"})
    assert optimiser.state[model.embedding.weight].keys() & {"momentum"} == set()


def test_a_restored_checkpoint_goes_on_with_the_same_bits(tmp_path: object) -> None:
    whole, _ = stepped(5)
    model, optimiser = stepped(3)
    checkpoint.save(tmp_path, 3, model, optimiser, {})  # type: ignore[arg-type]
    again = GPT(MUON)
    initialise(again, 1)
    fresh = build_optimiser(again, MUON)
    assert checkpoint.load(tmp_path, again, fresh) is not None  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(7)
    batches = [torch.randint(0, 64, (4, 33), generator=generator) for _ in range(5)]
    for batch in batches[3:]:
        set_learning_rate(fresh, 0.02)
        fresh.zero_grad()
        again.loss(batch).backward()
        fresh.step()
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_either_lowers_the_loss_of_a_batch_that_it_repeats(optimiser: str) -> None:
    config = replace(MUON, optimiser=optimiser)
    model = GPT(config)
    initialise(model, 0)
    made = build_optimiser(model, config)
    windows = torch.randint(0, 64, (4, 33), generator=torch.Generator().manual_seed(3))
    first = model.loss(windows).item()
    for _ in range(30):
        set_learning_rate(made, 0.01)
        made.zero_grad()
        model.loss(windows).backward()
        made.step()
    assert model.loss(windows).item() < first - 1.0
