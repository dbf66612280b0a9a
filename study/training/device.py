"""Devices: which one, how fast its matrix products are, how a model is compiled for it."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch import Tensor

from study import cost
from study.config import Config
from study.errors import StudyError


class DeviceError(StudyError):
    """The device asked for is not there."""


def pick(name: str = "auto") -> torch.device:
    """cuda, else mps, else cpu for "auto"; otherwise the device named. A process of a team has the GPU of its LOCAL_RANK.

    Raises:
        DeviceError: no such device on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, colon, index = name.partition(":")
    count = {"cpu": 1, "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
             "mps": int(torch.backends.mps.is_available())}.get(kind, 0)
    if not count or (colon and not (index.isdecimal() and int(index) < count)):
        raise DeviceError(f"device {name!r} is not available here: use --device cpu, or auto")
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{int(os.environ['LOCAL_RANK']) % count}"
    return torch.device(name)


def describe(device: torch.device) -> str:
    """The device's name for a record: the GPU's, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def synchronise(device: torch.device) -> None:
    """Wait for the work this thread has queued, before reading a clock."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


@cache
def matmul_peak(device: torch.device, precision: str, threads: int) -> float:
    """FLOP/s of a large square matrix product in this precision: the best of twenty, measured once a process.

    Of as many as begin within a second: without bfloat16 units a CPU takes seconds for one in bfloat16.
    """
    del threads  # part of the key: the measurement depends on it
    size = 1024 if device.type == "cpu" else 8192
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    times: list[float] = []
    a @ b
    while len(times) < 20 and sum(times) < 1.0:
        synchronise(device)
        start = time.perf_counter()
        a @ b
        synchronise(device)
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def fitting_micro_batch(config: Config, device: torch.device, *, processes: int = 1, sharded: bool = False) -> int:
    """Tokens a pass: the most that this device's memory holds by `cost.memory`; on the CPU the whole batch, where it fits.

    From the memory the device has, not from what is free at the moment, so that a run repeats.

    Raises:
        DeviceError: not even one sequence fits.
    """
    fitting, has = _fitting(config, device, processes, processes if sharded else 1)
    if fitting is None:
        raise DeviceError(f"{config.run_id} does not fit the {has / 1e9:.0f} GB of {describe(device)}: "
                          "`study plan` says what it needs, --devices-per-run spreads it")
    return fitting


def fits(config: Config, device: torch.device, *, processes: int = 1) -> bool:
    """Whether a run fits this device with its optimiser state whole."""
    return _fitting(config, device, processes, 1)[0] is not None


def _fitting(config: Config, device: torch.device, processes: int, shards: int) -> tuple[int | None, float]:
    part = config.batch_tokens // processes
    if device.type == "cpu":
        import psutil

        has = psutil.virtual_memory().total / 2 / processes
        if cost.host_memory(config, part) <= has:
            return part, has
        return cost.micro_batch(config, has, shards=shards, devices=processes, overhead=cost.HOST_OVERHEAD), has
    has = (torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else torch.mps.recommended_max_memory())
    return cost.micro_batch(config, has, shards=shards, devices=processes), has


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bfloat16 autocast where the config asks for it, else nothing."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


_compiled_for: list[object] = []
Function = Callable[[Tensor], Tensor]


def functions(loss_of: Function, scores_of: Function, config: Config, device: torch.device, *,
              several: bool = False) -> tuple[Function, Function]:
    """A model's mean loss of a batch and its scores of each row, under the config's precision, compiled when it says so.

    What was compiled for another shape is dropped, unless `several` shapes are trained at once.
    """
    def loss(rows: Tensor) -> Tensor:
        with autocast(device, config.precision):
            return loss_of(rows)

    def scores(rows: Tensor) -> Tensor:
        with autocast(device, config.precision):
            return scores_of(rows)

    if not config.compiled:
        return loss, scores
    # Shapes share one code object: start afresh for each, so that no cache limit sends a run back to eager code.
    if several:
        torch._dynamo.config.recompile_limit = 256
    elif _compiled_for != [config.shape]:
        torch._dynamo.reset()
        _compiled_for[:] = [config.shape]
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    return torch.compile(loss, dynamic=False), torch.compile(scores, dynamic=False)
