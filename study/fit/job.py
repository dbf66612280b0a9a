"""What `study fit` does and leaves behind: fit.json, posterior.nc, iso-flop.png, prediction.md, and runs.csv for a grid."""

import json
import math
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import study
from study.errors import StudyError
from study.fit.fits import Answers, Fits, answer, as_json, fit_all, optimum_json
from study.fit.prediction import prediction
from study.fit.usertable import drop_highest_losses, parse_columns, read_table
from study.inference.answers import summarise
from study.inference.classical.bootstrap import Bootstrap
from study.inference.observations import PriorDominatedWarning, bytes_per_token_of, check_design, grid_reference, observations
from study.inference.priors import free_parameters
from study.inference.spec import HEADLINE, ModelSpec

SURFACE = ("E", "A", "B", "alpha", "beta", "a", "b")
PACKAGES = ("numpy", "scipy", "pandas", "pymc", "nutpie", "arviz")


@dataclass(frozen=True)
class Job:
    """A fit to do."""

    frame: pd.DataFrame  # rows to fit
    dropped: pd.DataFrame
    spec: ModelSpec
    source: str  # for prose
    name: str  # of the default directory
    notes: tuple[str, ...]
    reference: tuple[float | None, float | None] = (None, None)
    runs: pd.DataFrame | None = None  # runs.csv
    bytes_per_token: float = math.nan
    predict_n: float = math.nan
    predict_c: float = math.nan
    out: Path = Path()
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """A fit that was done."""

    fits: Fits
    answers: Answers
    files: tuple[str, ...]


def table_job(path: Path, columns: str, group: str, drop_highest: int) -> Job:
    """The job of a user's table. Without a width column and with group "auto", no group effect.

    Raises:
        TableError: see `read_table`.
        StudyError: a width effect was asked for and the table has no widths.
    """
    keep = {"auto": ("width",), "none": ()}.get(group, (group,))
    read = read_table(path, columns=parse_columns(columns), drop_highest=drop_highest, keep=("bytes_per_token", *keep))
    notes = [f"{len(read.frame)} runs from {path}: " + ", ".join(f"{name} = {source}" for name, source in read.columns.items())]
    if "D" not in read.columns:
        notes.append("D = C / (6 N)")
    chosen = {"auto": "width" if "width" in read.frame.columns else None, "none": None}.get(group, group)
    if group == "width" and "width" not in read.frame.columns:
        raise StudyError(f"--group width needs a width column, which {path} lacks: use --group budget or none")
    if chosen is None:
        notes.append("no group effect: runs count as independent given the law" + (
            " (a width column, or --group budget, would let runs share errors)" if group == "auto" else ""))
    elif chosen == "budget" and "budget" not in read.frame.columns:
        notes.append("budget effect over nine equal bins of log C")
    return Job(read.frame, read.dropped, replace(HEADLINE, group=chosen), path.name, path.stem,
               (*notes, *_dropped_note(read.dropped)))


def grid_job(name: str, runs: Path, group: str, drop_highest: int) -> Job:
    """The job of a grid's finished runs: its fit split, under its own (N0, D0).

    Raises:
        GridError, RecordError: no such grid, or records that cannot be read.
        StudyError: no run to fit.
    """
    from study.grids import grid
    from study.table import fit_rows, records_of, table

    chosen = grid(name)
    frame = table(chosen, records_of(chosen, runs))
    rows = fit_rows(frame)
    if rows.empty:
        raise StudyError(f"{runs / name} holds no complete run to fit: train some with `study run --grid {name}`")
    complete = frame[frame["status"] == "complete"]
    kept, dropped = drop_highest_losses(rows, drop_highest)
    spec = replace(HEADLINE, group={"auto": HEADLINE.group, "none": None}.get(group, group))
    of_all = len(chosen.of("fit"))
    return Job(kept, dropped, spec, f"the grid {name}", name,
               (f"{len(rows)} of {of_all} runs of the grid {name}", *_dropped_note(dropped)), grid_reference(chosen, spec),
               complete.rename(columns={"loss": "val_loss"})[["run_id", "N", "D", "val_loss", "dollars"]])


