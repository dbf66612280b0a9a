"""The designs: inside their corpora, on their budgets, stable."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.config import ConfigError
from study.counts import exact_flops, parameter_counts
from study.grids import GRIDS, grid
from study.grids.design import Cell, Grid, GridError
from study.grids.factors import HUB
from study.grids.files import written
from study.grids.ladder import PYTHON, SOTU, at, checked


@pytest.mark.parametrize("name", GRIDS)
def test_every_grid_builds_and_names_each_run_once(name: str) -> None:
    built = grid(name)
    assert built.name == name and len({cell.config.run_id for cell in built.cells}) == len(built.cells)
    assert built.cell(built.cells[0].config.run_id) is built.cells[0]


@pytest.mark.parametrize("name", sorted(set(GRIDS) - {"lab01"}))
def test_cells_are_on_their_budget_to_a_batch(name: str) -> None:
    for cell in grid(name).cells:
        if cell.role != "off-path" and not math.isnan(cell.budget):
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
    with pytest.raises(GridError, match="names like"):
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


def test_the_second_grid_repeats_every_budget_and_holds_the_largest_out() -> None:
    cells = grid("cpu2").cells
    fitted = {cell.budget for cell in cells if cell.split == "fit"}
    assert fitted == {cell.budget for cell in cells if cell.role == "seed"} == {3e11, 1e12, 3e12, 1e13, 3e13, 1e14}
    assert {cell.budget for cell in cells if cell.split == "held-out"} == {3e14}
    for cell in cells:
        first = [c for c in cells if replace(c.config, seed=0) == replace(cell.config, seed=0) and c.config.seed == 0]
        assert len(first) == 1, f"{cell.config.run_id} repeats no cell"


@pytest.mark.parametrize("name", ["factors", "epochs", "shapes", "batches", "factors-wikitext-2"])
def test_within_an_arm_only_the_named_factors_vary(name: str) -> None:
    free = {"size": {"width", "layers", "heads", "learning_rate"}, "unique text": {"width", "layers", "heads", "learning_rate"},
            "epochs": {"width", "layers", "heads", "learning_rate", "epochs", "tokens", "batch_tokens"},
            "layers": {"width", "layers", "heads", "seed"}, "heads": {"heads", "seed"}, "batch": {"learning_rate"}}
    groups: dict[tuple[str, str], list[dict[str, object]]] = {}
    for cell in grid(name).cells:
        groups.setdefault((cell.arm, cell.factor if cell.arm in ("size", "batch", "unique text", "epochs") else ""), []).append(
            cell.config.to_dict())
    for (arm, factor), bodies in groups.items():
        differ = {key for key in bodies[0] if len({body[key] for body in bodies}) > 1}
        allowed = free[arm] | ({"unique_tokens", "epochs"} if factor == "fixed steps" else set())
        allowed |= {"unique_tokens", "tokens", "batch_tokens"} if factor == "steps in proportion" else set()
        assert differ <= allowed, (arm, factor, differ)


def test_the_shapes_have_one_size() -> None:
    sizes = [parameter_counts(cell.config.width, cell.config.layers, 1024).non_embedding for cell in grid("shapes").cells]
    assert max(sizes) / min(sizes) < 1.05 and len({cell.config.tokens for cell in grid("shapes").cells}) == 1


@pytest.mark.parametrize("corpus", HUB)
def test_the_factors_of_a_text_of_the_hub_are_those_of_the_study(corpus: str) -> None:
    own, other = grid("factors"), grid(f"factors-{corpus}")
    assert {cell.config.corpus for cell in other.cells} == {corpus}
    assert max(cell.config.unique_tokens for cell in other.cells) == HUB[corpus]
    again = {replace(cell, config=replace(cell.config, corpus=own.corpus)) for cell in other.cells}
    assert again == {cell for cell in own.cells if cell.config.unique_tokens <= HUB[corpus]}


@pytest.mark.parametrize("name", ["factors", "epochs"])
def test_epochs_are_enough_for_the_unique_text(name: str) -> None:
    for cell in grid(name).cells:
        config = cell.config
        if config.unique_tokens:
            once = (config.unique_tokens - 1) // config.context * config.context
            assert once * config.epochs >= config.tokens > once * (config.epochs - 1), config.run_id


def test_a_grid_in_a_file_is_the_grid(tmp_path: Path) -> None:
    whole = grid("quick")
    (tmp_path / "some.json").write_text(written(replace(whole, cells=whole.cells[3:5])))
    read = grid(str(tmp_path / "some.json"))
    assert read.name == "quick" and read.source == str(tmp_path / "some.json") and read.corpus == whole.corpus
    assert [cell.config for cell in read.cells] == [cell.config for cell in whole.cells[3:5]]
    assert [cell.budget for cell in read.cells] == [cell.budget for cell in whole.cells[3:5]] and whole.source == "quick"


@pytest.mark.parametrize(("change", "words"), [
    (lambda body: body.pop("cells"), "it needs name, corpus and cells"), (lambda body: body.update(cells=[]), "no cells"),
    (lambda body: body.update(name="../x"), "no name of a folder"), (lambda body: body["cells"][0].pop("arm"), "check arm"),
    (lambda body: body["cells"][0]["config"].pop("width"), "check"), (lambda body: body["cells"].append(body["cells"][0]), "twice"),
    (lambda body: body["cells"][0].update(split="all"), "unknown split")])
def test_a_file_that_is_no_grid_says_so(tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    whole = grid("smoke")
    body = json.loads(written(whole))
    change(body)
    (tmp_path / "bad.json").write_text(json.dumps(body))
    with pytest.raises(GridError, match=words) as caught:
        grid(str(tmp_path / "bad.json"))
    assert "\n" not in str(caught.value)
    with pytest.raises(GridError, match="No such file"):
        grid(str(tmp_path / "absent.json"))
