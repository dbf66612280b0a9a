"""The three grids of the study side by side: is there a step in the range, where is it, and what does it do to a prediction?"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis import foretold, seeds
from study.analysis.study import AnalysisError, Study, of, once
from study.analysis.tables import complete, groups
from study.grids import grid
from study.inference.parameters import Array
from study.predictions import SCORED
from study.record import Metric
from study.table import records_of

GRIDS = FIRST, SECOND, THIRD = "cpu", "cpu2", "cpu3"
PARTS = {FIRST: "parts-source", SECOND: "parts"}  # grids whose loss is measured in parts
KINDS = ("window", "text", "new")  # of tokens: `training.parts`


@dataclass(frozen=True, eq=False)
class Frontier:
    """The lowest loss of each budget, ascending: compute C (exact FLOP) and loss, nats a token."""

    grid: str
    C: Array
    loss: Array

    @property
    def slopes(self) -> Array:
        """d ln L / d ln C between neighbouring budgets."""
        return np.asarray(np.diff(np.log(self.loss)) / np.diff(np.log(self.C)))

    @property
    def beyond(self) -> float:
        """The last loss over the line in logarithms through the others, less one; nan where fewer than four are there."""
        if len(self.C) < 4:
            return float("nan")
        slope, level = np.polyfit(np.log(self.C[:-1]), np.log(self.loss[:-1]), 1)
        return float(self.loss[-1] / np.exp(level + slope * np.log(self.C[-1])) - 1)


@once
def frontiers(study: Study) -> list[Frontier]:
    """Of each grid: the lowest mean loss over seeds of each budget of which every size is recorded."""
    out = []
    for name in GRIDS:
        rows = study.frame_of(name)
        recorded = set(rows["run_id"]) if len(rows) else set()
        path = [cell for cell in grid(name).planned if cell.role in ("isoflop", "held-out") and not cell.config.seed]
        whole = {cell.budget for cell in path} - {cell.budget for cell in path if cell.config.run_id not in recorded}
        if not whole:
            continue
        rows = complete(rows)
        rows = rows[rows["budget"].isin(whole) & rows["role"].isin(["isoflop", "seed", "held-out"])]
        means = rows.groupby(["budget", "N"], as_index=False)["loss"].mean().groupby("budget")["loss"].min()
        out.append(Frontier(name, means.index.to_numpy(dtype=float), means.to_numpy(dtype=float)))
    return out


@once
def seed_sds(study: Study) -> pd.DataFrame:
    """grid, budget, sd of ln L between the seeds of a cell, pooled over the budget's cells, and its degrees of freedom.

    Of the study's own grid with the runs that were added for their seeds.
    """
    out = []
    for name in GRIDS:
        rows = seeds.runs(study) if name == study.grid.name else study.frame_of(name)
        for budget, cells in groups(seeds.repeats(complete(rows)), "budget") if len(rows) else []:
            sd, freedom = seeds.pooled(cells)
            out.append({"grid": name, "budget": budget, "freedom": freedom, "sd": sd})
    return pd.DataFrame(out, columns=["grid", "budget", "freedom", "sd"])


@once
def parts(study: Study) -> pd.DataFrame:
    """grid, budget, part, share of the tokens, and mean loss on them; one row a part of a run that measured them."""
    out = []
    for recipe, name in PARTS.items():
        where = study.folder_of(name)
        if where is None:
            continue
        for run_id, record in records_of(grid(name), where).items():
            if f"loss_{KINDS[0]}" not in record.metrics:
                continue
            out += [{"grid": recipe, "budget": grid(name).cell(run_id).budget, "part": kind,
                     "share": _value(record.metrics[f"share_{kind}"]), "loss": _value(record.metrics[f"loss_{kind}"])}
                    for kind in KINDS]
    return pd.DataFrame(out, columns=["grid", "budget", "part", "share", "loss"])


@once
def tests(study: Study) -> pd.DataFrame:
    """The predicted runs of the grids beside what was predicted of them: `foretold.rows`, and the grid.

    Of fitted budgets what was predicted of them from smaller budgets, before they were trained. Of held-out runs the same, and
    the fit's own where nothing was predicted before: the study's posterior, or the fast fit of another grid.
    """
    found = []
    for name in GRIDS:
        of_grid = study if name == study.grid.name else _study_of(study, name)
        if of_grid is not None and len(rows := foretold.rows(of_grid)):
            found.append(rows.assign(grid=name))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["grid", "held_out", *SCORED])


@once
def replicated(study: Study) -> Study:
    """The study whose runs were trained again on another processor: this one where any were, else the first grid's."""
    return study if study.again else _study_of(study, FIRST) or study


@once
def _study_of(study: Study, name: str) -> Study | None:
    """The study of another grid, fitted fast; None where too few of its runs are recorded to say anything of."""
    where = study.folder_of(name)
    with suppress(AnalysisError):
        return of(grid(name), where, nuts=False) if where is not None else None
    return None


def _value(metric: Metric) -> float:
    return float(metric.value)
