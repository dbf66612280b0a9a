"""Memory, seconds and dollars of a grid on a device, before any of it is paid for. No torch: counts and arithmetic.

Peaks and memories are data sheets' (`DEVICES`), the price and the share of the peak that training reaches are given.
"""

import heapq
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from study.config import Config, RunConfig
from study.counts import GO_PLANES, GO_POINTS, config_counts, config_flops_per_token, exact_flops
from study.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

    from study.grids.design import Grid

NOISE_BATCHES = 4  # whose gradients estimate the noise scale at a curve point (training/loop.py)
FILL = 0.9  # of a device's memory that a run may be planned to use: allocators fragment
OVERHEAD = 1.5e9  # bytes of a CUDA context, cuBLAS workspaces and compiled kernels
HOST_OVERHEAD = 4e7  # bytes that the first products and the first step add to a process, measured with a model of nothing
HEAP = 1.12  # glibc keeps freed blocks below 32 MB and the holes between them: 1.07-1.2 measured, 0.97-1.07 of the sum without
MICRO_TOKENS = 65_536  # larger micro-batches gain nothing
SET_UP_SECONDS = 90.0  # of a run: start, compilation, opening the tokens
ASSUMED_MFU = 0.35  # of the data sheet's dense peak; `study gpu-check` measures it


class CostError(StudyError):
    """An unknown device, or a plan that cannot be made."""


@dataclass(frozen=True)
class Device:
    """A device by its data sheet: dense peaks in FLOP/s (no sparsity; float32 outside tensor cores, TF32 is off), bytes."""

    name: str
    bfloat16: float
    float32: float
    memory: float
    source: str
    called: str = ""  # what the driver's name of the GPU holds

    def peak(self, precision: str) -> float:
        """FLOP/s in a config's precision."""
        return self.bfloat16 if precision == "bfloat16" else self.float32


# More telling names first: `published_peak` takes the first that the driver's name holds.
DEVICES = {device.name: device for device in (
    Device("a100-40", 312e12, 19.5e12, 40e9, "NVIDIA A100 data sheet", "A100-SXM4-40GB"),
    Device("a100", 312e12, 19.5e12, 80e9, "NVIDIA A100 data sheet", "A100"),
    Device("h100-pcie", 756e12, 51e12, 80e9, "NVIDIA H100 PCIe data sheet", "H100 PCIe"),
    Device("h100", 989.4e12, 66.9e12, 80e9, "NVIDIA H100 (SXM) data sheet; half of the sparse figure", "H100"),
    Device("h200", 989.4e12, 66.9e12, 141e9, "NVIDIA H200 (SXM) data sheet; half of the sparse figure", "H200"),
    Device("b200", 2250e12, 75e12, 180e9, "NVIDIA HGX B200 data sheet; half of the sparse figure", "B200"),
    Device("l40s", 362e12, 91.6e12, 48e9, "NVIDIA L40S data sheet; half of the sparse figure", "L40S"),
    Device("l4", 121e12, 30.3e12, 24e9, "NVIDIA L4 data sheet; half of the sparse figure", "L4"),
    Device("rtx4090", 165.2e12, 82.6e12, 24e9, "NVIDIA Ada architecture white paper, float32 accumulation", "RTX 4090"),
    Device("rtx3090", 71e12, 35.6e12, 24e9, "NVIDIA GA102 architecture white paper, float32 accumulation", "RTX 3090"),
)}


def device(name: str, *, peak: float | None = None, memory: float | None = None) -> Device:
    """A device by name, or one described by its `peak` (FLOP/s in the runs' precision) and `memory` (bytes).

    Raises:
        CostError: an unknown name without both, or one that is not positive.
    """
    if any(value is not None and not value > 0 for value in (peak, memory)):
        raise CostError("--peak and --memory must be positive")
    known = DEVICES.get(name.lower())
    if known is None and (peak is None or memory is None):
        raise CostError(f"unknown device {name!r}: one of {', '.join(DEVICES)}, or give both --peak and --memory")
    if peak is None and memory is None and known is not None:
        return known
    return Device(name, peak or (known.bfloat16 if known else 0.0), peak or (known.float32 if known else 0.0),
                  memory or (known.memory if known else 0.0), "as given")


def recognised(driver_name: str) -> Device | None:
    """The device of the table with this driver name; None when there is none."""
    words = f" {driver_name.replace('-', ' ')} "
    return next((known for known in DEVICES.values() if f" {known.called.replace('-', ' ')} " in words), None)


def published_peak(driver_name: str, precision: str) -> float | None:
    """FLOP/s on the data sheet of the GPU that its driver calls so, None when it is not in the table."""
    known = recognised(driver_name)
    return known.peak(precision) if known is not None else None


