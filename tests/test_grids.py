"""The designs: inside their corpora, on their budgets, stable."""

from dataclasses import replace

import pytest

from study.config import ConfigError
from study.counts import exact_flops
from study.design import Cell, Grid, GridError
from study.grids import GRIDS, PYTHON, SOTU, at, checked, grid


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
        checked("x", [Cell(at(SOTU, 1e13, 16, learning_rate=0.1, batch_tokens=1024), "isoflop", 1e13)])


def test_a_grid_has_one_corpus_and_each_run_once() -> None:
    with pytest.raises(GridError, match="mixes"):
        Grid("x", "sotu", (Cell(SOTU, "isoflop", 1.0), Cell(PYTHON, "isoflop", 1.0)))
    with pytest.raises(GridError, match="twice"):
        Grid("x", "sotu", (Cell(SOTU, "isoflop", 1.0), Cell(SOTU, "seed", 1.0)))


def test_splits_follow_the_roles() -> None:
    split = {role: Cell(SOTU, role, 1.0).split for role in ("isoflop", "off-path", "seed", "held-out", "sweep", "check")}
    assert split == {"isoflop": "fit", "off-path": "fit", "seed": "fit", "held-out": "held-out",
                     "sweep": "tuning", "check": "tuning"}
    with pytest.raises(ConfigError):
        replace(SOTU, heads=5)
