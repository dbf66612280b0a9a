"""What only a GPU can prove, in under ten minutes: speed at the lab's shapes, and that losses are those of the CPU.

`python -m study.bench.gpu FOLDER DEVICE`, started twice by `launch/team.py`, is a process of the data-parallel check.
"""

import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from study import cost
from study.bench.agreement import SMALL, TOLERANCE, difference, synthetic
from study.bench.machine import machine
from study.config import GoConfig, RunConfig
from study.counts import config_counts
from study.data.go.positions import Positions, PositionSet
from study.data.go.rules import NONE, POINTS
from study.data.stream import TokenSet
from study.errors import Interrupted
from study.grids.design import language_config
from study.grids.gpu import lab01
from study.launch.team import run_team
from study.record import RunRecord, read_record, write_record
from study.training.device import describe, fitting_micro_batch, matmul_peak, pick
from study.training.go import go
from study.training.language import language
from study.training.loop import train
from study.training.parallel import join, leave

STEPS = 30  # of each lab01 shape
GO = GoConfig(width=32, layers=2, positions=64 * 20, epochs=1, warmup_steps=5, curve_points=5, points_per_epoch=1,
              eval_positions=512, curve_positions=128)


def gpu_check(device: torch.device, *, shapes: Sequence[RunConfig] | None = None, small: RunConfig = SMALL, steps: int = STEPS,
              compiled: bool = True, progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Speed, MFU and memory of the lab01 shapes (bfloat16, compiled, synthetic text), and losses against references.

    Losses are compared over the first 20 steps, the largest relative difference against a stated tolerance: the GPU with
    the CPU in float32 (TF32 off), of a transformer and of a convolutional network on Go; bfloat16 with float32; compiled
    with eager; micro-batches with the whole batch; a resumed run with an undisturbed one (attention's backward pass adds in
    any order on a GPU, so not to the bit); two processes with one. `passed` when each is within its tolerance and every
    loss of the lab01 shapes fell.
    """
    began = time.monotonic()
    if shapes is None:
        shapes = [shortened(language_config(cell.config), steps) for cell in lab01().cells]
    facts = {"device": describe(device), "count": torch.cuda.device_count(), "cuda": torch.version.cuda,
             "tf32": "off: float32 products and convolutions are float32", "machine": machine("torch", "triton"),
             "matmul_peak": {name: matmul_peak(device, name, torch.get_num_threads()) for name in ("float32", "bfloat16")},
             "published_peak": {name: cost.published_peak(describe(device), name) for name in ("float32", "bfloat16")}}
    throughput = []
    for config in shapes:
        progress(f"{config.run_id}: {config.steps} steps")
        throughput.append(_throughput(config, device))
    checks: dict[str, dict[str, Any]] = {}
    for name, found in _comparisons(small, device, compiled, progress):
        checks[name] = {"difference": found, "tolerance": TOLERANCE[name], "passed": found <= TOLERANCE[name]}
    checks["losses_fall"] = {"passed": all(row["last_loss"] < row["first_loss"] - 0.1 for row in throughput)}
    return {**facts, "throughput": throughput, "checks": checks, "passed": all(check["passed"] for check in checks.values()),
            "seconds": time.monotonic() - began, "about": " ".join((gpu_check.__doc__ or "").split())}


def shortened(config: RunConfig, steps: int) -> RunConfig:
    """A run of the same shape, batch and recipe, cut to `steps` steps and small evaluations."""
    return replace(config, tokens=steps * config.batch_tokens, curve_points=3, eval_tokens=65_536, curve_tokens=16_384)


def _throughput(config: RunConfig, device: torch.device) -> dict[str, Any]:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    record = train(config, language(synthetic(config)), device)
    micro = fitting_micro_batch(config, device)
    timing = record.timing
    return {"run_id": record.run_id, "width": config.width, "layers": config.layers, "parameters": config_counts(config).total,
            "batch_tokens": config.batch_tokens, "micro_batch": micro, "steps": config.steps,
            "tokens_per_second": timing.tokens_per_second, "mfu": timing.mfu, "fraction_of_measured_peak": timing.fraction_of_peak,
            "seconds": timing.total_wall, "first_loss": math.log(config.vocabulary), "last_loss": record.curve[-1].train_loss,
            "memory": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
            "memory_predicted": cost.memory(config, micro, overhead=0.0).total}


def _comparisons(small: RunConfig, device: torch.device, compiled: bool,
                 progress: Callable[[str], None]) -> Iterator[tuple[str, float]]:
    tokens, cpu = synthetic(small), torch.device("cpu")
    progress("loss agreement with the CPU")
    reference = train(small, language(tokens), cpu)
    plain = train(small, language(tokens), device)
    yield "cpu", difference(plain, reference)
    task = go(synthetic_go(GO))
    yield "go", difference(train(GO, task, device), train(GO, task, cpu))
    yield "bfloat16", difference(train(replace(small, precision="bfloat16"), language(tokens), device), plain)
    if compiled:
        progress("compiled against eager")
        yield "compile", difference(train(replace(small, compiled=True), language(tokens), device), plain)
    progress("micro-batches, and a stop")
    yield "accumulation", difference(train(small, language(tokens), device, micro_batch=small.batch_tokens // 4), plain)
    with tempfile.TemporaryDirectory() as folder:
        yield "resume", difference(_resumed(small, tokens, device, Path(folder) / "work"), plain)
        progress("two processes")
        code = run_team(2, [folder, device.type, *_flat(small)], "study.bench.gpu")
        yield "data_parallel", (difference(read_record(Path(folder) / small.run_id), plain) if code == 0 else math.inf)


def synthetic_go(config: GoConfig) -> PositionSet:
    """Positions for one run, with something to learn: the move is the one before, and Black wins."""
    random, count = np.random.default_rng(0), config.positions + config.eval_positions
    last, black = random.integers(0, POINTS, (count, 2)).astype(np.int8), random.random(count) < 0.5
    all_of = Positions(board=random.integers(-1, 2, (count, POINTS)).astype(np.int8),
                       liberties=random.integers(1, 4, (count, POINTS)).astype(np.int8), last=last,
                       ko=np.full(count, NONE, np.int8), black=black, move=last[:, 0], won=black,
                       game=np.arange(count) // 16)
    return PositionSet("synthetic", "", train=all_of[: config.positions], test=all_of[config.positions :])


def _resumed(config: RunConfig, tokens: TokenSet, device: torch.device, work: Path) -> RunRecord:
    looks = iter([False] * 5)
    try:
        train(config, language(tokens), device, work=work, stop=lambda: next(looks, None) is None)
    except Interrupted:
        return train(config, language(tokens), device, work=work)
    raise AssertionError("the run was not stopped")


def _flat(config: RunConfig) -> list[str]:
    return [f"{key}={value!r}" for key, value in config.to_dict().items()]


def main() -> None:
    """One process of the data-parallel check: train the run given as FIELD=VALUE, the first process writes its record."""
    import ast

    folder, kind, *fields = sys.argv[1:]
    config = RunConfig.from_dict({key: ast.literal_eval(value) for key, _, value in (field.partition("=") for field in fields)})
    torch.set_num_threads(1)
    device = pick(kind)
    team = join(device)
    record = train(config, language(synthetic(config)), device, team=team)
    if team.rank == 0:
        write_record(Path(folder) / record.run_id, record)
    leave(team)


if __name__ == "__main__":
    main()