@dataclass(frozen=True)
class Memory:
    """Bytes at the fullest moment of a run on one device."""

    parameters: float  # 4 P, float32
    moments: float  # 8 P / shards, AdamW
    gradients: float  # 4 P: of the step, and 4 P more for the mean of the noise estimate
    activations: float  # saved for the backward pass, one micro-batch; cast copies of the matrices with bfloat16
    logits: float  # the loss's, one micro-batch
    overhead: float

    @property
    def total(self) -> float:
        return self.parameters + self.moments + self.gradients + self.activations + self.logits + self.overhead

    @property
    def state(self) -> float:
        """What no smaller micro-batch saves."""
        return self.parameters + self.moments + self.gradients + self.overhead


def memory(config: Config, micro_batch: int, *, shards: int = 1, overhead: float = OVERHEAD) -> Memory:
    """Peak memory of a run at `micro_batch` tokens a pass, its optimiser state split over `shards` devices.

    Saved a token and layer, in bytes: 76 d + 16 H in float32, 50 d + 16 H under bfloat16 autocast (x, norm(x), qkv, the
    normed and the rotated q and k, y, the same two of the MLP, relu and its square; H is the number of heads: the
    softmax's and the norms' statistics), and 12 d outside the layers. The loss holds two of log-softmax, its gradient
    and the logits at once: 8 V, and 2 V more in bfloat16. These are exact for eager code; compiled code saves less. Gradients
    are counted beside activations: they are, from the second micro-batch on, and in one pass allocators keep what is freed.

    Of a position on Go, a point and layer: 16 d in float32, 20 d under autocast (the inputs of two norms and of two convolutions).
    """
    counts = config_counts(config)
    P, d = counts.total, config.width
    low = config.precision == "bfloat16"
    if not isinstance(config, RunConfig):
        saved = GO_POINTS * (config.layers * (20 if low else 16) * d + 12 * d + 4 * GO_PLANES)
        return Memory(4.0 * P, 8.0 * P / shards, 8.0 * P, float(micro_batch * saved + (2 * P if low else 0)), 0.0, overhead)
    V = config.vocabulary
    layer = (50 if low else 76) * d + 16 * config.heads
    activations = float(micro_batch * (config.layers * layer + 12 * d) + (2 * counts.multiplying if low else 0))
    logits = float(micro_batch * V * (10 if low else 8))
    return Memory(4.0 * P, 8.0 * P / shards, 8.0 * P, activations, logits, overhead)


def host_memory(config: Config, micro_batch: int | None = None, *, checkpoints: bool = True) -> float:
    """Bytes that a run on the CPU adds to its process: training, or the two copies a checkpoint makes beside 16 P of state."""
    training = memory(config, micro_batch or config.batch_tokens, overhead=HOST_OVERHEAD).total
    return HEAP * (max(training, 40.0 * config_counts(config).total + HOST_OVERHEAD) if checkpoints else training)


