"""Two widths that part at one budget: which factor closes the gap is read off runs that change one at a time."""

from pathlib import Path

import pytest

from study.analysis import kink
from study.analysis.study import Study
from study.articles.appendix import recipes
from study.articles.shared.text import PENDING
from study.grids import grid
from study.grids.cpu2 import tuned
from study.grids.recipe import KINK_BUDGET
from study.record import write_record
from tests.given import given
from tests.makers import record


def planted(quick: Study, folder: Path, by_factor: dict[str, float]) -> Study:
    """Width 48 ends at 3 nats and width 64 at 2.7; width 48 with a factor of 64 ends where `by_factor` says."""
    for width, loss in {48: 3.0, 64: 2.7}.items():
        config = tuned(KINK_BUDGET, width)
        write_record(folder / kink.GRID / config.run_id, record(config, loss))
    for cell in grid("kink").cells:
        if cell.factor in by_factor:
            loss = by_factor[cell.factor] if cell.config.width == 48 else 2.7
            write_record(folder / "kink" / cell.config.run_id, record(cell.config, loss))
    return given(quick, {}, folders=(folder,))


@pytest.mark.parametrize(("by_factor", "cause"), [
    ({"heads": 2.72, "batch": 3.01}, "the number of heads"), ({"heads": 2.99, "batch": 2.8}, "the batch"),
    ({"heads": 2.8, "batch": 2.8}, "the number of heads and the batch"), ({"heads": 3.0, "batch": 2.9}, "neither"),
    ({"heads": 2.7}, "the number of heads"), ({"heads": 2.99}, PENDING), ({}, PENDING)])
def test_the_factor_that_closes_the_gap_is_the_cause(quick: Study, tmp_path: Path, by_factor: dict[str, float], cause: str) -> None:
    study = planted(quick, tmp_path, by_factor)
    assert kink.fall(study) == pytest.approx(0.3) and recipes.kink_fall(study) == "0.30"
    assert recipes.kink_given(study) == cause and recipes.kink_taken(study) in ("neither", PENDING)
    assert ("no such run" in recipes.kink_table(study).data.lower()) is (not by_factor)
    assert recipes.kink_before(study) == "—"


def test_a_factor_that_the_wider_loses_by_is_a_cause_too(quick: Study, tmp_path: Path) -> None:
    study = planted(quick, tmp_path, {})
    (cell,) = [cell for cell in grid("kink").cells if (cell.config.width, cell.factor) == (64, "heads")]
    write_record(tmp_path / "kink" / cell.config.run_id, record(cell.config, 2.9))
    assert (recipes.kink_given(study), recipes.kink_taken(study)) == (PENDING, "the number of heads")


def test_each_run_changes_one_factor_alone() -> None:
    for cell in grid("kink").cells:
        own, other = (tuned(KINK_BUDGET, cell.config.width).to_dict(), cell.config.to_dict())
        changed = {name for name in own if own[name] != other[name]}
        assert changed == {"heads"} if cell.factor == "heads" else changed <= {"batch_tokens", "learning_rate", "tokens"}
        assert "batch_tokens" in changed or cell.factor == "heads"
