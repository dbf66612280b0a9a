"""The transformer: counts, causality, initial loss."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from study.counts import config_counts, exact_flops_per_token
from study.training.gpt import GPT, Attention, counts, initialise, norm, rotary_table, rotate, shift
from tests.makers import CONFIG


def test_counts_agree_with_the_torch_free_ones() -> None:
    for width, layers, heads in ((16, 1, 1), (48, 3, 2), (64, 2, 4)):
        config = replace(CONFIG, width=width, layers=layers, heads=heads)
        assert counts(GPT(config)) == config_counts(config)


def test_flops_agree_with_torch_s_own_counter() -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    config = replace(CONFIG, width=64, layers=2, heads=2)
    model = GPT(config)
    initialise(model, 0)
    windows = torch.randint(0, 64, (2, config.context + 1))
    # Plain attention forms the whole square of scores, twice the causal half, and its products are counted.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model.loss(windows).backward()
    linear = 6 * config_counts(config).multiplying
    causal = exact_flops_per_token(64, 2, 64, config.context) - linear
    assert counter.get_total_flops() == 2 * config.context * (linear + 2 * causal)


def test_the_loss_starts_at_ln_v() -> None:
    model = GPT(CONFIG)
    initialise(model, 0)
    windows = torch.randint(0, 64, (3, 33))
    assert abs(model.loss(windows).item() - math.log(64)) < 1e-5
    assert torch.allclose(model.token_losses(windows).mean(), model.loss(windows))


@pytest.mark.parametrize("token_shift", [False, True])
def test_no_token_sees_the_future(token_shift: bool) -> None:
    torch.manual_seed(0)
    model = GPT(replace(CONFIG, layers=2, token_shift=token_shift))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    tokens = torch.randint(0, 64, (1, 32))
    changed = tokens.clone()
    changed[0, 20:] = (changed[0, 20:] + 1) % 64
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :20], after[:, :20])
    assert not torch.allclose(before[:, 20], after[:, 20])


def test_the_scale_of_the_logits_is_that_of_unit_variance_or_the_config_s() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 16, 32)
    blunt, same, sharp = (Attention(32, 2, scale, False) for scale in (0.0, 4.0, 400.0))  # h = 16
    for other in (same, sharp):
        other.load_state_dict(blunt.state_dict())
    table = rotary_table(16, 16)
    assert torch.allclose(blunt(x, *table), same(x, *table), atol=1e-6)
    q, k, v = sharp.qkv(x).view(2, 16, 3, 2, 16).permute(2, 0, 3, 1, 4)
    q, k = rotate(norm(q), *table), rotate(norm(k), *table)
    cosine = F.cosine_similarity(q[:, :, :, None], k[:, :, None], dim=-1)
    best = cosine.masked_fill(torch.ones(16, 16).triu(1).bool(), -2.0).argmax(dim=-1)
    hard = v.gather(2, best[..., None].expand(-1, -1, -1, 16)).transpose(1, 2).reshape(2, 16, 32)
    near = (sharp(x, *table) - sharp.out(hard)).norm() / hard.norm()
    assert near < 0.1 < (blunt(x, *table) - blunt.out(hard)).norm() / hard.norm()


def test_initialisation_depends_on_the_seed_alone() -> None:
    def weights(seed: int) -> torch.Tensor:
        model = GPT(CONFIG)
        initialise(model, seed)
        return torch.cat([p.flatten() for p in model.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_rotation_keeps_lengths_and_depends_on_distance_alone() -> None:
    cos, sin = rotary_table(16, 8)
    q, k = torch.randn(8), torch.randn(8)
    rotated_q, rotated_k = (rotate(x.expand(1, 1, 16, 8), cos, sin)[0, 0] for x in (q, k))
    assert torch.allclose(rotated_q.norm(dim=-1), q.norm().expand(16), atol=1e-5)
    products = rotated_q @ rotated_k.T
    assert torch.allclose(products.diagonal(3), products[0, 3].expand(13), atol=1e-4)
    assert torch.allclose(norm(q).square().mean(), torch.tensor(1.0), atol=1e-4)


def test_a_shift_takes_half_of_the_channels_from_the_token_before() -> None:
    x = torch.arange(24.0).view(1, 4, 6)
    shifted = shift(x)
    assert torch.equal(shifted[..., :3], x[..., :3])
    assert torch.equal(shifted[:, 1:, 3:], x[:, :-1, 3:])
    assert not shifted[:, 0, 3:].any()