def micro_batch(config: Config, available: float, *, shards: int = 1, devices: int = 1, overhead: float = OVERHEAD) -> int | None:
    """The largest micro-batch in tokens, at most `MICRO_TOKENS`, within `FILL` of `available` bytes; None if no sequence is.

    It divides the batch of each of the `devices` that share it, so that every pass has one shape.
    """
    rows = max(1, config.batch_tokens // config.context // devices)
    fitting = [r for r in range(1, rows + 1)
               if rows % r == 0 and (r == 1 or r * config.context <= MICRO_TOKENS)
               and memory(config, min(r * config.context, config.batch_tokens), shards=shards, overhead=overhead).total
               <= FILL * available]
    return max(fitting) * config.context if fitting else None


def all_flops(config: Config) -> float:
    """FLOPs of a run with its evaluations: training, the curve's validation and noise estimates, the final losses.

    A forward pass is a third of the training FLOPs a token.
    """
    per_token, points = config_flops_per_token(config), min(config.curve_points + len(config.marks), config.steps)
    final = config.eval_tokens * (2.0 if config.ood_corpus else 1.5)
    return (exact_flops(config) + points * NOISE_BATCHES * config.batch_tokens * per_token
            + (points * config.curve_tokens + final) * per_token / 3)


@dataclass(frozen=True)
class RunPlan:
    """What one run needs. `seconds` and `dollars` are nan, `micro_batch` 0 when it does not fit, for the `reason`."""

    run_id: str
    role: str
    N: int  # multiplying parameters
    D: int
    flops: float  # with its evaluations
    memory: Memory
    micro_batch: int  # tokens
    seconds: float
    dollars: float
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """A grid on `count` devices. Times in seconds; `starts` are (run_id, device, start), longest run first."""

    grid: str
    device: Device
    count: int
    price: float | None  # dollars a device-hour
    mfu: float
    runs: tuple[RunPlan, ...]
    starts: tuple[tuple[str, int, float], ...]
    makespan: float
    lower_bound: float  # max(longest run, sum / count): no schedule is shorter

    @property
    def device_hours(self) -> float:
        return sum(run.seconds for run in self.runs if not run.reason) / 3600

    @property
    def dollars(self) -> float | None:
        """Of the hours worked; the devices idle at the end cost (count x makespan - hours worked) more."""
        return None if self.price is None else self.device_hours * self.price

    def frame(self) -> "pd.DataFrame":
        """One row a run, for a table or a figure: sizes in bytes, times in seconds, `device` and `start` of the schedule."""
        import pandas as pd

        placed = {run_id: (which, start) for run_id, which, start in self.starts}
        return pd.DataFrame([{
            "run_id": run.run_id, "role": run.role, "N": run.N, "D": run.D, "flops": run.flops,
            "parameters": run.memory.parameters, "moments": run.memory.moments, "gradients": run.memory.gradients,
            "activations": run.memory.activations, "logits": run.memory.logits, "overhead": run.memory.overhead,
            "memory": run.memory.total, "micro_batch": run.micro_batch, "seconds": run.seconds, "dollars": run.dollars,
            "device": placed.get(run.run_id, (-1, float("nan")))[0], "start": placed.get(run.run_id, (-1, float("nan")))[1],
            "reason": run.reason} for run in self.runs])


def plan(grid: "Grid", on: Device, count: int, *, price: float | None = None, mfu: float = ASSUMED_MFU,
         set_up: float = SET_UP_SECONDS) -> Plan:
    """Memory, seconds and dollars of every run of a grid, one run a device, and the schedule that takes the longest first.

    seconds = FLOPs / (peak x mfu) + set_up. `mfu` is a share of the device's peak in the run's precision.

    Raises:
        CostError: no device, or an impossible mfu or price.
    """
    if count < 1 or not 0 < mfu <= 1 or (price is not None and price < 0):
        raise CostError("a plan needs --count of at least 1, --mfu above 0 and at most 1, and --price of at least 0")
    runs = tuple(_run_plan(cell.config, cell.role, on, price, mfu, set_up) for cell in grid.cells)
    feasible = [run for run in runs if not run.reason]
    seconds = [run.seconds for run in feasible]
    placed = schedule(seconds, count)
    starts = tuple((feasible[i].run_id, which, start) for i, which, start in placed)
    makespan = max((start + seconds[i] for i, _, start in placed), default=0.0)
    return Plan(grid.name, on, count, price, mfu, runs, starts, makespan, lower_bound(seconds, count))


def measured_mfu(path: Path, on: Device) -> tuple[float, str]:
    """(share of the peak, where it is from): the geometric mean that `study gpu-check` wrote, if on this device; else assumed."""
    try:
        body = json.loads(path.read_text())
        known = recognised(body["device"])
        values = [float(row["mfu"]) for row in body["throughput"]] if known is not None and known.name == on.name else []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        values = []
    if not values:
        return ASSUMED_MFU, "assumed; `study gpu-check` measures it"
    return math.exp(sum(map(math.log, values)) / len(values)), f"measured, {path}"


def _run_plan(config: Config, role: str, on: Device, price: float | None, mfu: float, set_up: float) -> RunPlan:
    fitting, counts = micro_batch(config, on.memory), config_counts(config)
    need = memory(config, fitting or config.context)
    flops = all_flops(config)
    seconds = flops / (on.peak(config.precision) * mfu) + set_up if fitting else float("nan")
    return RunPlan(config.run_id, role, counts.multiplying, config.tokens, flops, need, fitting or 0, seconds,
                   float("nan") if price is None else price * seconds / 3600, "" if fitting else _reason(config, on, need))


def _reason(config: Config, on: Device, need: Memory) -> str:
    has = FILL * on.memory
    if need.state <= has:
        return (f"one sequence of {config.context} tokens needs {need.total / 1e9:.1f} GB of {has / 1e9:.1f}: "
                "shorten the context or take a larger device")
    for shards in (2, 4, 8, 16, 32, 64):
        if micro_batch(config, on.memory, shards=shards, devices=shards) is not None:
            return (f"parameters, gradients and moments need {need.state / 1e9:.1f} GB of {has / 1e9:.1f}: "
                    f"fits on {shards} devices with the moments sharded (--devices-per-run {shards})")
    return (f"parameters and gradients need {(need.parameters + need.gradients) / 1e9:.1f} GB of {has / 1e9:.1f}, "
            "which sharding the moments does not lower: take a larger device")


def schedule(seconds: Sequence[float], count: int) -> list[tuple[int, int, float]]:
    """(run, device, start), the longest run first and each on the device that is free first.

    At most 4/3 - 1/(3 count) of the best makespan (Graham 1969, SIAM J. Appl. Math. 17, theorem 2).
    """
    free = [(0.0, which) for which in range(count)]
    placed = []
    for i in sorted(range(len(seconds)), key=lambda i: -seconds[i]):
        start, which = heapq.heappop(free)
        placed.append((i, which, start))
        heapq.heappush(free, (start + seconds[i], which))
    return placed


def lower_bound(seconds: Sequence[float], count: int) -> float:
    """No schedule ends before the longest run, nor before the mean load: max(max, sum / count)."""
    return max(max(seconds, default=0.0), sum(seconds) / count)
