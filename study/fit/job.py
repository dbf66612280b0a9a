"""What `study fit` does and leaves behind: fit.json, posterior.nc, iso-flop.png, prediction.md, and runs.csv for a grid."""

import math
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from study.errors import StudyError
from study.fit.argument import Argument, argue
from study.fit.doubts import Doubt, doubts, refuse_no_loss
from study.fit.fits import Answers, Fits, answer, check_size, fit_all
from study.fit.headers import parse_columns
from study.fit.output import fit_json
from study.fit.prediction import prediction
from study.fit.rows import CHOICES, arrange
from study.fit.usertable import drop_highest_losses, read_table
from study.inference.observations import PriorDominatedWarning, bytes_per_token_of, check_design, grid_reference, observations
from study.inference.posterior import Posterior, inference_data
from study.inference.priors import Priors
from study.inference.serving import Overtraining, Serving, overtraining, serving
from study.inference.spec import HEADLINE, ModelSpec
from study.laws.hoffmann import LossSurface
from study.record import write_json

STORED, STORED_CELLS = 4000, 2_000_000  # draws in posterior.nc, and draws x rows of its log likelihood


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
    doubts: tuple[Doubt, ...] = ()  # that the table itself raises
    aside: pd.DataFrame = field(default_factory=pd.DataFrame)  # rows that are no runs of their own
    columns: dict[str, str] = field(default_factory=dict)
    prior: Priors | None = None  # in place of the default priors
    bytes_per_token: float = math.nan
    predict_n: float = math.nan
    predict_c: float = math.nan
    inference_tokens: float | None = None
    overtrain: float | None = None  # tokens a parameter
    out: Path = Path()
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """A fit that was done."""

    fits: Fits
    answers: Answers
    argument: Argument
    serving: Serving | None
    overtrained: Overtraining | None
    files: tuple[str, ...]


def table_job(path: Path, columns: str, group: str, drop_highest: int, *, rows: str = "auto", loss_unit: str = "",
              bytes_per_token: float | None = None) -> Job:
    """The job of a user's table. Without a width column and with group "auto", no group effect. `rows`: see `rows.arrange`.

    Raises:
        TableError: see `read_table`. NotALossError: the loss grows with N and with D.
        StudyError: a width effect was asked for and the table has no widths, or `rows` is none of `rows.CHOICES`.
    """
    if rows not in CHOICES:
        raise StudyError(f"unknown --rows {rows!r}: one of {', '.join(CHOICES)}")
    keep = {"auto": ("width",), "none": (), "run": ()}.get(group, (group,))
    read = read_table(path, columns=parse_columns(columns), keep=("bytes_per_token", *keep), loss_unit=loss_unit,
                      bytes_per_token=bytes_per_token)
    where = "standard input" if str(path) == "-" else str(path)
    notes = [f"{len(read.frame)} rows from {where}: " + ", ".join(f"{name} = {source}" for name, source in read.columns.items()),
             f"read as {'; '.join(read.notes)}"]
    refuse_no_loss(read.frame)
    arranged = arrange(read.frame, read.other, rows)
    kept, dropped = drop_highest_losses(arranged.frame, drop_highest)
    vocabulary = kept["vocabulary"].to_numpy(dtype=float) if "vocabulary" in kept.columns else None
    along = any(doubt.kind == "checkpoints" and doubt.severe for doubt in arranged.doubts)
    if along and "run" not in kept.columns:
        kept = kept.assign(run=kept["N"].map("{:g}".format))  # a curve of each size
    usual = "width" if "width" in kept.columns else "run" if along else None
    chosen = {"auto": usual, "none": None}.get(group, group)
    if group in ("width", "run") and group not in kept.columns:
        raise StudyError(f"--group {group} needs a {group} column, which {where} has not: use --group budget or none")
    if chosen == "run":
        notes.append("run effect: the rows of one run share an error")
    elif chosen is None:
        notes.append("no group effect: runs count as independent given the law" + (
            " (a width column, or --group budget, would let runs share errors)" if group == "auto" else ""))
    elif chosen == "budget" and "budget" not in kept.columns:
        notes.append("budget effect over nine equal bins of log C")
    source = "standard input" if str(path) == "-" else path.name
    return Job(kept, dropped, replace(HEADLINE, group=chosen), source, "stdin" if str(path) == "-" else path.name.split(".")[0],
               (*notes, *arranged.notes, *_dropped_note(dropped)), doubts=(*doubts(kept, vocabulary), *arranged.doubts),
               aside=arranged.aside, columns=read.columns)


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


