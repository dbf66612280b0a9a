"""Two plain tables of one or more grids: a row a run, and a row a point of a run's curve."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from study.grids import GRIDS, grid
from study.grids.design import Grid
from study.record import CURVE, RunRecord
from study.table import records_of, table

SMOOTHED = 3  # points of a curve that its best one is averaged over


def runs(of: Grid, records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """`study.table.table` of a grid's complete runs, with what one-factor sections read beside it.

    epochs: D / unique; steps; heads; schedule; grid; corpus
    best_loss, best_tokens: the early-stopped loss and the tokens there (`early_stopped`)
    """
    frame = table(of, dict(records))
    frame = frame[frame["status"] == "complete"].reset_index(drop=True)
    found = [records[run_id] for run_id in frame["run_id"]]
    stopped = [early_stopped(record) for record in found]
    return frame.assign(
        grid=of.name, corpus=[record.config.corpus for record in found], heads=[record.config.heads for record in found],
        steps=[record.config.steps for record in found], schedule=[record.config.schedule for record in found],
        epochs=frame["D"] / frame["unique"], best_loss=[loss for loss, _ in stopped],
        best_tokens=[tokens for _, tokens in stopped])


def early_stopped(record: RunRecord) -> tuple[float, float]:
    """Lowest validation loss of the curve (mean of three neighbours, so that no noise is picked) and the tokens there.

    The curve is read on fewer tokens than the final loss: how far its end lies above its lowest stretch is taken off the final
    loss. That one stands as it is where the curve is lowest at its end.
    """
    final = record.losses["validation"].nats_per_token
    values = [point.validation_loss for point in record.curve]
    if len(values) < SMOOTHED:
        return final, float(record.config.tokens)
    smooth = np.convolve(values, np.full(SMOOTHED, 1 / SMOOTHED), mode="valid")
    best = int(np.argmin(smooth))
    if best == len(smooth) - 1:
        return final, float(record.config.tokens)
    return final - (values[-1] - float(smooth[best])), float(record.curve[best + SMOOTHED // 2].tokens)


def curves(records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """Every point of every complete run's curve, with the run's own columns: run_id, N, width, batch, schedule, C = 6 N tokens.

    What a task measures beside the loss (`CurvePoint.metrics`) has a column each, after the others.
    """
    rows = []
    for run_id, record in records.items():
        if record.status != "complete":
            continue
        counts, config = record.parameters, record.config
        rows += [{"run_id": run_id, "N": counts.multiplying, "N_non_embedding": counts.non_embedding, "width": config.width,
                  "batch": config.batch_tokens, "schedule": config.schedule, "D": config.tokens, "seed": config.seed,
                  "C": 6.0 * counts.multiplying * point.tokens, **vars(point), **point.metrics} for point in record.curve]
    own = ["run_id", "N", "N_non_embedding", "width", "batch", "schedule", "D", "seed", "C"]
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys([*own, *CURVE, *(name for row in rows for name in row["metrics"])])))
    return frame.astype({"step": int, "tokens": int})


def log_of(of: Grid, records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """The training log of a grid: a row a point of a complete run's curve, with its arm, factor, unique tokens and epoch."""
    points, own = curves(records), table(of, dict(records))[["run_id", "arm", "factor", "unique"]]
    rows = own.merge(points, on="run_id")
    return rows.assign(epoch=rows["tokens"] / rows["unique"])


def load(names: Sequence[str], folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(runs, curves) of several grids joined; a grid that does not exist or has no record adds nothing."""
    frames, points = [], []
    for name in names:
        records = records_of(grid(name), folder) if name in GRIDS else {}
        if records:
            frames.append(runs(grid(name), records))
            points.append(curves(records).assign(grid=name))
    empty = runs(grid("smoke"), {}), curves({}).assign(grid="")
    return (pd.concat(frames, ignore_index=True) if frames else empty[0],
            pd.concat(points, ignore_index=True) if points else empty[1])
