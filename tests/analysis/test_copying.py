"""Recipes between the second and the third: each changes what its name says, and the table holds the losses recorded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study.analysis import copying
from study.analysis.recipes import SECOND, THIRD
from study.analysis.study import Study
from study.articles.appendix import copying as section
from study.articles.shared.text import PENDING
from study.grids import grid
from study.grids.copying import CELLS, SCALE
from study.grids.cpu2 import tuned
from study.grids.cpu3 import copied
from study.grids.design import language_config
from study.record import write_record
from tests.given import given
from tests.makers import record


def test_the_gain_is_that_of_the_third_recipe_over_the_second(quick: Study, tmp_path: Path) -> None:
    budget, width = CELLS[1]
    for name, run, loss in ((SECOND, tuned, 3.0), (THIRD, copied, 2.8)):
        config = run(budget, width)
        write_record(tmp_path / name / config.run_id, record(config, loss))
    config = next(language_config(cell.config) for cell in grid("copying").cells if cell.factor == "third, two heads")
    write_record(tmp_path / "copying" / config.run_id, record(config, 3.5))
    study = given(quick, {}, folders=(tmp_path,))
    assert [one.name for one in copying.variants(study)] == ["second", "third", "third, two heads"]
    assert section.large_gain(study) == "0.20" and section.small_gain(study) == PENDING
    assert np.isnan(copying.gain(study, CELLS[0][1]))
    rows = [line for line in section.table(study).data.splitlines() if line.startswith("| third, two heads")]
    assert len(rows) == 1 and "3.5000" in rows[0] and "—" in rows[0] and PENDING not in rows[0]


def test_the_gain_is_between_means_of_seeds(quick: Study, tmp_path: Path) -> None:
    budget, width = CELLS[0]
    second, third = tuned(budget, width), copied(budget, width)
    for name, config, loss in ((SECOND, second, 3.0), (THIRD, third, 2.8), (THIRD, replace(third, seed=1), 2.7)):
        write_record(tmp_path / name / config.run_id, record(config, loss))
    assert copying.gain(given(quick, {}, folders=(tmp_path,)), width) == pytest.approx(0.25)


def test_nothing_recorded_is_said(quick: Study) -> None:
    assert "no such run" in section.table(given(quick, {}, folders=())).data.lower()


def test_a_recipe_between_differs_from_an_end_by_what_its_name_says() -> None:
    fields = {"larger logits": {"attention_scale"}, "larger logits, shifted keys": {"attention_scale", "key_shift"},
              "without token shift": {"token_shift"}, "without token shift and start": {"token_shift", "copy_start"},
              "0.5 x rate": {"learning_rate"}, "2 x rate": {"learning_rate"}, "two heads": {"heads"},
              "logits to 16": {"attention_scale"}, "logits to 24": {"attention_scale"}}
    at = {width: budget for budget, width in CELLS}
    for cell in grid("copying").cells:
        end, _, what = cell.factor.replace("third without", "third, without").partition(", ")
        own = {"second": tuned, "third": copied}[end](at[cell.config.width], cell.config.width).to_dict()
        assert {name for name, value in cell.config.to_dict().items() if own[name] != value} == fields[what], cell.factor


def test_the_third_recipe_is_the_second_but_for_its_attention() -> None:
    second, third = tuned(1e13, 64).to_dict(), copied(1e13, 64).to_dict()
    assert {name for name in second if second[name] != third[name]} == {"attention_scale", "key_shift", "copy_start"}
    assert abs(SCALE - np.log2(64**2 - 64)) < 0.05
