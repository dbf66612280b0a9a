"""The residual network on Go positions, top to bottom: pre-activation blocks of 3x3 convolutions, a policy and a value head.

Shapes: B positions, 13 planes, 81 points, d channels, L blocks. The norm is over all channels and points of one position
(GroupNorm with one group, Wu & He 2018, arXiv 1803.08494), not over the batch: so the gradient of a batch is the mean of its
parts', in micro-batches and on several devices, and an evaluation computes what training does.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from study.config import GoConfig
from study.counts import GO_PLANES, GO_POINTS, ParameterCounts, config_counts

SIDE = math.isqrt(GO_POINTS)
POLICY_NATS, VALUE_NATS, POLICY_HIT, VALUE_HIT = range(4)  # columns of `ResNet.scores`


class Block(nn.Module):
    """x + conv(relu(norm(conv(relu(norm(x)))))) (He et al. 2016, arXiv 1603.05027)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(1, width), nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2, self.conv2 = nn.GroupNorm(1, width), nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(h)))


class ResNet(nn.Module):
    """The model of one GoConfig. A row is an example's bytes: planes, move, whether the mover won (data/go/positions.py)."""

    def __init__(self, config: GoConfig) -> None:
        super().__init__()
        d = config.width
        self.stem = nn.Conv2d(GO_PLANES, d, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(Block(d) for _ in range(config.layers))
        self.norm = nn.GroupNorm(1, d)
        self.point = nn.Conv2d(d, 1, 1, bias=False)  # the logit of a move at each point ...
        self.pass_ = nn.Linear(2 * d, 1)  # ... and of a pass, from the mean and the maximum of each channel
        self.hidden = nn.Linear(2 * d, d)
        self.value = nn.Linear(d, 1)
        for layer in self.modules():  # the same sums in another order of memory, a tenth faster on a CPU
            if isinstance(layer, nn.Conv2d):
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
        if counts(self) != config_counts(config):
            raise AssertionError(f"the model has {counts(self)}, study/counts.py says {config_counts(config)}")

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the moves (B, 82) and of the mover's win (B,), in float32, for planes (B, 13, 9, 9)."""
        x = self.stem(planes)
        for block in self.blocks:
            x = block(x)
        x = F.relu(self.norm(x))
        pooled = torch.cat((x.mean(dim=(2, 3)), x.amax(dim=(2, 3))), dim=1)
        moves = torch.cat((self.point(x).flatten(1), self.pass_(pooled)), dim=1)
        return moves.float(), self.value(F.relu(self.hidden(pooled))).squeeze(1).float()

    def scores(self, rows: Tensor) -> Tensor:
        """(B, 4): cross-entropy of the move and of the winner in nats, and whether the likeliest of each was right."""
        planes, move, won = unpack(rows)
        moves, win = self(planes)
        policy = F.cross_entropy(moves, move, reduction="none")
        value = F.binary_cross_entropy_with_logits(win, won, reduction="none")
        return torch.stack((policy, value, (moves.argmax(1) == move).float(), ((win > 0) == (won > 0.5)).float()), dim=1)

    def loss(self, rows: Tensor) -> Tensor:
        """Mean of policy and value cross-entropy, added: nats a position."""
        planes, move, won = unpack(rows)
        moves, win = self(planes)
        return F.cross_entropy(moves, move) + F.binary_cross_entropy_with_logits(win, won)


def unpack(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Planes (B, 13, 9, 9), moves (B,) and wins (B,) of examples (B, 13 x 81 + 2) in bytes."""
    planes = rows[:, :-2].reshape(-1, GO_PLANES, SIDE, SIDE).float()
    return planes, rows[:, -2].long(), rows[:, -1].float()


def counts(model: nn.Module) -> ParameterCounts:
    """Every parameter of the model."""
    return ParameterCounts(sum(parameter.numel() for parameter in model.parameters()), 0, 0)


def initialise(model: ResNet, seed: int) -> None:
    """Set every parameter from `seed`, on the CPU so that all devices start alike; each is named here.

    Matrices: uniform with variance 2 / fan_in (1 / fan_in for the planes, which are not rectified). What writes into the residual
    stream or gives logits starts at zero, and so do biases; gains at one.

    Raises:
        AssertionError: a parameter that this function does not know.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            *_, layer, kind = name.split(".")
            if kind == "bias" or layer in ("conv2", "point", "pass_", "value"):
                parameter.zero_()
            elif layer in ("norm", "norm1", "norm2"):
                parameter.fill_(1.0)
            elif layer in ("stem", "conv1", "hidden"):
                bound = math.sqrt((3.0 if layer == "stem" else 6.0) / parameter[0].numel())
                parameter.copy_(torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator))
            else:
                raise AssertionError(f"no initialisation is written for {name}")


def grows(name: str) -> bool:
    """Whether a parameter is a matrix whose fan-in grows with the width: of the blocks and the heads, not of the stem."""
    *_, layer, kind = name.split(".")
    return kind == "weight" and layer in ("conv1", "conv2", "point", "pass_", "hidden", "value")


def build_optimiser(model: ResNet, config: GoConfig, own: Iterable[Tensor]) -> torch.optim.Optimizer:
    """AdamW over the parameters `own`, fused; matrices with a growing fan-in have base_width / width of the rate.

    The rule of muP for Adam (Yang et al. 2022, arXiv 2203.03466, table 8), whose output layers here start at zero.
    """
    chosen = {id(parameter) for parameter in own}
    named = [(name, parameter) for name, parameter in model.named_parameters() if id(parameter) in chosen]
    groups: list[dict[str, Any]] = [
        {"params": [parameter for name, parameter in named if grows(name)], "multiplier": config.base_width / config.width},
        {"params": [parameter for name, parameter in named if not grows(name)], "multiplier": 1.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), eps=config.adam_epsilon,
                             weight_decay=config.weight_decay, fused=True)
