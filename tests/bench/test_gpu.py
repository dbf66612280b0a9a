"""The GPU's checks run on the CPU at a small size: that they pass where they should, and fail where they should."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from study import cost
from study.bench import agreement, gpu
from study.grids.gpu import lab01
from study.training.go import go
from study.training.language import language
from study.training.loop import train

CPU = torch.device("cpu")
SMALL = replace(agreement.SMALL, vocabulary=256, width=32, layers=2, heads=2, context=32, batch_tokens=512, tokens=512 * 20,
                eval_tokens=1024, curve_tokens=256)


def lab_like(**changes: object) -> list[object]:
    # float32: without bfloat16 units a CPU's large products in bfloat16, its measured peak, are slower than its small ones
    return [replace(gpu.shortened(cell.config, 12), vocabulary=256, width=32 * (i + 1), layers=1, heads=1, context=32,
                    batch_tokens=512, tokens=12 * 512, eval_tokens=1024, curve_tokens=256, compiled=False, learning_rate=0.02,
                    precision="float32", warmup_fraction=0.1, **changes) for i, cell in enumerate(lab01().cells)]


@pytest.mark.slow
def test_every_check_passes_on_the_device_it_compares_with() -> None:
    torch.set_num_threads(1)
    body = gpu.gpu_check(CPU, shapes=lab_like(), small=SMALL, compiled=False, progress=lambda _: None)
    assert body["passed"], body["checks"]
    assert set(body["checks"]) == {"cpu", "go", "bfloat16", "accumulation", "resume", "data_parallel", "losses_fall"}
    assert {name: body["checks"][name]["difference"] for name in ("cpu", "go", "resume")} == {"cpu": 0.0, "go": 0.0, "resume": 0.0}
    assert 0 < body["checks"]["data_parallel"]["difference"] <= 1e-4, "the sums of two processes are not those of one"
    assert len(body["throughput"]) == 3 and all(0 < row["mfu"] < 1 for row in body["throughput"])
    assert len(json.dumps(body)) > 100


def test_the_shortened_runs_keep_shape_batch_and_recipe() -> None:
    for cell in lab01().cells:
        short = gpu.shortened(cell.config, 30)
        assert short.steps == 30
        assert replace(cell.config, tokens=short.tokens, curve_points=3, eval_tokens=short.eval_tokens,
                       curve_tokens=short.curve_tokens) == short
    # at a third of an H100's peak the three take about two minutes and a half beside compilation
    flops = sum(cost.all_flops(gpu.shortened(cell.config, 30)) for cell in lab01().cells)
    assert flops / (989.4e12 / 3) < 150


def test_a_different_run_differs() -> None:
    tokens = agreement.synthetic(SMALL)
    a, b = (train(replace(SMALL, seed=seed), language(tokens), CPU) for seed in (0, 1))
    assert agreement.difference(a, a) == 0.0
    assert agreement.difference(a, b) > 1e-3
    assert agreement.difference(replace(a, losses={}, curve=a.curve[:3]), b) == math.inf, "it diverged midway"


def test_a_run_on_synthetic_go_learns() -> None:
    config = replace(gpu.GO, width=16, layers=1, positions=64 * 8, eval_positions=128, curve_positions=64)
    record = train(config, go(gpu.synthetic_go(config)), CPU)
    assert agreement.difference(record, record) == 0.0 and record.losses["validation"].nats_per_token < math.log(82)


def test_without_a_gpu_it_says_so() -> None:
    done = subprocess.run([sys.executable, "-m", "study.cli", "gpu-check", "--device", "cpu"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "needs a GPU" in done.stderr
