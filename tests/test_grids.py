"""The designs: inside their corpora, on their budgets, stable."""

from dataclasses import replace

import pytest

from study.config import ConfigError
from study.counts import exact_flops
from study.grids import GRIDS, grid
from study.grids.design import Cell, Grid, GridError
from study.grids.ladder import PYTHON, SOTU, at, checked


@pytest.mark.parametrize("name", GRIDS)
def test_every_grid_builds_and_names_each_run_once(name: str) -> None:
    built = grid(name)
    assert built.name == name and len({cell.config.run_id for cell in built.cells}) == len(built.cells)
    assert built.cell(built.cells[0].config.run_id) is built.cells[0]


@pytest.mark.parametrize("name", sorted(set(GRIDS) - {"lab01"}))
def test_cells_are_on_their_budget_to_a_batch(name: str) -> None:
    for cell in grid(name).cells:
        if cell.role != "off-path":
            assert abs(exact_flops(cell.config) / cell.budget - 1) <= 0.51 / cell.config.steps, cell.config.run_id


def test_the_quick_grid_is_as_the_readme_says() -> None:
    built = grid("quick")
    assert len(built.cells) >= 14
    assert len({cell.budget for cell in built.cells}) == 3
    assert sum(cell.role == "seed" for cell in built.cells) == 2
    assert {cell.split for cell in built.cells} == {"fit"}


def test_more_seeds_are_of_cells_of_the_cpu_grid_and_none_of_it() -> None:
    once = {cell.config for cell in grid("cpu").cells}
    for cell in grid("seeds").cells:
        assert replace(cell.config, seed=0) in once and cell.config not in once


def test_unknown_grids_and_runs_say_what_there_is() -> None:
    with pytest.raises(GridError, match="quick"):
        grid("quik")
    with pytest.raises(GridError, match="study status"):
        grid("quick").cell("L9")


def test_a_cell_beyond_the_corpus_is_refused() -> None:
    with pytest.raises(GridError, match="more than"):
        checked("x", [Cell(at(SOTU, 1e13, 16, learning_rate=0.1, batch_tokens=1024), "isoflop", "fit", 1e13)])


def test_a_grid_has_one_corpus_and_each_run_once() -> None:
    with pytest.raises(GridError, match="mixes"):
        Grid("x", "sotu", (Cell(SOTU, "isoflop"), Cell(PYTHON, "isoflop")))
    with pytest.raises(GridError, match="twice"):
        Grid("x", "sotu", (Cell(SOTU, "isoflop"), Cell(SOTU, "off-path")))


def test_the_role_in_tables_follows_from_arm_split_and_seed() -> None:
    again = replace(SOTU, seed=1)
    assert Cell(SOTU, "off-path").role == "off-path" and Cell(again, "isoflop").role == "seed"
    assert Cell(again, "isoflop", "held-out").role == "held-out" and Cell(again, "check", "tuning").role == "check"
    with pytest.raises(GridError, match="held-out"):
        Cell(SOTU, "isoflop", "heldout")
    with pytest.raises(ConfigError):
        replace(SOTU, heads=5)
