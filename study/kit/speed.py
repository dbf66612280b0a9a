"""What a device makes of the runs of a kit, measured before they start: MFU by shape, and how many at once keep it busy.

Runs of a kit differ in shape, batch and number of steps, so that their weights cannot be stacked and stepped as one; each is
captured (training/step.py) and replayed on a stream of its own, and the device takes kernels of several runs side by side.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from study.bench.agreement import SMALL, TOLERANCE, difference, synthetic
from study.config import RunConfig
from study.cost import all_flops, published_peak
from study.counts import config_flops_per_token
from study.training.device import describe, matmul_peak, synchronise
from study.training.language import language
from study.training.loop import capture, train
from study.training.step import SET_UP, Captured
from study.training.task import Task

AT_ONCE = (1, 2, 4)
SECONDS = 1.5  # of each measurement
STEPS = 20  # between looks at the clock
CHECK = replace(SMALL, width=64, heads=2, layers=3, context=64, batch_tokens=1024, tokens=1024 * 12, token_shift=True,
                key_shift=True, attention_scale=12.0, copy_start=True, optimiser="muon", eval_tokens=4096, curve_tokens=1024)

TaskOf = Callable[[RunConfig], Task]


@dataclass(frozen=True)
class Lane:
    """A run's steps and the stream they are replayed on."""

    config: RunConfig
    steps: Captured
    stream: AbstractContextManager[object]


def on_stream(device: torch.device) -> AbstractContextManager[object]:
    """A context in which this thread queues its work on a stream of its own; nothing on a CPU."""
    return torch.cuda.stream(torch.cuda.Stream(device)) if device.type == "cuda" else nullcontext()


def lane(config: RunConfig, task: Task, device: torch.device) -> Lane:
    """Build, compile and capture a run."""
    stream = on_stream(device)
    with SET_UP, stream:
        model = task.build(config).to(device)
        steps, _ = capture(config, task, device, model, task.optimiser(model, config, model.parameters()))
    return Lane(config, steps, stream)


def warm(config: RunConfig, device: torch.device) -> None:
    """Compile a run's shape into the cache on disk, on synthetic text."""
    short = replace(config, tokens=8 * config.batch_tokens, unique_tokens=0, eval_tokens=2**13, curve_tokens=2**12)
    lane(short, language(synthetic(short)), device)


def rate(lanes: Sequence[Lane], device: torch.device, seconds: float = SECONDS) -> float:
    """Model FLOP/s of all lanes together, each driven by a thread."""
    ready = threading.Barrier(len(lanes))

    def drive(one: Lane) -> float:
        with one.stream:
            ready.wait()
            begun, done = time.perf_counter(), 0
            while (passed := time.perf_counter() - begun) < seconds:
                for _ in range(STEPS):
                    one.steps.step(done % one.config.steps)
                    done += 1
                synchronise(device)
            return done * one.config.batch_tokens * config_flops_per_token(one.config) / passed

    with ThreadPoolExecutor(len(lanes)) as pool:
        return sum(pool.map(drive, lanes))


def measure(configs: Sequence[RunConfig], task_of: TaskOf, device: torch.device, *, seconds: float = SECONDS,
            at_once: Sequence[int] = AT_ONCE) -> dict[str, Any]:
    """MFU of the smallest, the middle and the largest step alone, and of several runs of the middle one at once."""
    precision = configs[0].precision
    measured = matmul_peak(device, precision, torch.get_num_threads())
    peak = published_peak(describe(device), precision) or measured
    by_work = sorted({(step_flops(config), config.shape): config for config in configs}.items())
    shapes = [config for _, config in by_work]
    middle = shapes[len(shapes) // 2]
    alone = []
    for config in dict.fromkeys((shapes[0], middle, shapes[-1])):
        found = rate([lane(config, task_of(config), device)], device, seconds)
        alone.append({"width": config.width, "layers": config.layers, "batch_tokens": config.batch_tokens,
                      "step_flops": step_flops(config), "flops_per_second": found, "mfu": found / peak})
    lanes = [lane(middle, task_of(middle), device) for _ in range(max(at_once))]
    together = [{"at_once": count, "flops_per_second": (found := rate(lanes[:count], device, seconds)), "mfu": found / peak}
                for count in at_once]
    best = max(together, key=lambda row: row["flops_per_second"])
    return {"device": describe(device), "precision": precision, "published_peak": published_peak(describe(device), precision),
            "matmul_peak": measured, "alone": alone, "together": together, "of_width": middle.width, "chosen": best["at_once"]}


def step_flops(config: RunConfig) -> float:
    """Exact FLOPs of one step."""
    return float(config.batch_tokens * config_flops_per_token(config))


def seconds_of(config: RunConfig, speed: dict[str, Any], at_once: int) -> float:
    """How long a run is expected to take beside `at_once` - 1 others.

    Its rate alone by ln(rate) linear in ln(FLOPs a step) between the measured shapes, times the share of it that was left to each.
    """
    rows = sorted(speed["alone"], key=lambda row: row["step_flops"])
    alone = math.exp(np.interp(math.log(step_flops(config)), [math.log(row["step_flops"]) for row in rows],
                               [math.log(row["flops_per_second"]) for row in rows]))
    shared = {row["at_once"]: row["flops_per_second"] / row["at_once"] for row in speed["together"]}
    nearest = min(shared, key=lambda count: abs(count - at_once))
    return all_flops(config) / (alone * shared[nearest] / shared[min(shared)])


def agreement(device: torch.device, *, compiled: bool) -> dict[str, dict[str, Any]]:
    """A small run on synthetic text, captured: in float32 against the CPU, then in the kit's precision against float32."""
    task = language(synthetic(CHECK))
    reference = train(CHECK, task, torch.device("cpu"), micro_batch=CHECK.batch_tokens)
    plain = train(CHECK, task, device, captured=True)
    low = train(replace(CHECK, precision="bfloat16", compiled=compiled), task, device, captured=True)
    found = {"cpu": difference(plain, reference), "bfloat16": difference(low, plain)}
    return {name: {"difference": value, "tolerance": TOLERANCE[name], "passed": value <= TOLERANCE[name]}
            for name, value in found.items()}
