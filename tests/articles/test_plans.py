"""What the page says of the larger grids is what `study plan` computes."""

from pathlib import Path

import pytest

from study import cost
from study.analysis.study import Study
from study.articles.appendix import plans
from study.articles.shared.words import number_word
from study.grids import grid
from tests.given import given


def test_the_table_is_study_plan_s(quick: Study) -> None:
    made = cost.plan(grid("lab01"), cost.device("a100"), plans.COUNT, price=plans.PRICE, mfu=cost.ASSUMED_MFU)
    row = next(line for line in plans.table(quick).data.splitlines() if "lab01" in line and "A100" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2] == "3" and cells[5] == "0"
    assert float(cells[6]) == pytest.approx(made.device_hours, rel=5e-3)
    assert float(cells[7]) == pytest.approx(made.device_hours * plans.PRICE, rel=5e-3)
    assert float(cells[9]) == pytest.approx(made.lower_bound / 3600, rel=5e-3)


def test_a_measured_share_of_the_peak_replaces_the_assumed_one(quick: Study, tmp_path: Path) -> None:
    assert plans.peaks(quick).count("35\N{NO-BREAK SPACE}% of it assumed") == 3
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "gpu.json").write_text('{"device": "NVIDIA H100 80GB HBM3", "throughput": [{"mfu": 0.5}]}')
    measured = given(quick, {}, folders=(tmp_path,))
    assert plans.peaks(measured).count("35\N{NO-BREAK SPACE}% of it assumed") == 2
    assert "50\N{NO-BREAK SPACE}% of it measured" in plans.peaks(measured)
    assert plans.planned(measured, "gpu", "h100")[0].device_hours < plans.planned(quick, "gpu", "h100")[0].device_hours


def test_runs_that_do_not_fit_are_counted(quick: Study) -> None:
    assert plans.too_large(quick) == "none"
    small = cost.plan(grid("gpu"), cost.device("l4"), plans.COUNT, price=plans.PRICE)
    left = sum(bool(run.reason) for run in small.runs)
    assert left > 0
    study = given(quick, {(plans.planned, "gpu", "h100"): (small, "")})
    assert plans.too_large(study) == number_word(left)
    assert plans.schedule(study).axes
