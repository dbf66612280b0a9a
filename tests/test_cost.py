"""A plan's memory against a real run, its seconds against the lab's, its makespan against the bound."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study import cost
from study.counts import config_counts, exact_flops
from study.grids.design import Cell, Grid
from study.grids.gpu import at, gpu, lab01
from tests.makers import CONFIG

MEASURE = """
import ctypes, json, sys
from pathlib import Path
import numpy as np, psutil, torch, torch._dynamo
from study.config import RunConfig
from study.data.stream import TokenSet
from study.training import evaluate, loop
from study.training.language import language
from tests.makers import token_stream
body, micro, work = json.loads(sys.argv[1])
config = RunConfig.from_dict(body)
groups = np.zeros(4000, np.uint8)
tokens = TokenSet("sotu", Path(), config.vocabulary, 2.0, 2.0, "", token_stream(8000, config.vocabulary, 0),
                  token_stream(4000, config.vocabulary, 1), groups, groups)
torch.set_num_threads(1)
evaluate.TOKENS_AT_ONCE = 2 * config.context
ctypes.CDLL(None).mlockall(1 | 4)  # MCL_CURRENT | MCL_ONFAULT: the system may not drop idle pages of the libraries meanwhile
before = psutil.Process().memory_info().rss
loop.train(config, language(tokens), torch.device("cpu"), micro_batch=micro, work=Path(work) if work else None,
           checkpoint_seconds=0.0)
# of this program alone: getrusage's peak begins at that of the process that started it
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024 - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("width", "layers", "vocabulary", "context", "batch", "micro", "checkpoints"), [
    (320, 2, 50_257, 64, 128, 128, False),  # the vocabulary's matrices are all but everything
    (320, 2, 50_257, 64, 128, 128, True),
    (512, 10, 4096, 128, 512, 256, False),  # the layers are, in two micro-batches
])
def test_predicted_memory_is_measured_memory(width: int, layers: int, vocabulary: int, context: int, batch: int, micro: int,
                                             checkpoints: bool, tmp_path: Path) -> None:
    config = replace(CONFIG, width=width, layers=layers, heads=width // 64, vocabulary=vocabulary, context=context,
                     batch_tokens=batch, tokens=2 * batch, eval_tokens=2 * context, curve_tokens=context, curve_points=2)
    assert 16 * config_counts(config).total > 500e6
    argument = json.dumps([config.to_dict(), micro, str(tmp_path) if checkpoints else ""])
    done = subprocess.run([sys.executable, "-c", MEASURE, argument], capture_output=True, text=True, check=True)
    assert cost.host_memory(config, micro, checkpoints=checkpoints) == pytest.approx(float(done.stdout), rel=0.15)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_activations_are_what_autograd_saves(precision: str) -> None:
    import torch

    from study.training.device import autocast
    from study.training.gpt import GPT

    config = replace(CONFIG, width=128, layers=3, heads=2, vocabulary=512, context=64, batch_tokens=512, tokens=512,
                     precision=precision)
    model = GPT(config)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), autocast(torch.device("cpu"), precision):
        loss = model.loss(torch.randint(0, 512, (8, 65)))
        total = sum(saved.values())
    assert loss.isfinite()
    predicted = cost.memory(config, 512).activations + 4 * 512 * 512  # and log-softmax
    assert predicted == pytest.approx(total, rel=0.02)


def test_the_lab_s_runs_cost_more_than_the_lab_says() -> None:
    runs = [cell.config for cell in lab01().cells]
    assert [round(config_counts(c).non_embedding / 1e6, 1) for c in runs] == [4.7, 18.9, 100.7]
    assert [round(exact_flops(c) / 1.35e17, 1) for c in runs] == [3.8, 1.9, 1.6]
    assert [(c.width, c.layers, c.heads, c.context, c.batch_tokens) for c in runs] == [
        (256, 6, 4, 1024, 524_288), (512, 6, 8, 1024, 524_288), (1024, 8, 16, 1024, 524_288)]
    # At the lab's 150 TFLOP/s: 57, 29 and 24 minutes for the training alone.
    on = cost.device("h100", peak=150e12, memory=80e9)
    made = cost.plan(lab01(), on, 3, price=2.5, mfu=1.0, set_up=0.0)
    minutes = [run.seconds / 60 * exact_flops(c) / cost.all_flops(c) for run, c in zip(made.runs, runs, strict=True)]
    assert [round(m) for m in minutes] == [57, 29, 24]
    assert made.dollars == pytest.approx(sum(run.seconds for run in made.runs) / 3600 * 2.5)
    assert made.makespan == made.lower_bound == max(run.seconds for run in made.runs)


