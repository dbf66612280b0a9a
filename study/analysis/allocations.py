"""One budget spent as three rules would: the size that each asks for, the runs, and what was predicted of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis.profiles import compared
from study.analysis.seeds import pooled, repeats
from study.analysis.study import Study, once
from study.analysis.tables import complete
from study.grids import grid
from study.grids.allocation import BUDGET, FIRST, KAPLAN_A, TOKENS_A_PARAMETER, WIDTHS
from study.inference.parameters import Array
from study.predictions import LAWS, committed, scores
from study.table import records_of

GRID = "allocation"
RULE, LAW, KAPLAN = WIDTHS


@dataclass(frozen=True)
class Gain:
    """By how much the mean loss of the second size lies above that of the first, nats a token, and its 95 % interval."""

    middle: float
    low: float
    high: float


def asked(study: Study) -> dict[str, float]:
    """N that each rule asks for at the budget; nan where the runs do not say.

    The law's is what was predicted before the runs; Kaplan's exponent starts from the measured optimum of the smallest budget.
    """
    prediction = _prediction(study)
    first = next((one for one in compared(study) if np.isclose(one.budget, FIRST)), None)
    start = float("nan") if first is None else first.N
    return {RULE: float(np.sqrt(BUDGET / 6 / TOKENS_A_PARAMETER)),
            LAW: prediction["optima"][f"{BUDGET:g}"][LAWS[0]]["N"]["median"] if prediction else float("nan"),
            KAPLAN: start * (BUDGET / FIRST) ** KAPLAN_A}


@once
def runs(study: Study) -> pd.DataFrame:
    """The complete runs of the grid `allocation`, as `study.table.table` has them; without rows where none is."""
    return complete(study.frame_of(GRID))


@once
def predicted(study: Study) -> pd.DataFrame:
    """`predictions.scores` of them; without rows where nothing was predicted before they were begun."""
    prediction = _prediction(study)
    return scores(prediction or {"runs": {}}, runs(study)) if len(runs(study)) else pd.DataFrame()


def gain(study: Study) -> Gain | None:
    """What Kaplan's size costs against the law's; None where either has no run, or no size has two."""
    found = runs(study)
    chosen, other = (_losses(found, name) for name in (LAW, KAPLAN))
    sd, freedom = pooled(repeats(found)) if len(found) else (float("nan"), 0)
    if not (len(chosen) and len(other) and freedom):
        return None
    middle = float(other.mean() - chosen.mean())
    half = float(stats.t.ppf(0.975, freedom)) * sd * float(found["loss"].mean()) * float(np.sqrt(1 / len(chosen) + 1 / len(other)))
    return Gain(middle, middle - half, middle + half)


def said(study: Study) -> dict[int, dict[str, Any]]:
    """What the law said of the first run of each width, trained or not: {"median", "95", ...}; empty where it said nothing."""
    runs = (_prediction(study) or {"runs": {}})["runs"]
    cells = [cell for cell in grid(GRID).cells if not cell.config.seed and cell.config.run_id in runs]
    return {cell.config.width: runs[cell.config.run_id][LAWS[0]] for cell in cells}


def foretold_gain(study: Study) -> float:
    """The same between the medians of what was predicted; nan where that is not there."""
    found = said(study)
    chosen, other = (found.get(WIDTHS[name], {"median": float("nan")})["median"] for name in (LAW, KAPLAN))
    return float(other - chosen)


def _losses(found: pd.DataFrame, name: str) -> Array:
    return found.loc[found["width"] == WIDTHS[name], "loss"].to_numpy(dtype=float) if len(found) else np.empty(0)


def _prediction(study: Study) -> dict[str, Any] | None:
    folder = study.folders[0]
    return committed(folder, GRID, records_of(grid(GRID), study.folder_of(GRID) or folder), BUDGET)
