"""Predictions of runs before they are trained: written once below runs/predictions/ and committed before them.

<grid>.json is of the held-out runs; <grid>-<budget>.json, as cpu3-1e13.json, of one budget's runs from those of smaller ones.

    {"grid", "made", "git_commit", "seed", "response", "fitted": {"grid", "runs", "sha256", "N0", "D0"},
     "models": {law: diagnostics or "unconverged"},
     "runs": {run_id: {"N", "D", "budget", model: {"median", "50", "80", "95"}}},      losses, nats a token
     "optima": {budget: {model: {"N": {...}, "D": {...}}}}}

The models are the laws of `LAWS`, the first of which is the headline, and "mixture": as many draws of each that converged. Of
runs that go through their data more than once the early-stopped loss is predicted, by the laws of `analysis.repeated`.

An optimum's key is the cells' budget, in exact FLOP; the optimum is computed at C = 6 N D of that number.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis import repeated
from study.analysis.runs import runs as with_best_loss
from study.analysis.tables import each
from study.errors import StudyError
from study.fit.job import scratch
from study.grids.design import Cell, Grid
from study.inference.answers import summarise
from study.inference.intervals import LEVELS, percent_key
from study.inference.observations import grid_reference
from study.inference.parameters import Array, evenly
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


Fits = dict[str, Fitted | None]  # by law; None where it did not converge


def path_of(runs: Path, grid: str, budget: float | None = None) -> Path:
    """Where the prediction of a grid's held-out runs is, or that of one budget."""
    step = "" if budget is None else f"-{budget:g}".replace("e+", "e")
    return runs / "predictions" / f"{grid}{step}.json"


def predict(grid: Grid, runs: Path, *, seed: int, source: Grid | None = None, budget: float | None = None) -> Path:
    """Fit the grid's fit split under each law of `LAWS` and write what each says of the held-out cells.

    With a `source`, that grid's fit split is fitted, and all cells of `grid` are predicted. With a `budget`, the cells of that
    budget that are not trained yet are predicted from the fitted runs of smaller budgets, of the source or the grid itself: two
    grids may share runs.

    Raises:
        PredictionError: a fitted run is missing, a predicted one is there already, the prediction is written, or it cannot be.
        UnconvergedError: the headline did not converge. Another law that does not is left out by name.
    """
    git_state()  # before the work, during which another commit may be made
    path = path_of(runs, grid.name, budget)
    if path.exists():
        raise PredictionError(f"{path} is written already: a prediction is made once")
    of, cells = source or grid, grid.planned if source else grid.of("held-out")
    if budget is not None:
        cells = at_budget(grid, of, budget)
        of = replace(of, cells=tuple(cell for cell in of.of("fit") if cell.budget < budget))
    if not cells:
        raise PredictionError(f"the grid {grid.name} has no held-out run to predict: name another, or a smaller one to fit with "
                              "--from")
    trained, records = records_of(grid, runs), records_of(of, runs)
    if budget is not None:
        cells = tuple(cell for cell in cells if cell.config.run_id not in trained) or cells
    if early := [cell.config.run_id for cell in cells if cell.config.run_id in trained]:
        raise PredictionError(f"{early[0]} is trained already: a prediction is made before its runs")
    ahead = planned(cells)
    repeats = bool((ahead["D"] > ahead["unique"]).all())
    asked = planned(of.of("fit"))
    missing = set((repeated.of_the_law(asked) if repeats else asked)["run_id"]) - set(records)
    if missing:
        raise PredictionError(f"{len(missing)} of the fitted runs are missing: `study run --grid {of.source}` first")
    try:
        scratch(path).rmdir()
    except OSError as error:
        raise PredictionError(f"cannot write {path}: {error.strerror or error}; choose another folder with --runs") from None
    if repeats:
        rows = repeated.of_the_law(with_best_loss(of, records))
        body = _body(grid, of, rows, ahead, *_of_repeated(rows, ahead, seed), seed, repeated.RESPONSE)
    else:
        rows = fit_rows(table(of, records))
        body = _body(grid, of, rows, ahead, *_of_budgets(rows, ahead, source or grid, seed), seed, "loss")
    write_json(path, body)
    return path


def at_budget(grid: Grid, source: Grid, budget: float) -> tuple[Cell, ...]:
    """The cells of one budget, the source having fitted ones of smaller budgets.

    Raises:
        PredictionError: the grid has none there, or there is no smaller budget to fit.
    """
    least = min((cell.budget for cell in source.of("fit")), default=float("inf"))
    budgets = sorted({cell.budget for cell in grid.planned if cell.budget > least})
    if budget not in budgets:
        raise PredictionError(f"the grid {grid.name} has no budget of {budget:g} FLOP with a smaller one to fit: one of "
                              f"{', '.join(f'{one:g}' for one in budgets) or 'none'}")
    return tuple(cell for cell in grid.planned if cell.budget == budget)


def _of_budgets(rows: pd.DataFrame, ahead: pd.DataFrame, grid: Grid, seed: int) -> tuple[Fits, dict[str, float]]:
    fits: Fits = {LAWS[0]: fitted(rows, ahead, HEADLINE, grid, seed)}
    for law in LAWS[1:]:
        fits[law] = None
        with suppress(UnconvergedError):
            fits[law] = fitted(rows, ahead, replace(HEADLINE, law=law), grid, seed)
    return fits, dict(zip(("N0", "D0"), grid_reference(grid, HEADLINE), strict=True))


