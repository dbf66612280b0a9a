"""One budget, three rules: the grid holds the shapes that the rules ask for, and a planted difference is found with its error."""

from pathlib import Path

import numpy as np
import pytest

from study.analysis import allocations
from study.analysis.allocations import KAPLAN, LAW, RULE
from study.analysis.study import Study, load
from study.articles.main import allocations as section
from study.articles.main.verdicts import gopher
from study.articles.shared.text import PENDING
from study.counts import config_counts
from study.grids import grid
from study.grids.allocation import BUDGET, WIDTHS, allocation
from study.grids.cpu3 import copied
from study.grids.design import language_config
from study.grids.ladder import LADDER
from study.predictions import LAWS, MIXTURE, path_of
from study.record import write_json, write_record
from tests.given import given
from tests.makers import record

ROOT = Path(__file__).resolve().parents[2]


def nearest(N: float) -> int:
    """The width of the ladder whose N is nearest in ln N."""
    sizes = {width: config_counts(copied(BUDGET, width)).multiplying for width in LADDER if width >= 48}
    return min(sizes, key=lambda width: abs(np.log(sizes[width] / N)))


def test_the_grid_holds_the_shapes_nearest_to_what_the_rules_ask_for() -> None:
    found = allocations.asked(load("cpu3", ROOT / "runs", nuts=False))
    assert all(nearest(found[name]) == WIDTHS[name] for name in (RULE, KAPLAN))
    assert np.isnan(found[LAW]) or nearest(found[LAW]) == WIDTHS[LAW]
    assert 4 < found[KAPLAN] / found[RULE] < 8
    assert {cell.split for cell in allocation().cells} == {"held-out"} and len(allocation().cells) == 6


def plant(folder: Path, differ: float, count: int = 3) -> None:
    """Records of a grid whose Kaplan's size ends by `differ` above the others, seeds 0.01 apart, and their prediction."""
    interval = {"median": 2.4, **{level: [2.3, 2.5] for level in ("50", "80", "95")}}
    made, cells = {}, grid("allocation").cells
    for cell in cells:
        other = cell.config.width == WIDTHS[KAPLAN]
        made[cell.config.run_id] = {"N": config_counts(cell.config).multiplying, "D": cell.config.tokens, "budget": BUDGET,
                                    **{model: {**interval, "median": 2.4 + 0.1 * other} for model in (LAWS[0], MIXTURE)}}
        if cell.config.seed < count:
            write_record(folder / "allocation" / cell.config.run_id,
                         record(language_config(cell.config), 2.4 + differ * other + 0.01 * cell.config.seed))
    optimum = {LAWS[0]: {"N": {"median": 1e6}}}
    write_json(path_of(folder, "allocation", BUDGET), {"made": "2020-01-01T00:00:00+00:00", "runs": made,
                                                       "optima": {f"{BUDGET:g}": optimum}})


@pytest.mark.parametrize(("differ", "word"), [(0.3, "reproduced"), (-0.3, "contradicted"), (0.005, "undecided")])
def test_a_planted_difference_is_found_with_its_error(quick: Study, tmp_path: Path, differ: float, word: str) -> None:
    (tmp_path / "predictions").mkdir()
    plant(tmp_path, differ)
    study = given(quick, {}, folders=(tmp_path,))
    found = allocations.gain(study)
    assert found is not None and found.middle == pytest.approx(differ, abs=1e-6) and found.low < differ < found.high
    # seeds 0.01 apart in each of two cells: s.d. 0.01, four degrees of freedom
    assert found.high - found.middle == pytest.approx(2.776 * 0.01 * np.sqrt(2 / 3), rel=0.1)
    assert gopher(study).word == word and allocations.foretold_gain(study) == pytest.approx(0.1)
    assert allocations.asked(study)[LAW] == 1e6 and section.by_law(study) == "1\u00a0M"
    inside = [2.3 <= 2.4 + differ * other + 0.01 * seed <= 2.5 for other in (0, 1) for seed in (0, 1, 2)]
    assert section.inside(study).startswith({3: "three", 6: "six"}[sum(inside)])
    assert "3 of 3" in section.table(study).data


def test_one_seed_alone_gives_no_error_and_no_verdict(quick: Study, tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    plant(tmp_path, 0.3, count=1)
    study = given(quick, {}, folders=(tmp_path,))
    assert allocations.gain(study) is None and gopher(study).word == "not tested yet"
    assert section.gain(study) == PENDING and "1 of 3" in section.table(study).data


def test_what_was_predicted_after_a_run_began_is_no_prediction(quick: Study, tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    plant(tmp_path, 0.3)
    path = path_of(tmp_path, "allocation", BUDGET)
    path.write_text(path.read_text().replace("2020-01-01", "2099-01-01"))
    study = given(quick, {}, folders=(tmp_path,))
    assert section.foretold(study) == section.inside(study) == section.by_law(study) == PENDING
    assert gopher(study).word == "reproduced"


def test_what_is_not_recorded_is_said(quick: Study, tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    plant(tmp_path, 0.3, count=0)
    before = given(quick, {}, folders=(tmp_path,))
    assert section.foretold(before) == "0.10" and section.gain(before) == section.inside(before) == PENDING
    assert "2.500 [2.300, 2.500]" in section.table(before).data.replace("\u00a0", " ")
    study = given(quick, {}, folders=(Path("nowhere"),))
    assert gopher(study).word == "not tested yet" and section.gain(study) == section.inside(study) == PENDING
    assert PENDING in section.table(study).data
