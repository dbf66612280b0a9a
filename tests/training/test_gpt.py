"""The transformer: counts, causality, initial loss."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from study.counts import config_counts, exact_flops_per_token
from study.training.gpt import GPT, Attention, Block, counts, initialise, norm, rotary_table, rotate, shift, smear
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


@pytest.mark.parametrize(("token_shift", "key_shift"), [(False, False), (True, False), (False, True), (True, True)])
def test_no_token_sees_the_future(token_shift: bool, key_shift: bool) -> None:
    torch.manual_seed(0)
    model = GPT(replace(CONFIG, layers=2, token_shift=token_shift, key_shift=key_shift))
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


def test_shifted_keys_are_whole_rotary_pairs_of_the_token_before() -> None:
    k = torch.arange(2 * 3 * 8.0).view(1, 2, 3, 8) + 1  # h = 8: pairs (0, 4), (1, 5), (2, 6), (3, 7), the fastest first
    shifted = smear(k)
    assert torch.equal(shifted[..., [0, 1, 4, 5]], k[..., [0, 1, 4, 5]])
    assert torch.equal(shifted[:, :, 1:, [2, 3, 6, 7]], k[:, :, :-1, [2, 3, 6, 7]])
    assert not shifted[:, :, 0, [2, 3, 6, 7]].any()


def test_attention_that_starts_from_copying_finds_what_followed_a_token_last_time() -> None:
    config = replace(CONFIG, width=64, heads=2, layers=1, context=64, batch_tokens=64, tokens=64, token_shift=True,
                     key_shift=True, attention_scale=12.0)
    first, second = torch.randperm(64, generator=torch.Generator().manual_seed(0))[:30].split(15)
    tokens = torch.cat((first, second, first))[None]  # of the last 15 each stood 30 places before

    def weight(copy_start: bool) -> float:
        model = GPT(replace(config, copy_start=copy_start))
        initialise(model, 0)
        (block,) = model.blocks
        assert isinstance(block, Block)
        q, k, _ = block.attention.qkv(shift(norm(norm(model.embedding(tokens))))).view(1, 45, 3, 2, 32).permute(2, 0, 3, 1, 4)
        q, k = rotate(norm(q), model.cos[:45], model.sin[:45]), rotate(norm(smear(k)), model.cos[:45], model.sin[:45])
        logits = (12 / 32 * q @ k.transpose(-1, -2)).masked_fill(torch.ones(45, 45).triu(1).bool(), -torch.inf)
        return float(logits.softmax(-1).diagonal(-29, dim1=-2, dim2=-1)[..., 2:].mean().detach())  # to the successor of the copy

    assert weight(True) > 5 * weight(False)


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