def test_the_gpu_grid_is_the_one_designed() -> None:
    cells = gpu().cells
    assert len(cells) == 6 * 7 + 12
    assert {cell.budget for cell in cells if cell.split == "held-out"} == {3e18}
    assert sum(exact_flops(c.config) for c in cells if c.role != "seed") == pytest.approx(3.1e19, rel=0.01)
    for cell in cells:
        assert exact_flops(cell.config) == pytest.approx(cell.budget, rel=0.002)
        assert cell.config.precision == "bfloat16" and cell.config.compiled and cell.config.context == 1024
    repeated = {(cell.budget, cell.config.width) for cell in cells if cell.role == "seed"}
    assert len(repeated) == 6
    assert all(any(cell.config == at(budget, width) for cell in cells) for budget, width in repeated)


def test_the_micro_batch_divides_the_batch_and_fits() -> None:
    for cell in gpu().cells:
        for memory in (40e9, 80e9):
            micro = cost.micro_batch(cell.config, memory)
            assert micro is not None and cell.config.batch_tokens % micro == 0 and micro <= cost.MICRO_TOKENS
            assert cost.memory(cell.config, micro).total <= 0.9 * memory
            if micro * 2 <= min(cost.MICRO_TOKENS, cell.config.batch_tokens):
                assert cost.memory(cell.config, 2 * micro).total > 0.9 * memory


def test_what_does_not_fit_says_why_and_what_would() -> None:
    big = replace(lab01().cells[0].config, width=4096, layers=32, heads=32)  # 6.9 G parameters
    alone = Grid("big", "fineweb-edu", (Cell(big, "check", "tuning", 1e20),))
    made = cost.plan(alone, cost.device("h200"), 8, price=2.0)
    reason = made.runs[0].reason
    assert "moments need" in reason and "fits on 4 devices with the moments sharded" in reason
    assert math.isnan(made.runs[0].seconds) and made.device_hours == 0 and made.starts == ()
    assert "sequence of 1024 tokens" in cost.plan(lab01(), cost.device("x", peak=1e12, memory=2.5e9), 1).runs[0].reason
    assert "does not lower" in cost.plan(alone, cost.device("l4"), 1).runs[0].reason


def test_a_thousand_runs_on_256_devices_end_within_5_percent_of_the_bound() -> None:
    for seed in range(20):  # simulated: lengths log-uniform over two decades
        seconds = (100 * 10 ** np.random.default_rng(seed).uniform(0, 2, 1000)).tolist()
        placed = cost.schedule(seconds, 256)
        ends: dict[int, float] = {}
        for run, which, start in placed:
            assert start == ends.get(which, 0.0)
            ends[which] = start + seconds[run]
        assert sorted(run for run, _, _ in placed) == list(range(1000))
        assert 1.0 <= max(ends.values()) / cost.lower_bound(seconds, 256) <= 1.05


def test_the_schedule_never_passes_graham_s_bound() -> None:
    for seed in range(50):
        random = np.random.default_rng(seed)
        seconds, count = random.uniform(1, 10, random.integers(1, 30)).tolist(), int(random.integers(1, 8))
        makespan = max(start + seconds[run] for run, _, start in cost.schedule(seconds, count))
        # The best makespan is at most twice the lower bound, so this holds without knowing it.
        assert cost.lower_bound(seconds, count) <= makespan + 1e-9 <= 2 * cost.lower_bound(seconds, count) + 1e-9


def test_drivers_names_find_their_data_sheet() -> None:
    bf16 = {name: cost.published_peak(name, "bfloat16") for name in (
        "NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB", "NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3", "NVIDIA H200", "NVIDIA L4",
        "NVIDIA L40S", "NVIDIA GeForce RTX 4090", "NVIDIA L40", "cpu", "mps")}
    assert list(bf16.values()) == [312e12, 312e12, 756e12, 989.4e12, 989.4e12, 121e12, 362e12, 165.2e12, None, None, None]
    with pytest.raises(cost.CostError, match="--peak and --memory"):
        cost.device("abacus")


def test_a_measured_mfu_is_used_on_its_own_device_only(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    assert cost.measured_mfu(path, cost.device("h100")) == (cost.ASSUMED_MFU, "assumed; `study gpu-check` measures it")
    path.write_text(json.dumps({"device": "NVIDIA H100 80GB HBM3", "throughput": [{"mfu": 0.2}, {"mfu": 0.45}]}))
    assert cost.measured_mfu(path, cost.device("h100"))[0] == pytest.approx(0.3)
    assert cost.measured_mfu(path, cost.device("a100"))[0] == cost.ASSUMED_MFU
