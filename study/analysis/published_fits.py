"""Fits of other people's tables by this project's code, as plain numbers.

`study published` records them under published/. They are made anew where the table can be had (STUDY_PUBLISHED, or the
network); where it cannot, what was recorded stands in, and says so.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.study import CHINCHILLA_C, SEED, Study, once
from study.errors import StudyError
from study.inference.classical.bootstrap import Bootstrap, clustered_bootstrap, compute_bins, row_bootstrap
from study.inference.classical.huber import DELTA, fit_huber
from study.inference.fast.fit import fit_fast
from study.inference.intervals import central, inside, percent_key
from study.inference.predictive import predict_losses
from study.inference.spec import ModelSpec
from study.laws.errata import TARGET_N
from study.laws.hoffmann import LossSurface
from study.laws.published import BESIROGLU, HOFFMANN, HOFFMANN_ROUNDED
from study.published import load, published_table

RESAMPLES = 1000
BAYES = (
    ("Student-t", ModelSpec(group=None, scale_slope=False)),
    ("Student-t, g free", ModelSpec(group=None)),
    ("normal", ModelSpec(noise="normal", group=None, scale_slope=False)),
    ("Student-t, g free, budget effect", ModelSpec(group="budget")),
)


@dataclass(frozen=True)
class PublishedFit:
    """One fit of one table. Intervals are (2.5, 97.5) percentiles; None where the method has none.

    Of a posterior E to a are means of the draws, ratio and tokens medians: their draws have long tails.
    """

    method: str
    data: str
    rows: int
    E: float
    A: float
    B: float
    alpha: float
    beta: float
    a: float
    ratio: float  # D/N at CHINCHILLA_C
    tokens: float  # D_opt(TARGET_N)
    a_interval: tuple[float, float] | None = None
    ratio_interval: tuple[float, float] | None = None
    tokens_interval: tuple[float, float] | None = None
    objective: float | None = None  # of Huber's loss on this data

    @property
    def surface(self) -> LossSurface:
        """The law as one surface."""
        return LossSurface(self.E, self.A, self.B, self.alpha, self.beta)


@dataclass(frozen=True)
class Forecast:
    """Runs of most compute predicted from the rest of a published table."""

    fitted: int
    predicted: int
    above: float  # FLOP: the split
    inside: dict[str, int]  # how many fell inside each central predictive interval: "50", "80", "95"


@dataclass(frozen=True)
class PublishedStudy:
    """All fits of the table, and whether they were computed now or recorded earlier."""

    fits: tuple[PublishedFit, ...]
    recorded: bool
    reason: str = ""  # why not now
    table_sha256: str = ""
    forecast: Forecast | None = None

    def find(self, method: str, data: str) -> PublishedFit:
        """The fit of that method and data.

        Raises:
            KeyError: there is none.
        """
        for fit in self.fits:
            if (fit.method, fit.data) == (method, data):
                return fit
        raise KeyError(f"{method}, {data}")


def fit_chinchilla() -> PublishedStudy:
    """Every fit of Chinchilla's points: as published, refitted, bootstrapped by row and by cluster, Bayesian.

    Raises:
        PublishedError: the table cannot be had.
    """
    table = load("chinchilla")
    kept, every = table[~table["outlier"]].reset_index(drop=True), table
    name, all_name = f"{len(kept)} points", f"all {len(every)} points"
    objective = _huber_objective(kept)
    fits = [
        _of_surface("Hoffmann et al. 2022, as printed", "published", HOFFMANN_ROUNDED, 0, objective(HOFFMANN_ROUNDED)),
        _of_surface("Hoffmann et al. 2022, TeX source", "published", HOFFMANN, 0, objective(HOFFMANN)),
        _of_surface("Besiroglu et al. 2024", "published", BESIROGLU, 0, objective(BESIROGLU)),
    ]
    for rows, data in ((kept, name), (every, all_name)):
        fit = fit_huber(rows["N"], rows["D"], rows["loss"])
        fits.append(_of_surface("Huber, 4,500 starts", data, fit.surface, len(rows), fit.objective))
        columns = (rows["N"], rows["D"], rows["loss"])
        fits.append(_of_bootstrap("Huber, bootstrap by row", data, row_bootstrap(*columns, seed=SEED, resamples=RESAMPLES)))
        clustered = clustered_bootstrap(*columns, compute_bins(rows["C"]), seed=SEED, resamples=RESAMPLES)
        fits.append(_of_bootstrap("Huber, bootstrap by budget", data, clustered))
        binned = rows.assign(budget=compute_bins(rows["C"]) + 1)
        for noise, spec in BAYES:
            fits.append(_of_draws(f"Bayes, {noise}", data, fit_fast(binned, spec, seed=SEED).draws, len(rows)))
    return PublishedStudy(tuple(fits), False, "", published_table("chinchilla").folder.sha256, forecast(kept))


def forecast(rows: pd.DataFrame, share: float = 0.25) -> Forecast:
    """Fit the `1 - share` of the rows with least compute, predict the rest (Student-t, g free, no group effect)."""
    split = float(rows["C"].quantile(1 - share))
    below, above = rows[rows["C"] <= split].reset_index(drop=True), rows[rows["C"] > split].reset_index(drop=True)
    losses = predict_losses(fit_fast(below, ModelSpec(group=None), seed=SEED), above, seed=SEED)
    counts = {percent_key(level): count for level, count in inside(losses, above["loss"]).items()}
    return Forecast(len(below), len(above), split, counts)


@once
def published_study(study: Study) -> PublishedStudy | None:
    """The fits: made now if the table can be had, else as they were recorded, else None."""
    try:
        return fit_chinchilla()
    except StudyError as error:
        path = study.find("published/chinchilla.json")
        if path is None:
            return None
        body = json.loads(path.read_text())
        return PublishedStudy(
            tuple(_fit(row) for row in body["fits"]), True, str(error), body["table_sha256"], Forecast(**body["forecast"])
        )


def huber(found: PublishedStudy) -> list[PublishedFit]:
    """The two Huber fits: without the outliers, and of all points."""
    return [fit for fit in found.fits if fit.method.startswith("Huber, 4,500")]


def _fit(row: dict[str, Any]) -> PublishedFit:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return PublishedFit(**values)


def body(found: PublishedStudy) -> dict[str, Any]:
    """What is recorded of the fits."""
    return {"table": "chinchilla", "table_sha256": found.table_sha256, "resamples": RESAMPLES,
            "forecast": asdict(found.forecast) if found.forecast else None, "fits": [asdict(fit) for fit in found.fits]}


def _huber_objective(rows: pd.DataFrame) -> Callable[[LossSurface], float]:
    def objective(surface: LossSurface) -> float:
        r = np.abs(np.log(rows["loss"]) - np.log(surface.loss(rows["N"], rows["D"]))).to_numpy()
        return float(np.where(r <= DELTA, r**2 / 2, DELTA * (r - DELTA / 2)).sum())

    return objective


def _of_surface(method: str, data: str, surface: LossSurface, rows: int, objective: float) -> PublishedFit:
    return PublishedFit(
        method,
        data,
        rows,
        float(surface.E),
        float(surface.A),
        float(surface.B),
        float(surface.alpha),
        float(surface.beta),
        float(surface.a),
        _ratio(surface),
        float(surface.D_opt_at(TARGET_N)),
        objective=objective,
    )


def _of_bootstrap(method: str, data: str, found: Bootstrap) -> PublishedFit:
    fit = _of_surface(method, data, found.fit.surface, len(found.fit.residuals), found.fit.objective)
    a, ratio, tokens = _intervals(found.surface)
    return replace(fit, a_interval=a, ratio_interval=ratio, tokens_interval=tokens)


def _of_draws(method: str, data: str, surface: Any, rows: int) -> PublishedFit:
    E, A, B, alpha, beta, a = (float(np.mean(getattr(surface, name))) for name in ("E", "A", "B", "alpha", "beta", "a"))
    ratio, tokens = float(np.median(_ratios(surface))), float(np.median(surface.D_opt_at(TARGET_N)))
    return PublishedFit(method, data, rows, E, A, B, alpha, beta, a, ratio, tokens, *_intervals(surface))


Ends = tuple[float, float]


def _intervals(surface: Any) -> tuple[Ends, Ends, Ends]:
    def ends(values: Any) -> Ends:
        low, high = central(values, omit_nan=True)
        return float(low), float(high)

    with np.errstate(all="ignore"):
        return ends(surface.a), ends(_ratios(surface)), ends(surface.D_opt_at(TARGET_N))


def _ratio(surface: LossSurface) -> float:
    return float(_ratios(surface))


def _ratios(surface: Any) -> Any:
    return surface.D_opt(CHINCHILLA_C) / surface.N_opt(CHINCHILLA_C)