def _of_repeated(rows: pd.DataFrame, ahead: pd.DataFrame, seed: int) -> tuple[Fits, dict[str, float]]:
    fits = {law: Fitted(losses, {}, seen) for law, (losses, seen) in repeated.foretold(rows, ahead, seed=seed).items()}
    at = repeated.reference(rows)
    return {**fits}, {"N0": at["N"], "D0": at["D"]}


def fitted(rows: pd.DataFrame, ahead: pd.DataFrame, spec: ModelSpec, grid: Grid, seed: int) -> Fitted:
    """The posterior of `rows` under `spec` and its draws at the planned runs `ahead`."""
    N0, D0 = grid_reference(grid, spec)
    posterior = fit_posterior(rows, spec, seed=seed, N0=N0, D0=D0)
    budgets = sorted(set(ahead["budget"].dropna()))
    optima = {budget: np.asarray(posterior.draws.N_opt(budget)) for budget in budgets}
    return Fitted(predict_losses(posterior, ahead.assign(loss=1.0), seed=seed + 1), optima, asdict(posterior.diagnostics))


def read_prediction(runs: Path, grid: str, budget: float | None = None) -> dict[str, Any] | None:
    """The committed prediction of a grid's held-out runs, or of one budget's; None when none was made."""
    path = path_of(runs, grid, budget)
    return dict(json.loads(path.read_text())) if path.exists() else None


SCORED = ("run_id", "budget", "N", "D", "loss", "predicted", "error",
          *(f"{what}_{key}" for key in PERCENT.values() for what in ("inside", "low", "high")))


def scores(prediction: Mapping[str, Any], frame: pd.DataFrame, model: str = LAWS[0]) -> pd.DataFrame:
    """Each predicted run that is trained, columns `SCORED`: predicted is the median, error is of ln L, inside_* are true or false.

    low_* and high_* are the ends of the central intervals.

    The loss is the prediction's response; `frame` must have it.
    """
    rows, measured = [], frame[frame["status"] == "complete"]
    for row in measured.assign(loss=measured[prediction.get("response", "loss")]).itertuples():
        predicted = prediction["runs"].get(row.run_id, {}).get(model)
        if predicted:
            inside: dict[str, Any] = {}
            for key in PERCENT.values():
                low, high = predicted[key]
                inside |= {f"inside_{key}": low <= row.loss <= high, f"low_{key}": low, f"high_{key}": high}
            rows.append({"run_id": row.run_id, "budget": row.budget, "N": row.N, "D": row.D, "loss": row.loss,
                         "predicted": predicted["median"], "error": float(np.log(row.loss / predicted["median"])), **inside})
    return pd.DataFrame(rows, columns=list(SCORED))


def _body(grid: Grid, of: Grid, rows: pd.DataFrame, ahead: pd.DataFrame, fits: Fits, reference: dict[str, float],
          seed: int, response: str) -> dict[str, Any]:
    found = {law: fit for law, fit in fits.items() if fit}
    losses = _with_mixture({law: fit.losses for law, fit in found.items()})
    budgets = next(iter(found.values())).N_opt
    optima = {budget: _with_mixture({law: fit.N_opt[budget] for law, fit in found.items()}) for budget in budgets}
    content = json.dumps(rows[["run_id", response]].to_numpy().tolist())
    commit, dirty = git_state()
    return {
        "grid": grid.name, "made": datetime.now(UTC).isoformat(timespec="seconds"), "git_commit": commit, "git_dirty": dirty,
        "seed": seed, "response": response,
        "fitted": {"grid": of.name, "runs": len(rows), "sha256": hashlib.sha256(content.encode()).hexdigest(), **reference},
        "models": {law: fit.diagnostics if fit else "unconverged" for law, fit in fits.items()},
        "runs": {row.run_id: {"N": row.N, "D": row.D, "budget": None if math.isnan(row.budget) else row.budget,
                              **{model: summary(draws[:, i]) for model, draws in losses.items()}}
                 for i, row in enumerate(each(ahead))},
        "optima": {f"{budget:g}": {model: {"N": summary(N), "D": summary(budget / (6 * N))} for model, N in by_model.items()}
                   for budget, by_model in optima.items()},
    }


def _with_mixture(draws: dict[str, Array]) -> dict[str, Array]:
    """The draws of each law, and as many of each together, evenly spaced."""
    count = min(len(part) for part in draws.values())
    mixed = [part[evenly(len(part), count)] for part in draws.values()]
    return {**draws, MIXTURE: np.concatenate(mixed)}


def summary(draws: Array) -> dict[str, Any]:
    """Draws (S,) as a prediction holds them: {"median", "50": [low, high], "80": ..., "95": ...}."""
    found = summarise(draws)
    return {"median": found.median, **{PERCENT[level]: list(ends) for level, ends in found.intervals.items()}}


def started_before(prediction: dict[str, Any], records: Mapping[str, RunRecord]) -> list[str]:
    """The predicted runs that were begun before the prediction was made: none, or it is no prediction."""
    made = datetime.fromisoformat(prediction["made"])
    return [run_id for run_id in prediction["runs"]
            if run_id in records and datetime.fromisoformat(records[run_id].provenance.started) < made]


def committed(runs: Path, grid: str, records: Mapping[str, RunRecord], budget: float | None = None) -> dict[str, Any] | None:
    """`read_prediction` of what was made before the first of its runs was begun; None where nothing was."""
    prediction = read_prediction(runs, grid, budget)
    return prediction if prediction and not started_before(prediction, records) else None
