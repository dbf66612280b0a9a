"""Does an interval hold the truth where another form of the law is true?

Each of `LAWS` is fitted to the recorded runs of a grid, and a draw of its posterior is a truth that those runs allow. Its losses
at the fitted cells, with its own noise and fresh effects of the widths, are then fitted by every form. The last interval is of
the draws of all forms together, equally weighted. Truths are evenly spaced among the draws, one a replicate and form.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from pathlib import Path

import numpy as np
import pandas as pd

from study.grids import grid
from study.inference.calibration.coverage import Interval, of_draws, outcome, outcomes
from study.inference.calibration.designs import EXTRAPOLATION, Design, design
from study.inference.calibration.runs import CalibrationError, Progress, chunks, write_study
from study.inference.calibration.sbc import simulated
from study.inference.forms import FormFit, fit_form
from study.inference.intervals import LEVELS
from study.inference.observations import grid_reference
from study.inference.parameters import Array, Surface
from study.inference.posterior import UnconvergedError
from study.inference.spec import HEADLINE, LAWS
from study.laws.errata import TARGET_N
from study.predictions import MIXTURE
from study.record import COMMITTED
from study.table import fit_rows, records_of, table

SEED = 20_261_130
DRAWS = 2000  # of a fit
SIZE = 5  # replicates between two saves


@dataclass(frozen=True)
class Truths:
    """What the recorded runs of a grid allow: its fitted cells, their reference, and each form's posterior."""

    cells: Design
    N0: float
    D0: float
    fits: Mapping[str, FormFit]


def truths(name: str, runs: Path = COMMITTED) -> Truths:
    """Each form fitted to the recorded runs of the grid `name`.

    Raises:
        GridError: no such grid.
        CalibrationError: fitted runs are missing, or a form does not converge on them.
    """
    chosen, cells = grid(name), design(name)
    rows = fit_rows(table(chosen, records_of(chosen, runs)))
    if len(rows) < len(cells.N):
        raise CalibrationError(f"{runs}/{name} holds {len(rows)} of {len(cells.N)} fitted runs: `study run --grid {name}` first")
    N0, D0 = grid_reference(chosen, HEADLINE)
    try:
        fits = {form: _fit(rows, form, N0, D0, cells.bytes_per_token, SEED) for form in LAWS}
    except UnconvergedError as error:
        raise CalibrationError(f"the runs of {name} give no truths: {error}") from None
    return Truths(cells, N0, D0, fits)


def replicate(known: Truths, number: int, count: int) -> pd.DataFrame:
    """Truth `number` of `count` of each form, fitted by every form.

    Columns: replicate, truth, method (of `LAWS`, or `MIXTURE`), quantity ("D_opt_at" the reference size; "N_opt" and "loss_opt"
    at ten times the largest C), covered_50/80/95 (0 or 1), log_width_95, status ("ok", or why there is no interval).
    """
    rows = []
    asked = _asked(EXTRAPOLATION * float(known.cells.C.max()))
    for index, (form, fit) in enumerate(known.fits.items()):
        rng = np.random.default_rng([SEED, number, index])
        truth = fit.parameters.take([number * len(fit.parameters) // count])
        surface = truth.surface(known.N0, known.D0)
        losses, _ = simulated(known.cells, truth, known.N0, known.D0, rng)
        for method, interval in _intervals(known, losses, int(rng.integers(2**31))).items():
            rows += [{"replicate": number, "truth": form, "method": method, "quantity": name,
                      **outcome(interval, derived, float(derived(surface).item()))} for name, derived in asked.items()]
    return pd.DataFrame(rows)


def run_other_truths(name: str, replicates: int, out: Path, *, workers: int = 2, progress: Progress | None = None) -> Path:
    """Simulate `replicates` studies by each form on the fitted cells of the grid `name`; returns the path of the .json.

    Raises:
        GridError: no such grid.
        CalibrationError: too few replicates, missing runs, or a folder that cannot be written.
    """
    if replicates < 1:
        raise CalibrationError("other truths need at least one replicate, better 200")
    record = out / f"truths-{name}.json"
    if record.exists():
        return record
    known = truths(name)
    rows = chunks(partial(_chunk, known, replicates), replicates, out, record.stem, SEED, workers, progress, size=SIZE)
    summary = outcomes(rows, ["truth", "method", "quantity"]).reset_index()
    write_study(out, record.stem, rows, {
        "kind": "other truths", "design": name, "seed": SEED, "replicates": replicates, "levels": list(LEVELS), "draws": DRAWS,
        "truths": {form: _summary(fit) for form, fit in known.fits.items()},
        "failures": int((rows["status"] != "ok").sum()), "coverage": summary.to_dict("records")})
    return record


def _intervals(known: Truths, losses: Array, seed: int) -> dict[str, Interval | str]:
    found: dict[str, Interval | str] = {}
    draws = []
    for form in LAWS:
        try:
            draws.append(_fit(known.cells.table(losses), form, known.N0, known.D0, known.cells.bytes_per_token, seed).draws)
            found[form] = of_draws(draws[-1])
        except UnconvergedError as error:
            found[form] = str(error)
    found[MIXTURE] = of_draws(*draws) if draws else "no form converged"
    return found


def _fit(rows: pd.DataFrame, form: str, N0: float, D0: float, bytes_per_token: float, seed: int) -> FormFit:
    return fit_form(rows, form, seed=seed, draws=DRAWS, N0=N0, D0=D0, bytes_per_token=bytes_per_token, group=HEADLINE.group)


def _chunk(known: Truths, count: int, numbers: range) -> pd.DataFrame:
    return pd.concat([replicate(known, number, count) for number in numbers], ignore_index=True)


def _asked(C: float) -> dict[str, Callable[[Surface], Array]]:
    return {"D_opt_at": methodcaller("D_opt_at", TARGET_N), "N_opt": methodcaller("N_opt", C),
            "loss_opt": lambda surface: np.asarray(surface.loss(surface.N_opt(C), surface.D_opt(C)))}


def _summary(fit: FormFit) -> dict[str, float]:
    low, middle, high = np.quantile(fit.draws.D_opt_at(TARGET_N), [0.025, 0.5, 0.975])
    return {"khat": fit.diagnostics.khat, "D_opt_low": float(low), "D_opt": float(middle), "D_opt_high": float(high)}