def complete(job: Job, predict_n: float, predict_c: float, bytes_per_token: float | None, out: Path | None, seed: int,
             inference_tokens: float | None = None, overtrain: float | None = None) -> Job:
    """The job with its questions and its directory. The design is checked here, before anything is computed.

    Raises:
        TooManyRunsError: see `check_size`. TooFewRunsError, DegenerateDesignError: see `check_design`.
        StudyError: `out` cannot be written.
    """
    check_size(job.frame)
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
    return replace(job, predict_n=predict_n, predict_c=predict_c, out=where, seed=seed, inference_tokens=inference_tokens,
                   overtrain=overtrain, bytes_per_token=bytes_per_token or bytes_per_token_of(job.frame))


def run(job: Job, say: Callable[[str], None] = lambda _: None) -> Result:
    """Fit, answer, write. Files are written beside `out` and moved in when all are whole.

    Raises:
        UnconvergedError: nothing is written. StudyError: the disk refused.
    """
    from study.fit.picture import iso_flop

    say(f"fitting {len(job.frame)} runs: about half a minute")
    N0, D0 = job.reference
    fits = fit_all(job.frame, job.spec, seed=job.seed, N0=N0, D0=D0, bytes_per_token=job.bytes_per_token, prior=job.prior,
                   asked=job.predict_n)
    say("deriving the answers")
    answers = answer(fits.posterior, job.predict_n, job.predict_c, seed=job.seed)
    law = fits.posterior.draws
    found, overtrained = None, None
    if job.inference_tokens is not None and isinstance(law, LossSurface):
        found = serving(law, job.predict_c, job.inference_tokens)
    if job.overtrain is not None and isinstance(law, LossSurface):
        overtrained = overtraining(law, job.predict_c, job.overtrain)
    say("looking for what speaks against them")
    argument = argue(job.frame, fits, job.predict_n, job.doubts, seed=job.seed, prior=job.prior)
    say("drawing and writing")
    budgets = job.frame["budget"].to_numpy(dtype=float) if "budget" in job.frame.columns else None
    figure = iso_flop(fits.posterior, job.predict_n, job.predict_c, budgets)
    text = prediction(fits, answers, argument, job.predict_n, source=job.source, dropped=len(job.dropped),
                      bytes_per_token=job.bytes_per_token, serving=found, overtrained=overtrained)
    scratch = None
    try:
        scratch = _scratch(job.out)
        write_json(scratch / "fit.json", fit_json(job, fits, answers, argument, found, overtrained))
        (scratch / "prediction.md").write_text(text)
        figure.savefig(scratch / "iso-flop.png", dpi=200)
        stored_inference_data(fits.posterior).to_netcdf(str(scratch / "posterior.nc"), engine="h5netcdf")
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
    return Result(fits, answers, argument, found, overtrained, tuple(files))


def stored_inference_data(posterior: Posterior) -> Any:
    """The arviz.InferenceData of posterior.nc: some of the draws, evenly spaced, chains kept apart."""
    most = min(STORED, max(100, STORED_CELLS // len(posterior.rows)))
    if posterior.idata is not None:
        every = -(-posterior.idata.posterior.sizes["draw"] * posterior.idata.posterior.sizes["chain"] // most)
        return posterior.idata.isel(draw=slice(None, None, every))
    take = slice(None, None, -(-len(posterior.parameters) // most))
    values = posterior.parameters.take(take)
    law = values.surface(posterior.N0, posterior.D0)
    return inference_data(replace(posterior, draws=law, parameters=values, u=posterior.u[take]))


def _dropped_note(dropped: pd.DataFrame) -> tuple[str, ...]:
    if dropped.empty:
        return ()
    return (f"left out the {len(dropped)} highest losses: " + ", ".join(f"{value:g}" for value in dropped["loss"]),)


def _scratch(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    inside = out if out.is_dir() else out.parent
    return Path(tempfile.mkdtemp(dir=inside, prefix=f".{out.name}."))
