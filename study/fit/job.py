"""What `study fit` is asked: a table or a grid, the model, the questions, and where the answer goes."""

import math
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from study.errors import StudyError
from study.fit.doubts import Doubt, doubts, refuse_no_loss
from study.fit.draws import check_size
from study.fit.reading.columns import parse_columns
from study.fit.reading.headers import read_header
from study.fit.reading.names import RUN_IDS
from study.fit.reading.usertable import drop_highest_losses, read_table
from study.fit.rows import CHOICES, arrange
from study.inference.observations import PriorDominatedWarning, bytes_per_token_of, check_design, grid_reference, observations
from study.inference.spec import HEADLINE, ModelSpec


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
    bytes_per_token: float = math.nan
    predict_n: float = math.nan
    predict_c: float = math.nan
    inference_tokens: float | None = None
    overtrain: float | None = None  # tokens a parameter
    out: Path = Path()
    seed: int = 0


def job_of(table: Path | None, grid: str | None, runs: Path, *, columns: str, group: str, drop_highest: int, rows: str,
           loss_unit: str, bytes_per_token: float | None) -> Job:
    """The job of a table, or of a grid, whichever is named.

    Raises:
        StudyError: see `table_job` and `grid_job`; or an option of tables was given with a grid.
    """
    if table is not None:
        return table_job(table, columns, group, drop_highest, rows=rows, loss_unit=loss_unit, bytes_per_token=bytes_per_token)
    if columns or loss_unit or rows != "auto":
        raise StudyError("--columns, --loss-unit and --rows are for a table: a grid's columns are known")
    return grid_job(str(grid), runs, group, drop_highest)


def table_job(path: Path, columns: str | Mapping[str, str], group: str, drop_highest: int, *, rows: str = "auto",
              loss_unit: str = "", bytes_per_token: float | None = None) -> Job:
    """The job of a user's table. Without a width column and with group "auto", no group effect. `rows`: see `rows.arrange`.

    Raises:
        TableError: see `read_table`. NotALossError: the loss grows with N and with D.
        StudyError: a width effect was asked for and the table has no widths, or `rows` is none of `rows.CHOICES`.
    """
    if rows not in CHOICES:
        raise StudyError(f"unknown --rows {rows!r}: one of {', '.join(CHOICES)}")
    keep = {"auto": ("width",), "none": (), "run": ()}.get(group, (group,))
    given = parse_columns(columns)
    read = read_table(path, columns=given, keep=("bytes_per_token", *keep), loss_unit=loss_unit,
                      bytes_per_token=bytes_per_token)
    where = "standard input" if str(path) == "-" else str(path)
    notes = [f"{len(read.frame)} rows from {where}: " + ", ".join(f"{name} = {source}" for name, source in read.columns.items()),
             f"read as {'; '.join(read.notes)}"]
    refuse_no_loss(read.frame)
    named = "given" if "run" in given else "id" if read_header(read.columns.get("run", "")).plain in RUN_IDS else "name"
    arranged = arrange(read.frame, read.other, rows, run=named)
    kept, dropped = drop_highest_losses(arranged.frame, drop_highest)
    vocabulary = kept["vocabulary"].to_numpy(dtype=float) if "vocabulary" in kept.columns else None
    derived = next((name for name in ("N", "D") if name not in read.columns), "")
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
               (*notes, *arranged.notes, *_dropped_note(dropped)),
               doubts=(*doubts(kept, vocabulary, derived), *read.doubts, *arranged.doubts), aside=arranged.aside,
               columns=read.columns)


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
        raise StudyError(f"{runs / chosen.name} holds no complete run to fit: train some with `study run --grid {chosen.source}`")
    complete = frame[frame["status"] == "complete"]
    kept, dropped = drop_highest_losses(rows, drop_highest)
    spec = replace(HEADLINE, group={"auto": HEADLINE.group, "none": None}.get(group, group))
    of_all = len(chosen.of("fit"))
    return Job(kept, dropped, spec, f"the grid {chosen.name}", chosen.name,
               (f"{len(rows)} of {of_all} runs of the grid {chosen.name}", *_dropped_note(dropped)), grid_reference(chosen, spec),
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
        scratch(where).rmdir()
    except OSError as error:
        raise StudyError(f"cannot write to {where}: {error.strerror or error}") from None
    return replace(job, predict_n=predict_n, predict_c=predict_c, out=where, seed=seed, inference_tokens=inference_tokens,
                   overtrain=overtrain, bytes_per_token=bytes_per_token or bytes_per_token_of(job.frame))


def _dropped_note(dropped: pd.DataFrame) -> tuple[str, ...]:
    if dropped.empty:
        return ()
    return (f"left out the {len(dropped)} highest losses: " + ", ".join(f"{value:g}" for value in dropped["loss"]),)


def scratch(out: Path) -> Path:
    """A new folder on the disk of `out`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    inside = out if out.is_dir() else out.parent
    return Path(tempfile.mkdtemp(dir=inside, prefix=f".{out.name}."))
