"""Muon: momentum whose every square block is orthogonalised, for the matrices of the blocks; AdamW beside it for the rest."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

# Coefficients of the quintic Newton-Schulz iteration and their number of steps: Jordan et al. 2024,
# kellerjordan.github.io/posts/muon. The singular values end between about 0.7 and 1.2.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5
MOMENTUM = 0.95
EPSILON = 1e-7


def orthogonalised(x: Tensor) -> Tensor:
    """U V^T of x = U S V^T, roughly, for a stack of matrices (K, m, n) with m <= n, in the precision of `x`."""
    a, b, c = COEFFICIENTS
    x = x / (torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True) + EPSILON)
    for _ in range(STEPS):
        square = x @ x.mT
        x = torch.baddbmm(a * x, torch.baddbmm(b * square, square, square, beta=1.0, alpha=c), x)
    return x


def square_blocks(x: Tensor) -> list[Tensor]:
    """Views of a matrix whose update is orthogonalised: q, k and v apart (3d x d), any other matrix whole, wide side last."""
    rows, columns = x.shape
    if rows == 3 * columns:
        return list(x.split(columns))
    return [x if rows <= columns else x.mT]


class Muon(torch.optim.Optimizer):
    """Muon for the matrices `hidden`, and `adamw` for its own parameters, behind one list of groups and one state.

    m <- mu m + (1 - mu) g;  u = (1 - mu) g + mu m (Nesterov);  W <- (1 - lr wd) W - lr 0.2 sqrt(max(rows, columns)) O(u), where
    O orthogonalises each block. The factor gives an update the root mean square of one of AdamW's, so that both share a rate
    (Liu et al. 2025, arXiv 2502.16982, section 2.2). All blocks of one shape are orthogonalised in one batched product, in `dtype`.
    A rate may be a tensor: a captured step reads it there.
    """

    def __init__(self, hidden: Iterable[Tensor], adamw: torch.optim.AdamW, *, weight_decay: float = 0.0,
                 dtype: torch.dtype = torch.float32) -> None:
        matrices: dict[str, Any] = {"params": list(hidden), "multiplier": 1.0, "lr": 0.0}
        super().__init__([matrices, *adamw.param_groups], {"lr": 0.0})
        self.weight_decay, self.dtype = weight_decay, dtype
        self.adamw = adamw
        adamw.param_groups, adamw.state = self.param_groups[1:], self.state

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of both."""
        del closure
        self.adamw.step()
        group = self.param_groups[0]
        rate, mu = group["lr"], MOMENTUM
        parameters = [p for p in group["params"] if p.grad is not None]
        if not parameters:
            return
        gradients = [p.grad for p in parameters]
        momenta = [self._momentum(p) for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - mu)
        updates = torch._foreach_lerp(gradients, momenta, mu)
        if self.weight_decay:
            torch._foreach_mul_(parameters, 1 - rate * self.weight_decay)
        shaped: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}
        for parameter, update in zip(parameters, updates, strict=True):
            for target, block in zip(square_blocks(parameter), square_blocks(update), strict=True):
                shaped.setdefault(tuple(block.shape), []).append((target, block))
        for (_, columns), pairs in shaped.items():
            blocks = torch.stack([block for _, block in pairs])
            orthogonal = orthogonalised(blocks.to(self.dtype)).to(blocks.dtype)
            targets, factor = [target for target, _ in pairs], 0.2 * columns**0.5
            if isinstance(rate, Tensor):
                torch._foreach_sub_(targets, list((rate * factor * orthogonal).unbind()))
            else:
                torch._foreach_add_(targets, list(orthogonal.unbind()), alpha=-rate * factor)

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum"]
        return momentum
