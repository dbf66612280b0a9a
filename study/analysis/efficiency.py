"""Sample efficiency: the tokens, steps and compute that each size needs for a loss, and what a size off the optimum costs.

Kaplan et al. 2020 (arXiv 2001.08361), figures 2, 11 and 12. Read off the runs' curves (validation loss along a run whose rate
may decay over its own length) or off final losses, one run a point, where every run has its own schedule.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from study.analysis.tables import groups

SIZES = 3  # that must reach a level


def to_loss(curves: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """First crossing of each level by each run's validation loss: run_id, N, batch, level, tokens, steps, C.

    Interpolated in the logarithm of tokens between the points around the crossing; a run that never gets there is absent.
    """
    rows = []
    for run_id, group in curves.groupby("run_id", sort=False):
        ordered = group.sort_values("tokens")
        loss = np.minimum.accumulate(ordered["validation_loss"].to_numpy(dtype=float))
        tokens = np.log(ordered["tokens"].to_numpy(dtype=float))
        first = ordered.iloc[0]
        for level in levels:
            if not loss[-1] <= level < loss[0]:
                continue
            after = int(np.argmax(loss <= level))
            share = (loss[after - 1] - level) / (loss[after - 1] - loss[after])
            seen = float(np.exp(tokens[after - 1] + share * (tokens[after] - tokens[after - 1])))
            rows.append({"run_id": run_id, "N": float(first["N"]), "batch": float(first["batch"]), "level": float(level),
                         "tokens": seen, "steps": seen / float(first["batch"]), "C": 6.0 * float(first["N"]) * seen})
    return pd.DataFrame(rows, columns=["run_id", "N", "batch", "level", "tokens", "steps", "C"])


def best_of_size(needed: pd.DataFrame) -> pd.DataFrame:
    """The fewest tokens over the runs of each size and level."""
    return needed.loc[needed.groupby(["N", "level"])["tokens"].idxmin()].reset_index(drop=True)


def off_optimal(needed: pd.DataFrame) -> pd.DataFrame:
    """At each level, relative to the size that needs the least compute: size, excess (of compute), steps_ratio."""
    rows = []
    for level, group in groups(best_of_size(needed), "level"):
        best = group.iloc[int(group["C"].to_numpy().argmin())]
        rows.append(pd.DataFrame({"level": level, "N": group["N"], "size": group["N"] / best["N"],
                                  "excess": group["C"] / best["C"], "steps_ratio": group["steps"] / best["steps"]}))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["level", "N", "size", "excess", "steps_ratio"])


def savings(needed: pd.DataFrame) -> pd.DataFrame:
    """By level: how many times fewer tokens the largest size needs than the smallest, and the sizes' ratio."""
    rows = []
    for level, group in groups(best_of_size(needed), "level"):
        ordered = group.sort_values("N")
        small, large = ordered.iloc[0], ordered.iloc[-1]
        if len(ordered) > 1:
            slope = float(np.polyfit(np.log(ordered["N"]), np.log(ordered["tokens"]), 1)[0])
            rows.append({"level": level, "sizes": large["N"] / small["N"], "fewer": small["tokens"] / large["tokens"],
                         "fewer_steps": small["steps"] / large["steps"], "slope": slope, "smallest": small["N"],
                         "largest": large["N"]})
    return pd.DataFrame(rows, columns=["level", "sizes", "fewer", "fewer_steps", "slope", "smallest", "largest"])


def levels_between(curves: pd.DataFrame, count: int) -> list[float]:
    """`count` losses, evenly spaced in ln L, that at least `SIZES` sizes reach (and none starts below)."""
    lowest = curves.groupby("N")["validation_loss"].min().sort_values()
    if len(lowest) < SIZES:
        return []
    low, high = float(lowest.iloc[SIZES - 1]), 0.9 * float(curves.groupby("run_id")["validation_loss"].max().min())
    return [float(x) for x in np.exp(np.linspace(np.log(low), np.log(high), count + 1)[:-1])] if low < high else []
