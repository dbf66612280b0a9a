"""The transformer, top to bottom: decoder-only, pre-norm RMSNorm without gain, rotary positions, QK-norm, squared-ReLU MLP.

Shapes: B sequences, T tokens of context, V tokens of vocabulary, d width, L layers, H heads of dimension h = d / H.
No biases, untied embeddings; the projections that write into the residual stream and the unembedding start at zero.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from study.config import RunConfig
from study.counts import ParameterCounts, config_counts

ROTARY_BASE = 10_000.0


def norm(x: Tensor) -> Tensor:
    """RMSNorm without gain over the last dimension."""
    return F.rms_norm(x, (x.size(-1),))


def rotary_table(context: int, head_dim: int) -> tuple[Tensor, Tensor]:
    """cos and sin of position x frequency, each (T, h/2) (Su et al. 2021, arXiv 2104.09864)."""
    frequency = ROTARY_BASE ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angle = torch.outer(torch.arange(context, dtype=torch.float64), frequency)
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the two halves of each head: x is (B, H, T, h)."""
    x1, x2 = x.chunk(2, dim=-1)
    return torch.cat((x1 * cos + x2 * sin, x2 * cos - x1 * sin), dim=-1)


def shift(x: Tensor) -> Tensor:
    """Token shift: the upper half of the channels are those of the token before, zero for the first; x is (B, T, d).

    Without parameters or FLOPs it gives every layer what an induction head's first layer has to learn: the token before
    (the "smeared keys" of Olsson et al. 2022, arXiv 2209.11895; Peng et al. 2023, arXiv 2305.13048).
    """
    same, before = x.chunk(2, dim=-1)
    return torch.cat((same, F.pad(before, (0, 0, 1, -1))), dim=-1)


def smear(k: Tensor) -> Tensor:
    """Shifted keys: the slower half of the rotary pairs of each head are those of the token before, zero for the first.

    A query then finds what followed an earlier copy of its token, the attention of an induction head, in one layer (the "smeared
    keys" of Olsson et al. 2022, without their learned weight). k is (B, H, T, h).
    """
    fast, slow, fast_too, slow_too = k.chunk(4, dim=-1)
    return torch.cat((fast, F.pad(slow, (0, 0, 1, -1)), fast_too, F.pad(slow_too, (0, 0, 1, -1))), dim=-1)


class Attention(nn.Module):
    """Causal self-attention with QK-norm: a logit is `scale` times the cosine of query and key, and so at most `scale`.

    A scale of 0 stands for sqrt(h), at which logits of random queries and keys have variance 1. With few dimensions it leaves
    attention blunt: with h = 32 one key of 64 gets at most 82 % of the weight, where all others are orthogonal to the query,
    with h = 16 at most 46 % (a larger, learned scale: Henry et al. 2020, arXiv 2010.04245).
    """

    def __init__(self, width: int, heads: int, scale: float, key_shift: bool) -> None:
        super().__init__()
        self.heads = heads
        self.key_shift = key_shift
        self.scale = scale * heads / width if scale else None  # of the product of two vectors of squared norm h
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        B, T, d = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        if self.key_shift:
            k = smear(k)
        q, k = rotate(norm(q), cos, sin), rotate(norm(k), cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        return self.out(y.transpose(1, 2).reshape(B, T, d))


class MLP(nn.Module):
    """Two matrices around a squared ReLU, hidden width 4 d (So et al. 2021, arXiv 2109.08668)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.relu(self.up(x)).square())


class Block(nn.Module):
    """x + attention(norm(x)), the normed input shifted if asked for, then x + mlp(norm(x))."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.token_shift = config.token_shift
        self.attention = Attention(config.width, config.heads, config.attention_scale, config.key_shift)
        self.mlp = MLP(config.width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        h = norm(x)
        x = x + self.attention(shift(h) if self.token_shift else h, cos, sin)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    """The model of one RunConfig. `forward(tokens)` gives logits; `loss(windows)` the mean cross-entropy."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.unembedding = nn.Linear(config.width, config.vocabulary, bias=False)
        cos, sin = rotary_table(config.context, config.width // config.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        expected = config_counts(config)
        if counts(self) != expected:
            raise AssertionError(f"the model has {counts(self)}, study/counts.py says {expected}")

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) in float32 for tokens (B, T)."""
        x = norm(self.embedding(tokens))
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return self.unembedding(norm(x)).float()

    def token_losses(self, windows: Tensor) -> Tensor:
        """Cross-entropy of each prediction, (B, T) nats, for windows (B, T + 1)."""
        logits = self(windows[:, :-1])
        targets = windows[:, 1:].reshape(-1)
        return F.cross_entropy(logits.flatten(0, 1), targets, reduction="none").view(windows.size(0), -1)

    def loss(self, windows: Tensor) -> Tensor:
        """Mean cross-entropy in nats a token for windows (B, T + 1)."""
        logits = self(windows[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].reshape(-1))


def counts(model: GPT) -> ParameterCounts:
    """Every parameter of the model, by kind."""
    embedding, unembedding = model.embedding.weight.numel(), model.unembedding.weight.numel()
    total = sum(parameter.numel() for parameter in model.parameters())
    return ParameterCounts(total - embedding - unembedding, embedding, unembedding)


def initialise(model: GPT, seed: int) -> None:
    """Set every parameter from `seed`, on the CPU so that all devices start alike.

    Matrices: uniform with variance 1 / fan_in. Embedding: standard normal. Residual projections and unembedding: zero. With
    `copy_start` the shifted dimensions of the keys start as those of the queries: a shifted key is the query of its token.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        draw = torch.empty(parameter.shape)
        if name.startswith("embedding"):
            draw.normal_(generator=generator)
        elif name.endswith(("out.weight", "down.weight", "unembedding.weight")):
            draw.zero_()
        else:
            bound = math.sqrt(3.0 / parameter.size(1))
            draw.uniform_(-bound, bound, generator=generator)
            if model.config.copy_start and name.endswith("qkv.weight"):
                q, k, _ = draw.view(3, model.config.heads, 4, -1, parameter.size(1))
                k[:, 1::2] = q[:, 1::2]
        with torch.no_grad():
            parameter.copy_(draw)
