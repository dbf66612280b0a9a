"""Two plain tables of one or more grids: a row a run, and a row a point of a run's curve."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from study.grids import GRIDS, grid
from study.grids.design import language_config
from study.record import CurvePoint, RunRecord
from study.table import records_of, table

SMOOTHED = 3  # points of a curve that its best one is averaged over


def runs(name: str, records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """`study.table.table` of a grid's complete runs, with what one-factor sections read beside it.

    unique: distinct training tokens; epochs: D / unique; steps; heads; schedule; grid; corpus
    best_loss, best_tokens: the early-stopped loss, the lowest mean of three neighbouring points of the curve, and the tokens there;
    at the end of the run where the curve still falls there
    """
    frame = table(grid(name), dict(records))
    frame = frame[frame["status"] == "complete"].reset_index(drop=True)
    found = [records[run_id] for run_id in frame["run_id"]]
    configs = [language_config(record.config) for record in found]
    stopped = [early_stopped(record) for record in found]
    seen = [min(config.unique_tokens, config.tokens) or config.tokens for config in configs]
    return frame.assign(
        grid=name, corpus=[config.corpus for config in configs], heads=[config.heads for config in configs],
        steps=[config.steps for config in configs], schedule=[config.schedule for config in configs], unique=seen,
        epochs=frame["D"].to_numpy(dtype=float) / np.asarray(seen, dtype=float) if len(frame) else [],
        best_loss=[loss for loss, _ in stopped], best_tokens=[tokens for _, tokens in stopped])


def early_stopped(record: RunRecord) -> tuple[float, float]:
    """Lowest validation loss of the curve (mean of three neighbours, so that no noise is picked) and the tokens there.

    The final loss, on many more validation tokens, stands in where the curve is lowest at its end.
    """
    final = record.losses["validation"].nats_per_token
    values = [point.validation_loss for point in record.curve]
    if len(values) < SMOOTHED:
        return final, float(record.config.tokens)
    smooth = np.convolve(values, np.full(SMOOTHED, 1 / SMOOTHED), mode="valid")
    best = int(np.argmin(smooth))
    if best == len(smooth) - 1:
        return final, float(record.config.tokens)
    return float(smooth[best]), float(record.curve[best + SMOOTHED // 2].tokens)


def curves(records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """Every point of every complete run's curve, with the run's own columns: run_id, N, width, batch, schedule, C = 6 N tokens."""
    rows = []
    for run_id, record in records.items():
        if record.status != "complete":
            continue
        counts, config = record.parameters, record.config
        rows += [{"run_id": run_id, "N": counts.multiplying, "N_non_embedding": counts.non_embedding, "width": config.width,
                  "batch": config.batch_tokens, "schedule": config.schedule, "D": config.tokens, "seed": config.seed,
                  "C": 6.0 * counts.multiplying * point.tokens, **vars(point)} for point in record.curve]
    own = ["run_id", "N", "N_non_embedding", "width", "batch", "schedule", "D", "seed", "C"]
    return pd.DataFrame(rows, columns=[*own, *CurvePoint.__dataclass_fields__])


def load(names: Sequence[str], folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(runs, curves) of several grids joined; a grid that does not exist or has no record adds nothing."""
    frames, points = [], []
    for name in names:
        records = records_of(grid(name), folder) if name in GRIDS else {}
        if records:
            frames.append(runs(name, records))
            points.append(curves(records).assign(grid=name))
    empty = runs("smoke", {}), curves({}).assign(grid="")
    return (pd.concat(frames, ignore_index=True) if frames else empty[0],
            pd.concat(points, ignore_index=True) if points else empty[1])
