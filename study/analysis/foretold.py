"""Runs that the budgets below them foretold: what was predicted of each, and how it came out.

A fitted budget counts where its prediction was written down before its first run was begun; it is fitted afterwards. A held-out
budget is predicted from all fitted ones: by what was written down before its runs, else by the study's posterior.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.study import SEED, Study, once
from study.analysis.tables import groups
from study.inference.parameters import Array
from study.inference.predictive import predict_losses
from study.predictions import LAWS, MIXTURE, PERCENT, SCORED, committed, scores, summary


@dataclass(frozen=True, eq=False)
class Foretold:
    """The trained runs of one budget beside what was predicted of them."""

    budget: float  # exact FLOP
    held_out: bool
    fitted: int  # runs of less compute that the prediction rests on
    times: float  # their largest C beyond the largest that was fitted, a factor
    made: str  # when the prediction was written down, before these runs; "" where it was computed after them
    by_form: Mapping[str, pd.DataFrame]  # `predictions.SCORED` by each of `LAWS` and their mixture; those that the prediction has

    @property
    def rows(self) -> pd.DataFrame:
        """By the headline's law."""
        return self.by_form[LAWS[0]]

    @property
    def mixed(self) -> pd.DataFrame:
        """By the equal mixture of laws; empty where the prediction was computed after."""
        return self.by_form.get(MIXTURE, self.rows.iloc[:0])


@once
def budgets(study: Study) -> tuple[Foretold, ...]:
    """Every budget of which runs were foretold and are trained, ascending."""
    out = []
    for budget in sorted({cell.budget for cell in study.grid.of("fit")}):
        prediction = committed(study.folders[0], study.grid.name, study.records, budget)
        if prediction and (found := _by_form(prediction, study.frame)):
            below = study.fit[study.fit["budget"] < budget]
            out.append(Foretold(budget, False, prediction["fitted"]["runs"],
                                _largest(study, found) / float(below["C"].max()), prediction["made"], found))
    whole = committed(study.folders[0], study.grid.name, study.records)
    for budget, trained in groups(study.held_out, "budget"):
        prediction = committed(study.folders[0], study.grid.name, study.records, budget) or whole
        if found := _by_form(prediction or _by_posterior(study), trained):
            fitted = prediction["fitted"]["runs"] if prediction else len(study.fit)
            out.append(Foretold(budget, True, fitted, _largest(study, found) / study.largest_C,
                                prediction["made"] if prediction else "", found))
    return tuple(out)


def _by_form(prediction: Mapping[str, Any], trained: pd.DataFrame) -> dict[str, pd.DataFrame]:
    found = {model: scores(prediction, trained, model) for model in (*LAWS, MIXTURE)}
    return {model: rows for model, rows in found.items() if len(rows)}


def _largest(study: Study, by_form: Mapping[str, pd.DataFrame]) -> float:
    return float(study.frame.set_index("run_id").loc[by_form[LAWS[0]]["run_id"], "C"].max())


def _by_posterior(study: Study) -> dict[str, Any]:
    draws = np.asarray(predict_losses(study.posterior, study.held_out, seed=SEED))
    return {"runs": {run_id: {LAWS[0]: summary(losses)} for run_id, losses in zip(study.held_out["run_id"], draws.T, strict=True)}}


@once
def rows(study: Study) -> pd.DataFrame:
    """All foretold runs that are trained: `predictions.SCORED`, and whether each is held out."""
    found = [one.rows.assign(held_out=one.held_out) for one in budgets(study)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*SCORED, "held_out"])


def coverage(study: Study) -> dict[float, int]:
    """How many of them fell inside each central predictive interval, by its level."""
    return {level: int(rows(study)[f"inside_{name}"].sum()) for level, name in PERCENT.items()}


def better(study: Study) -> int:
    """How many came out below the median of what was predicted of them."""
    return int((rows(study)["error"] < 0).sum())


def errors(study: Study) -> Array:
    """ln L minus ln of the median prediction, (R,)."""
    return np.asarray(rows(study)["error"], dtype=float)


def times_beyond(study: Study) -> float:
    """The largest factor in C from what was fitted to what was foretold; nan where nothing was."""
    return max((one.times for one in budgets(study)), default=float("nan"))
