"""Grid + records -> the DataFrame that every fit and figure starts from.

Columns (one row a finished run of the grid, in the design's order):

    run_id  arm  split  role  budget  factor  seed  width  layers  batch_tokens  learning_rate  status
    N                   the headline count: non-embedding + unembedding parameters
    N_non_embedding  N_total
    D                   training tokens;  bytes: the same in bytes of text;  bytes_per_token
    unique              of them, those that are distinct
    C                   6 N D;  C_exact: FLOPs with attention
    loss  loss_se       validation, nats a token;  bits_per_byte
    train_loss  ood_loss  seconds  cpu_seconds  dollars

A user's own table (`study fit TABLE.csv`) has at least N, D, loss and enters the same functions.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from study.config import Config
from study.counts import config_counts, exact_flops, six_nd
from study.grids.design import Cell, Grid
from study.record import RunRecord, read_record, record_directories, run_directory


def records_sha256(runs: Path) -> str:
    """sha256 over the names and bytes of the records of one grid, runs/<grid>, in the order of their run_ids."""
    digest = hashlib.sha256()
    for directory in record_directories(runs):
        for name in ("record.json", "curve.csv"):
            digest.update(f"{directory.name}/{name}\0".encode() + hashlib.sha256((directory / name).read_bytes()).digest())
    return digest.hexdigest()


def records_of(grid: Grid, runs: Path) -> dict[str, RunRecord]:
    """The grid's finished records by run_id, in the design's order; runs not yet done are absent."""
    directories = {cell.config.run_id: run_directory(runs, grid.name, cell.config.run_id) for cell in grid.cells}
    return {run_id: read_record(path) for run_id, path in directories.items() if (path / "record.json").exists()}


def table(grid: Grid, records: dict[str, RunRecord]) -> pd.DataFrame:
    """One row a finished run of `grid` (columns in the module's docstring). Losses are nan unless complete."""
    rows = []
    for cell in grid.cells:
        record = records.get(cell.config.run_id)
        if record is None:
            continue
        losses, size = record.losses, record.bytes_per_token or math.nan
        validation, train, ood = losses.get("validation"), losses.get("train"), losses.get("ood")
        rows.append({
            **_design(cell), "status": record.status, "bytes_per_token": size, "bytes": cell.config.tokens * size,
            "loss": validation.nats_per_token if validation else math.nan,
            "loss_se": validation.se if validation else math.nan,
            "bits_per_byte": validation.bits_per_byte if validation else math.nan,
            "train_loss": train.nats_per_token if train else math.nan,
            "ood_loss": ood.nats_per_token if ood else math.nan,
            "seconds": record.timing.total_wall, "cpu_seconds": record.timing.total_cpu,
            "dollars": math.nan if record.dollars is None else record.dollars,
        })
    return pd.DataFrame(rows, columns=COLUMNS)


def unique_tokens(config: Config) -> int:
    """Distinct tokens, or positions, that a run sees."""
    return min(config.unique_tokens, config.tokens) or config.tokens


def planned(cells: Sequence[Cell]) -> pd.DataFrame:
    """The columns of `PLANNED`, which a design alone knows, one row a cell: what a prediction is made of."""
    return pd.DataFrame([_design(cell) for cell in cells], columns=PLANNED)


def fit_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The complete runs a fit may see: split "fit"."""
    return frame[(frame["split"] == "fit") & (frame["status"] == "complete")].reset_index(drop=True)


def held_out_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The complete runs no fit may see: split "held-out"."""
    return frame[(frame["split"] == "held-out") & (frame["status"] == "complete")].reset_index(drop=True)


def _design(cell: Cell) -> dict[str, Any]:
    config, counts = cell.config, config_counts(cell.config)
    return {
        "run_id": config.run_id, "arm": cell.arm, "split": cell.split, "role": cell.role, "budget": cell.budget,
        "factor": cell.factor, "seed": config.seed, "width": config.width, "layers": config.layers,
        "batch_tokens": config.batch_tokens, "learning_rate": config.learning_rate, "N": counts.multiplying,
        "N_non_embedding": counts.non_embedding, "N_total": counts.total, "D": config.tokens, "unique": unique_tokens(config),
        "C": float(six_nd(config)), "C_exact": float(exact_flops(config)),
    }


COLUMNS = ["run_id", "arm", "split", "role", "budget", "factor", "seed", "width", "layers", "batch_tokens", "learning_rate",
           "status", "N", "N_non_embedding", "N_total", "D", "unique", "bytes_per_token", "bytes", "C", "C_exact", "loss",
           "loss_se", "bits_per_byte", "train_loss", "ood_loss", "seconds", "cpu_seconds", "dollars"]
MEASURED = ("status", "bytes_per_token", "bytes", "loss", "loss_se", "bits_per_byte", "train_loss", "ood_loss", "seconds",
            "cpu_seconds", "dollars")
PLANNED = [name for name in COLUMNS if name not in MEASURED]
