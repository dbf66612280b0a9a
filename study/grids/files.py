"""A grid in a file: what `study next` writes, and `study run --grid FILE.json` trains as any other."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.config import ConfigError, config_from
from study.errors import first_line
from study.grids.design import Cell, Grid, GridError

FIELDS = {"config", "arm", "split", "budget", "factor"}


def written(grid: Grid) -> str:
    """The grid as JSON: its name (the folder of its records), its corpus and its cells."""
    cells = [{"config": cell.config.to_dict(), "arm": cell.arm, "split": cell.split,
              "budget": cell.budget if math.isfinite(cell.budget) else None, "factor": cell.factor} for cell in grid.cells]
    return json.dumps({"name": grid.name, "corpus": grid.corpus, "cells": cells}, indent=1, allow_nan=False) + "\n"


def read_grid(path: Path) -> Grid:
    """The grid that a file holds.

    Raises:
        GridError: it cannot be read, or is no grid.
    """
    try:
        body = json.loads(path.read_text())
        cells = tuple(_cell(cell) for cell in body["cells"])
        grid = Grid(str(body["name"]), str(body["corpus"]), cells)
    except OSError as error:
        raise GridError(f"cannot read the grid {path}: {error.strerror or error}") from None
    except (ConfigError, GridError) as error:
        raise GridError(f"{path} is no grid: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GridError(f"{path} is no grid: it needs name, corpus and cells, as `study next --grid` writes them "
                        f"({type(error).__name__}: {first_line(error)})") from None
    if not cells or not re.fullmatch(r"\w[\w.-]*", grid.name):
        raise GridError(f"{path} is no grid: it has no cells, or {grid.name!r} is no name of a folder")
    return replace(grid, file=str(path))


def _cell(body: dict[str, Any]) -> Cell:
    if set(body) != FIELDS:
        raise GridError(f"a cell has the fields {', '.join(sorted(FIELDS))}; check {', '.join(sorted(set(body) ^ FIELDS))}")
    budget = body["budget"]
    return Cell(config_from(body["config"]), str(body["arm"]), str(body["split"]), math.nan if budget is None else float(budget),
                str(body["factor"]))
