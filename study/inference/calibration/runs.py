"""Run a calibration or coverage study in chunks over worker processes, and keep what came out.

    OUT/<name>.csv     a row a draw: how it was fitted, k-hat, a rank a quantity      (coverage: a row a replicate and method)
    OUT/<name>.json    what was run, from which seed and commit, failures, and the tests
    OUT/.work/<name>-<seed>/  finished chunks of a study that has not ended; removed with its last

A study that has its .json is never run again.
"""

import shutil
import warnings
from collections.abc import Callable
from concurrent.futures import as_completed
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from study.errors import StudyError
from study.inference.calibration.coverage import COVERAGE_SEED, RESAMPLES, TRUTHS, replicate, summary
from study.inference.calibration.designs import design
from study.inference.calibration.ranks import RANKED
from study.inference.calibration.sbc import FITS, SEED, TARGETS, calibrate, rank_tests
from study.inference.intervals import LEVELS
from study.pool import one_thread, pool
from study.provenance import cpu_model, git_state, lock_sha256
from study.record import write_atomic, write_json

FEWEST = 20  # draws with a rank that can be tested
CHUNK, SLOW_CHUNK = 25, 4  # draws between two saves; the second for NUTS and coverage
Progress = Callable[[int, int], None]  # draws done, draws in all


class CalibrationError(StudyError):
    """A study that cannot be run as asked."""


def run_calibration(design_name: str, target: str, method: str, draws: int, out: Path, *, workers: int = 2,
                    progress: Progress | None = None) -> Path:
    """Simulation-based calibration of `draws` draws; returns the path of its .json.

    Raises:
        CalibrationError: an unknown target or method, too few draws, or a folder that cannot be written.
        GridError: an unknown design.
    """
    if target not in TARGETS or method not in FITS:
        raise CalibrationError(f"target {target!r} by {method!r}: choose from {', '.join(TARGETS)} and {', '.join(FITS)}")
    if draws < FEWEST:
        raise CalibrationError(f"{draws} draws say nothing about ranks: use at least {FEWEST}, better 1000")
    design(design_name)
    name = f"sbc-{design_name}-{target}-{method}"
    record = out / f"{name}.json"
    if record.exists():
        return record
    rows = chunks(partial(calibration_chunk, design_name, target, method), draws, out, name, SEED, workers, progress,
                  size=SLOW_CHUNK if method == "nuts" else CHUNK)
    failed = rows["how"] == "failed"
    khat = rows["khat"].dropna()
    write_study(out, name, rows.drop(columns="reason"), {
        "kind": "simulation-based calibration", "design": design_name, "target": target, "method": method,
        "spec": vars(TARGETS[target]), "seed": SEED, "draws": draws, "ranked_among": RANKED,
        "fitted_by": {str(how): int(count) for how, count in rows["how"].value_counts().items()},
        "khat_over_0.7": float((khat > 0.7).mean()) if len(khat) else None,
        "khat_largest": float(khat.max()) if len(khat) else None,
        "failures": rows.loc[failed, ["draw", "reason"]].to_dict("records"),
        "tests": rank_tests(rows).to_dict("records") if (~failed).sum() >= FEWEST else []})
    return record


def run_coverage(design_name: str, replicates: int, out: Path, *, workers: int = 2, progress: Progress | None = None) -> Path:
    """Coverage of the posterior's intervals and of the classical ones; returns the path of its .json.

    Raises:
        CalibrationError: too few replicates, or a folder that cannot be written.
        GridError: an unknown design.
    """
    if replicates < 1:
        raise CalibrationError("coverage needs at least one replicate, better 200")
    design(design_name)
    name = f"coverage-{design_name}"
    record = out / f"{name}.json"
    if record.exists():
        return record
    rows = chunks(partial(coverage_chunk, design_name), replicates, out, name, COVERAGE_SEED, workers, progress,
                  size=SLOW_CHUNK)
    write_study(out, name, rows, {
        "kind": "coverage", "design": design_name, "seed": COVERAGE_SEED, "replicates": replicates, "resamples": RESAMPLES,
        "levels": list(LEVELS), "truths": [vars(truth) for truth in TRUTHS],
        "failures": int((rows["status"] != "ok").sum()), "coverage": summary(rows).to_dict("records")})
    return record


def calibration_chunk(design_name: str, target: str, method: str, draws: range) -> pd.DataFrame:
    """One chunk of a calibration, in a worker."""
    fit = FITS[method]
    return calibrate(design(design_name), TARGETS[target], draws, fit=partial(fit, cores=1) if method == "nuts" else fit)


def coverage_chunk(design_name: str, replicates: range) -> pd.DataFrame:
    """One chunk of a coverage study, in a worker."""
    chosen = design(design_name)
    return pd.concat([replicate(chosen, number) for number in replicates], ignore_index=True)


def chunks(work: Callable[[range], pd.DataFrame], count: int, out: Path, name: str, seed: int, workers: int,
           progress: Progress | None, size: int) -> pd.DataFrame:
    """The rows of `count` draws, `size` of them a chunk; chunks of the same name and seed that are done are read back.

    Raises:
        CalibrationError: the folder cannot be written.
    """
    git_state()  # before the work, during which another commit may be made
    parts = _parts(out, name, seed)
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CalibrationError(f"cannot write {parts}: {error.strerror}") from None
    pieces = [range(begin, min(begin + size, count)) for begin in range(0, count, size)]
    paths = {piece: parts / f"{piece.start:06d}-{piece.stop:06d}.csv" for piece in pieces}
    todo = [piece for piece in pieces if not paths[piece].exists()]
    done = count - sum(len(piece) for piece in todo)

    def keep(piece: range, rows: pd.DataFrame) -> None:
        nonlocal done
        write_atomic(paths[piece], rows.to_csv(index=False).encode())
        done += len(piece)
        if progress:
            progress(done, count)

    if progress:
        progress(done, count)
    if workers == 1:
        for piece in todo:
            keep(piece, work(piece))
    elif todo:
        with one_thread(), pool(workers) as executor:
            futures = {executor.submit(partial(_quietly, work), piece): piece for piece in todo}
            for future in as_completed(futures):
                keep(futures[future], future.result())
    return pd.concat([pd.read_csv(paths[piece]) for piece in pieces], ignore_index=True)


def _quietly(work: Callable[[range], pd.DataFrame], piece: range) -> pd.DataFrame:
    # what these libraries announce at import would break the progress bar
    warnings.filterwarnings("ignore", category=UserWarning, module="pytensor")
    warnings.filterwarnings("ignore", category=FutureWarning, module="arviz")
    return work(piece)


def write_study(out: Path, name: str, rows: pd.DataFrame, body: dict[str, Any]) -> None:
    """OUT/<name>.csv and then OUT/<name>.json, with where the numbers come from; the chunks are then removed."""
    commit, dirty = git_state()
    body["provenance"] = {"git_commit": commit, "git_dirty": dirty, "lock_sha256": lock_sha256(), "cpu": cpu_model()}
    write_atomic(out / f"{name}.csv", rows.to_csv(index=False, float_format="%.6g").encode())
    write_json(out / f"{name}.json", body)
    shutil.rmtree(_parts(out, name, body["seed"]), ignore_errors=True)


def _parts(out: Path, name: str, seed: int) -> Path:
    return out / ".work" / f"{name}-{seed}"