def complete(job: Job, predict_n: float, predict_c: float, bytes_per_token: float | None, out: Path | None, seed: int) -> Job:
    """The job with its questions and its directory. The design is checked here, before anything is computed.

    Raises:
        TooFewRunsError, DegenerateDesignError: see `check_design`.
        StudyError: `out` cannot be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PriorDominatedWarning)  # the fit says it again
        check_design(observations(job.frame, job.spec))
    where = out or Path("build") / "fit" / job.name
    if where.exists() and not where.is_dir():
        raise StudyError(f"--out {where} is a file: name a directory")
    try:
        _scratch(where).rmdir()
    except OSError as error:
        raise StudyError(f"cannot write to {where}: {error.strerror or error}") from None
    return replace(job, predict_n=predict_n, predict_c=predict_c, out=where, seed=seed,
                   bytes_per_token=bytes_per_token or bytes_per_token_of(job.frame))


def run(job: Job, say: Callable[[str], None] = lambda _: None) -> Result:
    """Fit, answer, write. Files are written beside `out` and moved in when all are whole.

    Raises:
        UnconvergedError: nothing is written. StudyError: the disk refused.
    """
    from study.fit.picture import iso_flop

    say(f"fitting {len(job.frame)} runs: compiling and sampling take about half a minute")
    N0, D0 = job.reference
    fits = fit_all(job.frame, job.spec, seed=job.seed, N0=N0, D0=D0, bytes_per_token=job.bytes_per_token)
    say("deriving the answers")
    answers = answer(fits.posterior, job.predict_n, job.predict_c, seed=job.seed)
    say("drawing and writing")
    budgets = job.frame["budget"].to_numpy(dtype=float) if "budget" in job.frame.columns else None
    figure = iso_flop(fits.posterior, job.predict_n, job.predict_c, budgets)
    text = prediction(fits, answers, job.predict_n, source=job.source, dropped=len(job.dropped),
                      bytes_per_token=job.bytes_per_token)
    scratch = None
    try:
        scratch = _scratch(job.out)
        (scratch / "fit.json").write_text(json.dumps(_finite(fit_json(job, fits, answers)), indent=1, allow_nan=False) + "\n")
        (scratch / "prediction.md").write_text(text)
        figure.savefig(scratch / "iso-flop.png", dpi=200)
        fits.posterior.idata.to_netcdf(str(scratch / "posterior.nc"), engine="h5netcdf")
        if job.runs is not None:
            job.runs.to_csv(scratch / "runs.csv", index=False)
        files = sorted(path.name for path in scratch.iterdir())
        job.out.mkdir(parents=True, exist_ok=True)
        for name in files:
            (scratch / name).replace(job.out / name)
    except OSError as error:
        raise StudyError(f"cannot write to {job.out}: {error.strerror or error}") from None
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return Result(fits, answers, tuple(files))


def fit_json(job: Job, fits: Fits, answers: Answers) -> dict[str, Any]:
    """fit.json: three fits apart, each {"alpha": {"point": ..., "ci95": [lo, hi], ...}, ...}, unrounded; then the answers.

    Points are posterior medians; the Huber fit's intervals are percentiles of its row bootstrap; curve_fit's are 1.96
    standard errors. An infinite or undefined number is null.
    """
    posterior, p = fits.posterior, fits.posterior.parameters
    nuisance = [name for name in free_parameters(job.spec) if name not in SURFACE]
    largest = float(posterior.rows.C.max())
    at_C = answers.at_C
    return {
        "posterior": {name: as_json(summarise(getattr(posterior.draws, name))) for name in SURFACE}
        | {name: as_json(summarise(getattr(p, name))) for name in nuisance},
        "huber": _huber_json(fits.huber), "curve_fit": _curve_fit_json(fits),
        "answers": {
            "at_N": {"N": job.predict_n, **optimum_json(answers.at_N, job.bytes_per_token, largest)},
            "at_C": {"C_asked": job.predict_c, **optimum_json(at_C, job.bytes_per_token, largest),
                     "loss_above_the_optimum": {f"{factor:g} x N_opt": as_json(summarise(draws))
                                                for factor, draws in answers.penalties.items()},
                     "least_expected_loss": asdict(answers.allocation)},
        },
        "data": {"source": job.source, "rows": len(job.frame), "N": [posterior.rows.N.min(), posterior.rows.N.max()],
                 "D": [posterior.rows.D.min(), posterior.rows.D.max()], "C": [posterior.rows.C.min(), largest],
                 "dropped": job.dropped[[name for name in ("run_id", "line", "N", "D", "loss") if name in job.dropped.columns]]
                 .to_dict("records")},
        "method": fits.method, "diagnostics": asdict(posterior.diagnostics), "warnings": list(fits.warnings),
        "spec": asdict(job.spec), "N0": posterior.N0, "D0": posterior.D0, "bytes_per_token": job.bytes_per_token,
        "seed": job.seed, "versions": {"study": study.__version__, **{name: version(name) for name in PACKAGES}},
    }


def _huber_json(huber: Bootstrap | str) -> dict[str, Any]:
    if isinstance(huber, str):
        return {"error": huber}
    out: dict[str, Any] = {}
    for name in SURFACE:
        draws = np.asarray(getattr(huber.surface, name), dtype=float)
        draws = draws[~np.isnan(draws)]  # an infinite one is an answer: it belongs to the tail, and to the end where it reaches it
        low, high = np.quantile(draws, [0.025, 0.975], method="nearest") if len(draws) else (math.nan, math.nan)
        out[name] = {"point": float(getattr(huber.fit.surface, name)), "ci95": [float(low), float(high)]}
    return {**out, "objective": huber.fit.objective, "delta": huber.fit.delta, "resamples_converged": huber.converged}


def _curve_fit_json(fits: Fits) -> dict[str, Any]:
    curve = fits.curve_fit
    if isinstance(curve, str):
        return {"error": curve}
    out: dict[str, Any] = {}
    for name, se in curve.standard_errors.items():
        point = float(getattr(curve.surface, name))
        out[name] = {"point": point, "ci95": [point - 1.96 * se, point + 1.96 * se]}
    return {**out, "warnings": list(curve.failures)}


def _finite(value: Any) -> Any:
    """The same with plain numbers, and None for those JSON has no name for."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _dropped_note(dropped: pd.DataFrame) -> tuple[str, ...]:
    if dropped.empty:
        return ()
    return (f"left out the {len(dropped)} highest losses: " + ", ".join(f"{value:g}" for value in dropped["loss"]),)


def _scratch(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    inside = out if out.is_dir() else out.parent
    return Path(tempfile.mkdtemp(dir=inside, prefix=f".{out.name}."))
