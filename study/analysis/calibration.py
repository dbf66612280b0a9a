"""Calibration and coverage studies, as recorded under calibration/: do the posterior's intervals hold what they say?"""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from study.analysis.study import Study, once


@dataclass(frozen=True)
class Recorded:
    """One study of calibration or coverage: its record, and its rows."""

    body: dict[str, Any]
    rows: pd.DataFrame


@once
def recorded(study: Study, kind: str) -> tuple[Recorded, ...]:
    """The records whose file names begin with `kind` ("sbc", "coverage" or "truths"), of the first folder that has any."""
    for folder in study.folders:
        if paths := sorted((folder / "calibration").glob(f"{kind}-*.json")):
            return tuple(Recorded(json.loads(path.read_text()), pd.read_csv(path.with_suffix(".csv"))) for path in paths)
    return ()


def headline_ranks(study: Study) -> Recorded | None:
    """The calibration of the headline on this grid's design; else of the headline on any; else the first there is."""
    found = [one for one in recorded(study, "sbc") if one.body["tests"]]  # none where too few fits had a rank
    return min(found, key=lambda one: (one.body["target"] != "headline", one.body["design"] != study.grid.name), default=None)


def on_design(study: Study, kind: str) -> Recorded | None:
    """The study of a kind ("coverage" or "truths") on this grid's design, else the first there is."""
    return min(recorded(study, kind), key=lambda one: one.body["design"] != study.grid.name, default=None)


def answer_rows(found: Recorded | None) -> pd.DataFrame:
    """The rows of the summary about D_opt at the reference size: scenario or truth, method, covered_50, _80, _95, log_width_95.

    Empty where there is no study.
    """
    if found is None:
        return pd.DataFrame(columns=["scenario", "truth", "method", "covered_95", "log_width_95"])
    table = pd.DataFrame(found.body["coverage"])
    return table[table["quantity"] == "D_opt_at"] if "quantity" in table else table
