"""The table of settings: every field of a run, what all runs share and the ranges of what varies."""

from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any, cast

from study.analysis.study import Study
from study.articles.appendix import settings
from study.config import RunConfig
from study.grids import grid


def rows(*configs: RunConfig) -> dict[str, str]:
    planned = [SimpleNamespace(config=config) for config in configs]
    study = cast(Any, SimpleNamespace(grid=SimpleNamespace(planned=planned)))
    lines = settings.table(cast(Study, study)).data.splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return dict(cells)


def test_every_field_of_a_run_has_a_name_once() -> None:
    names = [name for group in settings.SETTINGS.values() for name in group]
    assert sorted(names) == sorted(field.name for field in fields(RunConfig))


def test_a_setting_that_varies_is_a_range() -> None:
    config = grid("cpu3").cells[0].config
    wider = replace(config, width=2 * config.width, seed=config.seed + 2)
    shared, varied = rows(config, config), rows(config, wider)
    assert f"width {config.width}, " in shared["model"] and f"width {config.width} – {wider.width}, " in varied["model"]
    assert f"seed {config.seed} – {wider.seed}" in varied["computation"]
    assert f"context {config.context}," in varied["text"] and "limit of unique tokens not set" in varied["text"]
    assert "shifted keys yes" in varied["model"] and "blocks' matrices by `muon`" in varied["optimiser"]
