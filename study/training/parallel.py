"""Data parallelism: each process takes an equal part of every batch; gradients are averaged, the optimiser state may be split.

The batch and the losses are those of one process, but for the order of sums. Gradients are averaged once a batch, after its
last micro-batch: the batches that need several devices take seconds, the exchange milliseconds, so nothing is overlapped.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

BUCKET = 2**25  # numbers exchanged at a time


@dataclass(frozen=True)
class Team:
    """The processes that train one run. `ALONE` is a team of one, for which nothing below does anything."""

    rank: int = 0
    size: int = 1
    sharded: bool = False  # each process holds the AdamW moments of its own parameters only (ZeRO-1, arXiv 1910.02054)
    control: Any = None  # a gloo group for flags: they must not wait for a GPU's queue


ALONE = Team()


def join(device: torch.device) -> Team:
    """Join the team that RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT describe (as torchrun sets them).

    GPUs talk by NCCL; processes that have to share one, which only a check does, by gloo.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    here = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if device.type == "cuda" and torch.cuda.device_count() >= here:
        dist.init_process_group("nccl", device_id=device)
        return Team(dist.get_rank(), size, control=dist.new_group(backend="gloo"))
    dist.init_process_group("gloo")
    return Team(dist.get_rank(), size, control=dist.group.WORLD)


def leave(team: Team) -> None:
    """Leave the team, once all its work is done."""
    if team.size > 1:
        dist.destroy_process_group()


def shard(team: Team) -> Team:
    """The same team with its optimiser state split."""
    return replace(team, sharded=team.size > 1)


def average(team: Team, tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the team, in place."""
    if team.size == 1:
        return
    for bucket in _buckets(tensors):
        flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
        dist.all_reduce(flat)
        flat /= team.size
        for tensor, part in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
            tensor.copy_(part.view_as(tensor))


def agree(team: Team, flag: bool) -> bool:
    """Whether any process of the team says so: all act alike."""
    if team.size == 1:
        return flag
    flags = torch.tensor([int(flag)])
    dist.all_reduce(flags, op=dist.ReduceOp.MAX, group=team.control)
    return bool(flags.item())


def tell(team: Team, value: Any) -> Any:
    """Process 0's value, on every process."""
    if team.size == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0, group=team.control)
    return box[0]


def owners(team: Team, parameters: Sequence[Tensor]) -> list[int]:
    """Which process holds the moments of each parameter: the largest first, each to whoever has least."""
    load, owner = [0] * team.size, [0] * len(parameters)
    for i in sorted(range(len(parameters)), key=lambda i: -parameters[i].numel()):
        owner[i] = load.index(min(load))
        load[owner[i]] += parameters[i].numel()
    return owner


def own(team: Team, parameters: Iterable[Tensor]) -> list[Tensor]:
    """The parameters this process updates: all of them, unless the state is split."""
    parameters = list(parameters)
    if not team.sharded:
        return parameters
    return [parameter for parameter, owner in zip(parameters, owners(team, parameters), strict=True) if owner == team.rank]


def share(team: Team, parameters: Iterable[Tensor]) -> None:
    """After a step of a split optimiser: every parameter from its owner."""
    if not team.sharded:
        return
    parameters = list(parameters)
    with torch.no_grad():
        for parameter, owner in zip(parameters, owners(team, parameters), strict=True):
            dist.broadcast(parameter.data, src=owner)


def moment(team: Team, parameters: Sequence[Tensor], i: int, mine: Tensor | None) -> Tensor:
    """A moment of parameter `i`, from whoever holds it; every process calls this."""
    if not team.sharded:
        assert mine is not None
        return mine
    value = torch.empty_like(parameters[i]) if mine is None else mine
    dist.broadcast(value, src=owners(team, parameters)[i])
    return value


def _buckets(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    buckets: list[list[Tensor]] = [[]]
    filled = 0
    for tensor in tensors:
        if filled and filled + tensor.numel() > BUCKET:
            buckets.append([])
            filled = 0
        buckets[-1].append(tensor)
        filled += tensor.numel()
    return buckets
