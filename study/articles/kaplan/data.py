"""The records behind the article: a grid of language models and, where they are recorded, the grids of one factor."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis.runs import load as load_runs
from study.errors import StudyError
from study.grids import MAIN
from study.record import runs_folder

GRID = MAIN  # where $STUDY_GRID does not name another
FACTORS, SHAPES, BATCHES = ("factors",), ("shapes",), ("batches",)


class NoRunsError(StudyError):
    """A grid without enough runs for the article."""


@dataclass(frozen=True, eq=False)
class Kaplan:
    """Tables of `analysis.runs`; those of a grid that is not recorded are empty."""

    grid: str
    folder: Path
    runs: pd.DataFrame
    curves: pd.DataFrame
    factors: pd.DataFrame
    shapes: pd.DataFrame
    batches: pd.DataFrame
    batch_curves: pd.DataFrame
    toy: dict[str, Any] | None  # runs/calibration/toy.json

    @property
    def bytes_per_token(self) -> float:
        """Of the grid's corpus and vocabulary."""
        return float(self.runs["bytes_per_token"].mean())

    @property
    def design(self) -> pd.DataFrame:
        """The runs that belong to a budget, seed 0 and repeats alike, tuning left out."""
        return self.runs[self.runs["split"] != "tuning"].reset_index(drop=True)

    @property
    def path(self) -> pd.DataFrame:
        """The isoFLOP runs and the held-out budgets: what optima and frontiers are read from."""
        rows = self.design
        return rows[rows["role"].isin(["isoflop", "held-out", "seed"])].reset_index(drop=True)


def load(grid: str | None = None, folder: Path | None = None) -> Kaplan:
    """The article's records: $STUDY_GRID under `record.runs_folder` where not given.

    Raises:
        NoRunsError: fewer than three budgets of three sizes are recorded.
    """
    name = grid or os.environ.get("STUDY_GRID") or GRID
    where = folder or runs_folder()
    runs, curves = load_runs([name], where)
    sizes = runs.groupby("budget")["N"].nunique() if len(runs) else pd.Series(dtype=float)
    if (sizes >= 3).sum() < 2:
        raise NoRunsError(f"{where}/{name} holds {len(runs)} complete runs: the article needs two budgets of three sizes, "
                          f"train them with `study run --grid {name}`")
    factors, _ = load_runs(FACTORS, where)
    shapes, _ = load_runs(SHAPES, where)
    batches, batch_curves = load_runs(BATCHES, where)
    toy = where / "calibration" / "toy.json"
    return Kaplan(name, where, runs, curves, factors, shapes, batches, batch_curves,
                  json.loads(toy.read_text()) if toy.exists() else None)
