"""`study plan`: what it says of the lab's three runs, and of a device too small for them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from study import cost
from study.cli import app
from study.grids import grid

NARROW = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"})
WIDE = CliRunner(env={"COLUMNS": "250", "TERM": "dumb"})


def test_the_lab_s_plan(tmp_path: Path) -> None:
    result = WIDE.invoke(app, ["plan", "--grid", "lab01", "--device", "h100", "--count", "8", "--price", "2.5", "--mfu", "0.4",
                               "--runs", str(tmp_path)])
    assert result.exit_code == 0, result.output
    made = cost.plan(grid("lab01"), cost.device("h100"), 8, price=2.5, mfu=0.4)
    assert made.dollars is not None
    assert f"{made.dollars:.2f} dollars at 2.5 a device-hour (given)" in result.output
    assert "NVIDIA H100 (SXM) data sheet" in result.output and "40% of it reached (given)" in result.output
    for run in made.runs:
        assert run.run_id in result.output and f"{run.memory.total / 1e9:.1f}" in result.output


@pytest.mark.parametrize("name", ["lab01", "gpu", "cpu"])
def test_a_plan_is_whole_at_80_columns(name: str, tmp_path: Path) -> None:
    result = NARROW.invoke(app, ["plan", "--grid", name, "--device", "h100", "--price", "2.5", "--runs", str(tmp_path)])
    assert result.exit_code == 0 and "…" not in result.output
    lines = result.output.splitlines()
    for run in cost.plan(grid(name), cost.device("h100"), 1, price=2.5, mfu=0.35).runs:
        (line,) = [line for line in lines if run.run_id in line]
        assert len(line) <= 80 and f"{run.flops:.2e}" in line and f"{run.memory.total / 1e9:.1f}" in line


def test_the_frame_is_enough_for_a_figure() -> None:
    made = cost.plan(grid("gpu"), cost.device("a100"), 4, price=1.8)
    frame = made.frame()
    assert len(frame) == len(made.runs) and (frame["start"] + frame["seconds"]).max() == made.makespan
    assert set(frame["device"]) == {0, 1, 2, 3}
    parts = frame[["parameters", "moments", "gradients", "activations", "logits", "overhead"]].sum(axis=1)
    assert (abs(parts - frame["memory"]) < 1).all()
    assert made.lower_bound <= made.makespan <= 1.05 * made.lower_bound


@pytest.mark.parametrize("option", ["--peak", "--memory"])
def test_a_peak_and_a_memory_of_nothing_are_refused(option: str) -> None:
    for device, value in (("h100", "0"), ("h100", "-1"), ("small", "nan")):
        result = WIDE.invoke(app, ["plan", "--grid", "lab01", "--device", device, option, value])
        assert isinstance(result.exception, cost.CostError) and "must be positive" in str(result.exception)


def test_what_does_not_fit_is_said_and_is_no_success(tmp_path: Path) -> None:
    result = WIDE.invoke(app, ["plan", "--grid", "lab01", "--device", "small", "--peak", "10", "--memory", "4",
                               "--runs", str(tmp_path)])
    assert result.exit_code == 1
    assert "does not fit:" in result.output and "assumed; `study gpu-check` measures it" in result.output
