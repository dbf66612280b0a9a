"""Predictions of runs before they are trained: written once to runs/predictions/<grid>.json and committed before them.

    {"grid", "made", "git_commit", "seed", "fitted": {"runs", "sha256", "N0", "D0"}, "models": {law: diagnostics or "unconverged"},
     "runs": {run_id: {"N", "D", "budget", model: {"median", "50", "80", "95"}}},      losses, nats a token
     "optima": {budget: {model: {"N": {...}, "D": {...}}}}}

The models are the laws of `LAWS`, the first of which is the headline, and "mixture": as many draws of each that converged.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.grids.design import Grid
from study.inference.answers import summarise
from study.inference.intervals import LEVELS, percent_key
from study.inference.observations import grid_reference
from study.inference.parameters import Array
from study.inference.posterior import UnconvergedError, fit_posterior
from study.inference.predictive import predict_losses
from study.inference.spec import HEADLINE, ModelSpec
from study.provenance import git_state
from study.record import RunRecord, write_json
from study.table import fit_rows, planned, records_of, table

LAWS = ("hoffmann", "kaplan", "nesting")
MIXTURE = "mixture"
PERCENT = {level: percent_key(level) for level in LEVELS}


class PredictionError(StudyError):
    """A prediction that cannot be made, or is not before its runs."""


@dataclass(frozen=True)
class Fitted:
    """Draws of one model at the held-out cells and at the held-out budgets."""

    losses: Array  # (S, R)
    N_opt: dict[float, Array]  # budget (6 N D) -> (S,)
    diagnostics: dict[str, Any]


def path_of(runs: Path, grid: str) -> Path:
    """Where a grid's prediction is."""
    return runs / "predictions" / f"{grid}.json"


def predict(grid: Grid, runs: Path, *, seed: int) -> Path:
    """Fit the grid's fit split under each law of `LAWS` and write what each says of the held-out cells.

    Raises:
        PredictionError: a fitted run is missing, a held-out one is there already, or the prediction is written.
        UnconvergedError: the headline did not converge. Another law that does not is left out by name.
    """
    path = path_of(runs, grid.name)
    if path.exists():
        raise PredictionError(f"{path} is written already: a prediction is made once")
    held_out, records = grid.of("held-out"), records_of(grid, runs)
    if not held_out:
        raise PredictionError(f"the grid {grid.name} holds no run out")
    if early := [cell.config.run_id for cell in held_out if cell.config.run_id in records]:
        raise PredictionError(f"{early[0]} is trained already: a prediction is made before its runs")
    missing = [cell for cell in grid.of("fit") if cell.config.run_id not in records]
    if missing:
        raise PredictionError(f"{len(missing)} of the fitted runs are missing: `study run --grid {grid.name}` first")
    rows, ahead = fit_rows(table(grid, records)), planned(held_out)
    fits = {LAWS[0]: fitted(rows, ahead, HEADLINE, grid, seed)}
    for law in LAWS[1:]:
        with suppress(UnconvergedError):
            fits[law] = fitted(rows, ahead, replace(HEADLINE, law=law), grid, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, _body(grid, rows, ahead, fits, seed))
    return path


def fitted(rows: pd.DataFrame, ahead: pd.DataFrame, spec: ModelSpec, grid: Grid, seed: int) -> Fitted:
    """The posterior of `rows` under `spec` and its draws at the planned runs `ahead`."""
    N0, D0 = grid_reference(grid, spec)
    posterior = fit_posterior(rows, spec, seed=seed, N0=N0, D0=D0)
    budgets = sorted(set(ahead["budget"]))
    optima = {budget: np.asarray(posterior.draws.N_opt(budget)) for budget in budgets}
    return Fitted(predict_losses(posterior, ahead.assign(loss=1.0), seed=seed + 1), optima, asdict(posterior.diagnostics))


def read_prediction(runs: Path, grid: str) -> dict[str, Any] | None:
    """The committed prediction of a grid, or None when none was made."""
    path = path_of(runs, grid)
    return dict(json.loads(path.read_text())) if path.exists() else None


def scores(prediction: dict[str, Any], frame: pd.DataFrame, model: str = LAWS[0]) -> pd.DataFrame:
    """Each predicted run that is trained: run_id, budget, N, D, loss, predicted (median), error of ln L, inside_50/80/95."""
    rows = []
    for row in frame[frame["status"] == "complete"].itertuples():
        said = prediction["runs"].get(row.run_id, {}).get(model)
        if said:
            inside = {f"inside_{key}": said[key][0] <= row.loss <= said[key][1] for key in PERCENT.values()}
            rows.append({"run_id": row.run_id, "budget": row.budget, "N": row.N, "D": row.D, "loss": row.loss,
                         "predicted": said["median"], "error": float(np.log(row.loss / said["median"])), **inside})
    return pd.DataFrame(rows, columns=["run_id", "budget", "N", "D", "loss", "predicted", "error",
                                       *(f"inside_{key}" for key in PERCENT.values())])


def _body(grid: Grid, rows: pd.DataFrame, ahead: pd.DataFrame, fits: dict[str, Fitted], seed: int) -> dict[str, Any]:
    losses = _with_mixture({law: fit.losses for law, fit in fits.items()})
    optima = {budget: _with_mixture({law: fit.N_opt[budget] for law, fit in fits.items()}) for budget in fits[LAWS[0]].N_opt}
    content = json.dumps(rows[["run_id", "loss"]].to_numpy().tolist())
    N0, D0 = grid_reference(grid, HEADLINE)
    return {
        "grid": grid.name, "made": datetime.now(UTC).isoformat(timespec="seconds"), "git_commit": git_state()[0], "seed": seed,
        "fitted": {"runs": len(rows), "sha256": hashlib.sha256(content.encode()).hexdigest(), "N0": N0, "D0": D0},
        "models": {law: fits[law].diagnostics if law in fits else "unconverged" for law in LAWS},
        "runs": {row.run_id: {"N": row.N, "D": row.D, "budget": row.budget,
                              **{model: _summary(draws[:, i]) for model, draws in losses.items()}}
                 for i, row in enumerate(ahead.itertuples())},
        "optima": {f"{budget:g}": {model: {"N": _summary(N), "D": _summary(budget / (6 * N))} for model, N in by_model.items()}
                   for budget, by_model in optima.items()},
    }


def _with_mixture(draws: dict[str, Array]) -> dict[str, Array]:
    """The draws of each law, and as many of each together, evenly spaced."""
    count = min(len(part) for part in draws.values())
    mixed = [part[np.linspace(0, len(part) - 1, count).astype(int)] for part in draws.values()]
    return {**draws, MIXTURE: np.concatenate(mixed)}


def _summary(draws: Array) -> dict[str, Any]:
    found = summarise(draws)
    return {"median": found.median, **{PERCENT[level]: list(ends) for level, ends in found.intervals.items()}}


def started_before(prediction: dict[str, Any], records: Mapping[str, RunRecord]) -> list[str]:
    """The predicted runs that were begun before the prediction was made: none, or it is no prediction."""
    made = datetime.fromisoformat(prediction["made"])
    return [run_id for run_id in prediction["runs"]
            if run_id in records and datetime.fromisoformat(records[run_id].provenance.started) < made]
