"""What the training curves and timings of the runs say beside their losses."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from study.analysis.study import Study, once
from study.analysis.tables import complete, each
from study.record import CurvePoint, RunRecord


def failed(study: Study) -> list[RunRecord]:
    """Recorded runs of the grid and of its sweep that diverged or failed."""
    return [record for record in (*study.records.values(), *study.sweep_records.values()) if record.status != "complete"]


def points(record: RunRecord) -> list[CurvePoint]:
    """The points of a run's curve whose loss is finite."""
    return [point for point in record.curve if np.isfinite(point.validation_loss)]


def gradient_noise(record: RunRecord) -> float:
    """B_simple over the second half of a run in tokens: the ratio of the averages of tr(Sigma) and |G|^2; nan where unknown."""
    late = [
        p
        for p in record.curve
        if p.tokens >= record.config.tokens / 2 and np.isfinite(p.gradient_square) and np.isfinite(p.gradient_trace)
    ]
    square = float(np.mean([p.gradient_square for p in late])) if late else float("nan")
    return float(np.mean([p.gradient_trace for p in late])) / square if square > 0 else float("nan")


@once
def noise_scales(study: Study) -> pd.DataFrame:
    """The complete runs with a column `noise_scale`, tokens; nan where it is unknown."""
    rows = complete(study.frame)
    scales = np.array([gradient_noise(study.records[run_id]) for run_id in rows["run_id"]])
    return rows.assign(noise_scale=np.where(scales > 0, scales, np.nan))


def peaks(study: Study) -> Mapping[str, float]:
    """The highest matmul speed that any run measured, by processor, FLOP/s: a busy machine measures less than it has."""
    out: dict[str, float] = {}
    for record in study.records.values():
        out[record.provenance.cpu] = max(out.get(record.provenance.cpu, 0.0), record.timing.matmul_peak)
    return out


@once
def speeds(study: Study) -> pd.DataFrame:
    """The complete runs with their `speed`, exact FLOP a CPU-second of training, and its `share` of the processor's peak."""
    rows, peak = complete(study.frame), peaks(study)
    of = [(record.timing.train_cpu, peak[record.provenance.cpu]) for row in each(rows) if (record := study.records[row.run_id])]
    speed = rows["C_exact"].to_numpy() / np.array([seconds for seconds, _ in of])
    return rows.assign(speed=speed, share=speed / np.array([most for _, most in of]))


def optimal_loss(study: Study, C: np.ndarray) -> np.ndarray:
    """Median over draws of the loss at each draw's own optimum."""
    draws, at = study.posterior.draws, np.asarray(C)[:, None]
    return np.asarray(np.median(draws.loss(draws.N_opt(at), draws.D_opt(at)), axis=1))
