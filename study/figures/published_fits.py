"""Fits of other people's tables by this project's code, as plain numbers; recorded where their tables may be absent later.

`python -m study.figures.published_fits` writes runs/published/chinchilla.json. The page fits live where the table can be had
(STUDY_PUBLISHED, or the network) and falls back on the record, saying so.
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.bootstrap import Bootstrap, clustered_bootstrap, compute_bins, row_bootstrap
from study.inference.fast import fit_fast
from study.inference.huber import fit_huber
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface
from study.laws.published import BESIROGLU, HOFFMANN, HOFFMANN_ROUNDED
from study.published import chinchilla, published_table
from study.record import write_atomic

C_CHINCHILLA, N_TARGET = 5.76e23, 1e9
RESAMPLES = 1000
SEED = 0
BAYES = (
    ("Student-t", ModelSpec(group=None, scale_slope=False)),
    ("Student-t, g free", ModelSpec(group=None)),
    ("normal", ModelSpec(noise="normal", group=None, scale_slope=False)),
    ("Student-t, g free, budget effect", ModelSpec(group="budget")),
)


@dataclass(frozen=True)
class PublishedFit:
    """One fit of one table. Intervals are (2.5, 97.5) percentiles; None where the method has none."""

    method: str
    data: str
    rows: int
    E: float
    A: float
    B: float
    alpha: float
    beta: float
    a: float
    ratio: float  # D/N at C_CHINCHILLA
    tokens: float  # D_opt(N_TARGET)
    a_interval: tuple[float, float] | None = None
    ratio_interval: tuple[float, float] | None = None
    tokens_interval: tuple[float, float] | None = None
    objective: float | None = None  # of Huber's loss on this data


@dataclass(frozen=True)
class PublishedStudy:
    """All fits of the table, and whether they were computed now or recorded earlier."""

    fits: tuple[PublishedFit, ...]
    recorded: bool
    reason: str = ""  # why not now
    table_sha256: str = ""

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
    table = chinchilla()
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
        for noise, spec in BAYES:
            fits.append(_of_draws(f"Bayes, {noise}", data, fit_fast(rows, spec, seed=SEED).draws, len(rows)))
    return PublishedStudy(tuple(fits), False, "", published_table("chinchilla").sha256)


def published_study(runs: Path) -> PublishedStudy | None:
    """The fits: computed now if the table can be had, else recorded under runs/published/, else None."""
    try:
        return fit_chinchilla()
    except StudyError as error:
        path = runs / "published" / "chinchilla.json"
        if not path.exists():
            path = Path("runs") / "published" / "chinchilla.json"
        if not path.exists():
            return None
        body = json.loads(path.read_text())
        fits = tuple(
            PublishedFit(**{key: tuple(value) if isinstance(value, list) else value for key, value in fit.items()})
            for fit in body["fits"]
        )
        return PublishedStudy(fits, True, str(error), body["table_sha256"])


def record_published(runs: Path) -> Path:
    """Fit the table and write runs/published/chinchilla.json.

    Raises:
        PublishedError: the table cannot be had.
    """
    found = fit_chinchilla()
    path = runs / "published" / "chinchilla.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "table": "chinchilla",
        "table_sha256": found.table_sha256,
        "resamples": RESAMPLES,
        "fits": [asdict(fit) for fit in found.fits],
    }
    write_atomic(path, (json.dumps(body, indent=1) + "\n").encode())
    return path


def _huber_objective(rows: pd.DataFrame) -> Callable[[LossSurface], float]:
    def objective(surface: LossSurface) -> float:
        r = np.abs(np.log(rows["loss"]) - np.log(surface.loss(rows["N"], rows["D"]))).to_numpy()
        return float(np.where(r <= 1e-3, r**2 / 2, 1e-3 * (r - 5e-4)).sum())

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
        float(surface.D_opt_at(N_TARGET)),
        objective=objective,
    )


def _of_bootstrap(method: str, data: str, found: Bootstrap) -> PublishedFit:
    fit, surface = _of_surface(method, data, found.fit.surface, len(found.fit.residuals), found.fit.objective), found.surface
    return PublishedFit(**{**asdict(fit), **_intervals(surface)})


def _of_draws(method: str, data: str, surface: Any, rows: int) -> PublishedFit:
    means = {name: float(np.mean(getattr(surface, name))) for name in ("E", "A", "B", "alpha", "beta", "a")}
    return PublishedFit(
        method=method,
        data=data,
        rows=rows,
        **means,
        ratio=float(np.median(_ratios(surface))),
        tokens=float(np.median(surface.D_opt_at(N_TARGET))),
        **_intervals(surface),
    )


def _intervals(surface: Any) -> dict[str, tuple[float, float]]:
    def ends(values: Any) -> tuple[float, float]:
        low, high = np.nanquantile(np.asarray(values, dtype=float), [0.025, 0.975])
        return float(low), float(high)

    with np.errstate(all="ignore"):
        return {
            "a_interval": ends(surface.a),
            "ratio_interval": ends(_ratios(surface)),
            "tokens_interval": ends(surface.D_opt_at(N_TARGET)),
        }


def _ratio(surface: LossSurface) -> float:
    return float(_ratios(surface))


def _ratios(surface: Any) -> Any:
    return surface.D_opt(C_CHINCHILLA) / surface.N_opt(C_CHINCHILLA)


if __name__ == "__main__":
    warnings.simplefilter("ignore", FutureWarning)
    print(record_published(Path("runs")))
