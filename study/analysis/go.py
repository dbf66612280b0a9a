"""What the runs on Go say: best loss, overfitting, frontier and accuracy by size, each with the noise between seeds or games.

The document that the grid `go` is after reads all of these off one run a size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from study.analysis.seeds import drawn_sd
from study.analysis.tables import groups
from study.inference.parameters import Array
from study.record import RunRecord, clustered_mean

SEED, DRAWS = 0, 4000
SIZE, DATA, SYMMETRIES, OVERFITTING = "size", "data", "symmetries", "overfitting"  # arms
BUDGETS = 60
EPOCHS = 4  # of the arms of sizes and of data
SUMMARIES = ("min", "max", "last")
NEVER_NEGATIVE = ("gap",)
ACCURACIES = ("validation_policy_accuracy", "validation_value_accuracy")


@dataclass(frozen=True)
class Means:
    """Means by size of what several seeds gave."""

    N: Array  # (K,)
    mean: Array  # (K,)
    draws: Array  # (S, K)
    sd: Array  # (K,) between seeds
    freedom: Array  # (K,) of each s.d.

    @property
    def last_less_first(self) -> Array:
        """Of the largest size less that of the smallest, per draw."""
        return np.asarray(self.draws[:, -1] - self.draws[:, 0])

    @property
    def slope(self) -> Array:
        """Least-squares slope on log10 N, per draw."""
        x = np.log10(self.N) - np.log10(self.N).mean()
        return np.asarray(self.draws @ x / (x @ x))


def means(runs: pd.DataFrame, column: str, arm: str = SIZE) -> Means | None:
    """Means of a column over the seeds of each size of an arm, and draws of them.

    sigma_k^2 ~ nu_k s_k^2 / chi2(nu_k), mean_k ~ N(mean of its n_k runs, sigma_k^2 / n_k), above 0 for a gap

    Each size has its own s.d.: that of the smallest networks, some of which never learn the winner, is many times that of the
    others. Sizes of one seed are left out; None where there are fewer than two others.
    """
    by = [(float(N), rows[column].to_numpy(dtype=float)) for N, rows in groups(runs[runs["arm"] == arm], "N")]
    by = [(N, values) for N, values in by if len(values) > 1]
    if len(by) < 2:
        return None
    mean, count = np.array([values.mean() for _, values in by]), np.array([len(values) for _, values in by])
    sd, freedom = np.array([values.std(ddof=1) for _, values in by]), count - 1.0
    rng = np.random.default_rng(SEED)
    scale, z = drawn_sd(sd, freedom, rng, (DRAWS, len(by))) / np.sqrt(count), rng.standard_normal((DRAWS, len(by)))
    if column in NEVER_NEGATIVE:
        below = special.ndtr(-mean / np.maximum(scale, 1e-12))  # share of the normal that lies below 0
        z = special.ndtri(below + (1 - below) * special.ndtr(z))
    draws = mean + scale * z
    return Means(np.array([N for N, _ in by]), mean, draws, sd, freedom)


def with_overfitting(runs: pd.DataFrame) -> pd.DataFrame:
    """gap: final less early-stopped loss; best_step, best_epoch, best_flops: where that one is."""
    return runs.assign(gap=runs["loss"] - runs["best_loss"], best_step=runs["best_tokens"] / runs["batch_tokens"],
                       best_epoch=runs["best_tokens"] / runs["unique"],
                       best_flops=runs["C_exact"] * runs["best_tokens"] / runs["D"])


def on_all_positions(log: pd.DataFrame, runs: pd.DataFrame, records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """The log of the runs (`analysis.runs.log_of`) with its loss and accuracies on the scale of the final evaluation.

    A curve is read on the first test positions, the end of a run on all: the difference of the two at the end, a matter of which
    positions, is added to the whole curve.
    """
    ends = log.sort_values("step").groupby("run_id").last()
    finals = {"validation_loss": runs.set_index("run_id")["loss"]}
    for name in ACCURACIES:
        finals[name] = pd.Series({run_id: records[run_id].metrics[name].value for run_id in runs["run_id"]}, dtype=float)
    shifted = {name: log[name] + log["run_id"].map(final - ends[name]) for name, final in finals.items() if name in log}
    return log.assign(**shifted)


def over_seeds(log: pd.DataFrame, columns: list[str], arm: str = SIZE) -> pd.DataFrame:
    """Means over the seeds of an arm at each step: N, step, flops, epoch and the columns."""
    rows = log[log["arm"] == arm]
    keys = ["N", "step", "epoch", "flops"]
    return rows.groupby(keys, as_index=False)[columns].mean().sort_values(["N", "step"]).reset_index(drop=True)


def by_epoch(log: pd.DataFrame) -> pd.DataFrame:
    """Validation loss at the end of each epoch, mean over seeds: a row a size, a column an epoch."""
    rows = over_seeds(log, ["validation_loss"])
    ends = rows[np.isclose(rows["epoch"], rows["epoch"].round(), atol=1e-3) & (rows["epoch"] > 0.5)]
    return ends.assign(epoch=ends["epoch"].round().astype(int)).pivot_table(index="N", columns="epoch", values="validation_loss")


@dataclass(frozen=True)
class Frontier:
    """The lowest loss that each size has reached by each budget of exact FLOPs."""

    C: Array  # (B,)
    N: Array  # (K,)
    loss: Array  # (B, K); nan before a size's first point
    won: Array  # (S,) share of the budgets at which the smallest size is the best, with the noise between seeds

    @property
    def best(self) -> Array:
        """(B,) the size of lowest loss."""
        return np.asarray(self.N[np.nanargmin(self.loss, axis=1)])

    @property
    def up_to(self) -> float:
        """The largest budget up to which the smallest size is the best at every one, FLOP; 0 where it is at none."""
        lost = np.flatnonzero(self.best != self.N[0])
        return float(self.C[-1] if not len(lost) else self.C[lost[0] - 1] if lost[0] else 0.0)


def frontier(log: pd.DataFrame, noise: Means) -> Frontier:
    """Budgets from where a second size has a point of its curve to the largest size's last one.

    `noise` is that of the early-stopped loss: a size's is the same at all budgets, since its points are of the same runs.
    """
    rows = over_seeds(log, ["validation_loss"])
    curves = [(float(N), group["flops"].to_numpy(), np.minimum.accumulate(group["validation_loss"].to_numpy()))
              for N, group in groups(rows, "N")]
    starts = sorted(flops[0] for _, flops, _ in curves)
    C = np.geomspace(starts[1], max(flops[-1] for _, flops, _ in curves), BUDGETS)
    loss = np.full((BUDGETS, len(curves)), np.nan)
    for k, (_, flops, lowest) in enumerate(curves):
        at = np.searchsorted(flops, C * (1 + 1e-9), side="right") - 1
        loss[:, k] = np.where(at >= 0, lowest[np.maximum(at, 0)], np.nan)
    drawn = loss + (noise.draws - noise.mean)[:, None, :]
    won = np.nanargmin(drawn, axis=2) == 0
    return Frontier(C, np.array([N for N, _, _ in curves]), loss, np.asarray(won.mean(axis=1)))


@dataclass(frozen=True)
class Accuracy:
    """A metric of the final evaluation by size, the mean over seeds, with its standard error over games."""

    N: Array  # (K,)
    value: Array
    se: Array
    gain: Array  # (S,) of the largest size less that of the smallest, paired by game, with the noise between seeds


def accuracy(records: Mapping[str, RunRecord], runs: pd.DataFrame, metric: str) -> Accuracy | None:
    """`metric` of the validation games, such as "policy_accuracy". None with fewer than two sizes."""
    sizes, by_game, by_seed, weights = [], [], [], None
    for N, rows in groups(runs[runs["arm"] == SIZE], "N"):
        found = [records[run_id] for run_id in rows["run_id"]]
        by_game.append(np.mean([record.metrics[f"validation_{metric}"].cluster_means for record in found], axis=0))
        weights = found[0].losses["validation"].cluster_tokens
        by_seed.append(np.array([record.metrics[f"validation_{metric}"].value for record in found]))
        sizes.append(float(N))
    if len(sizes) < 2 or weights is None:
        return None
    value, se = zip(*(clustered_mean(games, weights) for games in by_game), strict=True)
    mean, error = clustered_mean(by_game[-1] - by_game[0], weights)
    rng = np.random.default_rng(SEED)
    by_games = error * rng.standard_normal(DRAWS)
    ends = []
    for seeds, middle in ((by_seed[0], value[0]), (by_seed[-1], value[0] + mean)):
        end = np.full(DRAWS, middle)
        if (freedom := len(seeds) - 1) > 0:
            sigma = drawn_sd(seeds.std(ddof=1), freedom, rng, DRAWS)
            end = end + sigma / np.sqrt(len(seeds)) * rng.standard_normal(DRAWS)
        ends.append(np.clip(end, 0.0, 1.0))  # an accuracy is a share
    gain = ends[1] - ends[0] + by_games
    return Accuracy(np.array(sizes), np.array(value), np.array(se), gain)


def amounts(runs: pd.DataFrame) -> pd.DataFrame:
    """Early-stopped and final loss by size and amount of data, mean over seeds: N, unique, best_loss, loss, best_epoch."""
    rows = runs[runs["arm"].isin([SIZE, DATA]) & np.isclose(runs["epochs"], EPOCHS)]
    return rows.groupby(["N", "unique"], as_index=False)[["best_loss", "loss", "best_epoch"]].mean()


def falls(runs: pd.DataFrame, noise: Means, less: float, more: float) -> Array:
    """(S, K) by how much the early-stopped loss falls from one amount of data to another, at the sizes that have both.

    Each of the two is known as its number of runs says, with the s.d. between seeds of the size.
    """
    table, rng = amounts(runs), np.random.default_rng(SEED)
    rows = runs[runs["arm"].isin([SIZE, DATA])]
    count = rows.groupby(["N", "unique"]).size()
    wide = table.pivot_table(index="N", columns="unique", values="best_loss")
    if less not in wide or more not in wide:
        return np.empty((DRAWS, 0))
    both = wide[[less, more]].dropna()
    both = both[both.index.isin(noise.N)]
    at = np.searchsorted(noise.N, both.index.to_numpy(dtype=float))
    sigma = drawn_sd(noise.sd[at], noise.freedom[at], rng, (DRAWS, len(at)))
    spread = np.array([np.sqrt(1 / count[(N, less)] + 1 / count[(N, more)]) for N in both.index])
    return np.asarray((both[less] - both[more]).to_numpy() + sigma * spread * rng.standard_normal((DRAWS, len(at))))


def symmetries(runs: pd.DataFrame) -> pd.DataFrame:
    """With and without the symmetries of the board, seed 0: N, best_loss, loss, and both without."""
    key = ["N", "best_loss", "loss", "best_epoch"]
    with_them = runs[(runs["arm"] == SIZE) & (runs["seed"] == 0)][key]
    return with_them.merge(runs[runs["arm"] == SYMMETRIES][key], on="N", suffixes=("", "_without")).sort_values("N")


def summary(log: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Minimum, maximum and last value of columns of the log by size, over the runs of the arm of sizes: the document's table."""
    rows = log[log["arm"] == SIZE].sort_values(["N", "seed", "step"])
    last = rows.groupby(["N", "run_id"])[columns].last().groupby("N").mean()
    by = rows.groupby("N")[columns]
    return pd.concat(dict(zip(SUMMARIES, (by.min(), by.max(), last), strict=True)), axis=1).swaplevel(axis=1)
