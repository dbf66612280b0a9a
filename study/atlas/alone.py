"""Each table alone: the posterior of its law, the forecast of its top budget, and what it says of tokens a parameter."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.atlas.tables import SPEC, AtlasTable, ratio_of, top_budget
from study.errors import StudyError
from study.inference.answers import summarise
from study.inference.classical.isoflop import fit_isoflop
from study.inference.fast.fit import fit_fast
from study.inference.intervals import central, percent_key
from study.inference.parameters import Array
from study.inference.pooled.coordinates import to_coordinates
from study.inference.pooled.informed import Informed, fit_informed
from study.inference.pooled.summary import FIRST, FirstStage
from study.inference.pooled.two_stage import StudyDraws
from study.inference.posterior import ImportanceDiagnostics, Posterior, UnconvergedError
from study.inference.predictive import predict_losses
from study.inference.scores import score

LARGE = 1e21  # FLOP at which all are compared
LEAST = 5  # runs below a top budget that a forecast needs


@dataclass(frozen=True)
class Forecast:
    """The runs of the top budget, predicted by the others."""

    fitted: int
    predicted: int
    above: float  # FLOP: the largest compute that was fitted
    inside: dict[str, int]  # measured losses inside each central predictive interval: "50", "80", "95"
    mean_error: float  # `Scores.z`


@dataclass(frozen=True)
class Alone:
    """What one table says. Summaries are {"point": median, "ci95": [lo, hi], "ci80": ..., "ci50": ...}."""

    name: str
    laboratory: str
    corpus: str
    citation: str
    rows: int
    N: tuple[float, float]
    D: tuple[float, float]
    C: tuple[float, float]
    method: str
    khat: float
    alpha: dict[str, Any]
    beta: dict[str, Any]
    a: dict[str, Any]
    E: dict[str, Any]  # nats a token
    E_per_byte: dict[str, Any] | None
    ratio_large: dict[str, Any]  # D/N at LARGE
    ratio_own: dict[str, Any]  # D/N at its own largest compute
    tokens_own: dict[str, Any]
    noise: float  # posterior median of s, in ln L
    forecast: Forecast | None
    known: dict[str, dict[str, float | bool]]  # {"alpha": {"stated": .33, "inside": True}}
    parabolas: float | None  # exponent a by approach 2, where the table has budgets


def fit_alone(table: AtlasTable, *, seed: int) -> Posterior:
    """The posterior of a table under the default prior: importance draws, or NUTS where their k-hat is above 0.7.

    Raises:
        UnconvergedError: neither converged.
    """
    return fit_fast(table.rows, SPEC, seed=seed, bytes_per_token=table.bytes_per_token)


def describe(table: AtlasTable, citation: str, *, seed: int) -> Alone:
    """Fit a table alone and summarise."""
    posterior = fit_alone(table, seed=seed)
    law, rows, entry = posterior.draws, posterior.rows, table.entry
    C = table.largest_C
    values = {"alpha": law.alpha, "beta": law.beta, "a": law.a, "E": law.E}
    known = {name: {"stated": stated, "inside": _inside(values[name], stated)} for name, stated in entry.known}
    importance = isinstance(posterior.diagnostics, ImportanceDiagnostics)
    return Alone(
        table.name, entry.laboratory, entry.corpus, citation, len(rows), _range(rows.N), _range(rows.D), _range(rows.C),
        "importance" if importance else "NUTS", posterior.khat, _summary(law.alpha), _summary(law.beta), _summary(law.a),
        _summary(law.E), None if table.relative else _summary(law.E / entry.bytes_per_token), _summary(ratio_of(law, LARGE)),
        _summary(ratio_of(law, C)), _summary(law.D_opt(C)), float(np.median(posterior.parameters.s)),
        forecast(table, seed=seed), known, parabolas(table))


def forecast(table: AtlasTable, *, seed: int) -> Forecast | None:
    """Predict the runs of the top budget from the rest; None where fewer than `LEAST` would be left to fit."""
    top = top_budget(table.rows)
    below, above = table.rows[~top].reset_index(drop=True), table.rows[top].reset_index(drop=True)
    if len(below) < LEAST or above.empty:
        return None
    try:
        posterior = fit_alone(AtlasTable(table.entry, below), seed=seed)
    except StudyError:
        return None
    seen = score(predict_losses(posterior, above, seed=seed), above["loss"])
    counts = {percent_key(level): count for level, count in seen.inside.items()}
    return Forecast(len(below), len(above), float(posterior.rows.C.max()), counts, seen.z)


def parabolas(table: AtlasTable) -> float | None:
    """The exponent of N_opt by approach 2, over budgets of at least five sizes; None without two such budgets."""
    rows = table.rows.assign(budget=table.rows["C"].map(lambda value: float(f"{value:.3g}")))
    sizes = rows.groupby("budget")["N"].transform("nunique")
    rows = rows[sizes >= 5]
    try:
        return float(fit_isoflop(rows["N"], rows["budget"], rows["loss"]).N_law.exponent) if len(rows) else None
    except StudyError:
        return None


def stage_one(table: AtlasTable, p0: FirstStage = FIRST, *, seed: int, draws: int = 4000) -> StudyDraws:
    """The draws that the population is built from: the fit under the prior p0 of the five coordinates.

    Raises:
        UnconvergedError: the draws do not cover the posterior (k-hat > 0.7).
    """
    unit = table.bytes_per_token
    posterior = fit_informed(table.rows, Informed(p0.population, table.c), SPEC, seed=seed, draws=draws, bytes_per_token=unit)
    if not posterior.diagnostics.converged:
        raise UnconvergedError(f"the first stage of {table.name} did not converge (k-hat {posterior.khat:.2f})")
    x = to_coordinates(posterior.parameters, posterior.N0, posterior.D0, unit)
    return StudyDraws(table.name, table.entry.laboratory, table.c, x, table.relative, p0)


def _inside(draws: Array, stated: float) -> bool:
    low, high = central(draws)
    return bool(low <= stated <= high)


def _range(values: Array) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _summary(draws: Any) -> dict[str, Any]:
    return summarise(np.clip(np.asarray(draws, dtype=float), 0.0, math.exp(300))).as_json()
