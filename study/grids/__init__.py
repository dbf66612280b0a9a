"""The grids as data, committed before their results. `grid(name)` builds one, or reads it from a file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from study.grids.allocation import allocation
from study.grids.copying import copying
from study.grids.cpu2 import cpu2
from study.grids.cpu3 import check, cpu3, quick
from study.grids.design import Grid, GridError
from study.grids.factors import HUB, batches, epochs, factors, factors_on, shapes
from study.grids.files import read_grid
from study.grids.go import go, go_gpu
from study.grids.gpu import gpu, lab01
from study.grids.gpu_mini import gpu_mini
from study.grids.isoflop import cpu, quick1, seeds, smoke
from study.grids.markov import markov_2, markov_3
from study.grids.recipe import kink, parts, parts_source, probes, tuning
from study.grids.sweep import sweep

GRIDS: dict[str, Callable[[], Grid]] = {
    "smoke": smoke, "quick": quick, "quick1": quick1, "sweep": sweep, "cpu": cpu, "seeds": seeds,
    "probes": probes, "tuning": tuning, "cpu2": cpu2, "check": check, "parts": parts, "parts-source": parts_source,
    "kink": kink, "copying": copying, "cpu3": cpu3, "allocation": allocation, "markov-2": markov_2, "markov-3": markov_3,
    "factors": factors, "epochs": epochs, "shapes": shapes, "batches": batches,
    "lab01": lab01, "gpu": gpu, "gpu-mini": gpu_mini, "go": go, "go-gpu": go_gpu,
    **{f"factors-{corpus}": partial(factors_on, corpus) for corpus in HUB},
}

MAIN = "cpu3"  # the study's own grid: what articles show where $STUDY_GRID names no other


def grid(name: str) -> Grid:
    """The named grid, or that of a file NAME.json (`files`).

    Raises:
        GridError: there is no such grid, or the file holds none.
    """
    if name.endswith(".json"):
        return read_grid(Path(name))
    if name not in GRIDS:
        raise GridError(f"unknown grid {name!r}: one of {', '.join(GRIDS)}")
    return GRIDS[name]()
