"""Records of runs on Go, and of text read often, with a planted law: no run is trained for a test of what is made of them."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from study.config import Config
from study.counts import config_counts, config_flops_per_token
from study.grids.design import Cell, Grid
from study.laws.datablations import DataConstrainedSurface
from study.laws.hoffmann import LossSurface
from study.record import CurvePoint, Loss, Metric, RunRecord, run_directory, write_record
from study.table import unique_tokens
from tests.makers import record

# of the early-stopped loss: in positions for Go, in tokens for text
LAW = DataConstrainedSurface(LossSurface(E=1.6, A=12.0, B=30.0, alpha=0.35, beta=0.38), R_D=6.0, R_N=8.0)
GAMES, PER_GAME = 40, 30
OFFSET = 0.04  # of the curve's few test positions from all of them
SEED_SD = 0.002


def best_loss(config: Config) -> float:
    """The law at a run."""
    return float(LAW.loss(config_counts(config).multiplying, config.tokens, unique_tokens(config)))


def gap(config: Config) -> float:
    """By how much the loss rises after its best: more for larger models and for more epochs."""
    size = math.log(config_counts(config).multiplying / 9e3) / math.log(130)
    return 0.25 * max(0.0, size) * math.log(max(1.0, config.tokens / unique_tokens(config))) / math.log(4)


def best_at(config: Config) -> float:
    """The share of the run at which the loss is lowest: earlier for larger models."""
    return 1.0 if gap(config) == 0 else 1 - 0.5 * min(1.0, gap(config) / 0.25)


def planted(config: Config, rng: np.random.Generator, *, best: Callable[[Config], float] = best_loss,
            rise: Callable[[Config], float] = gap) -> RunRecord:
    """A record whose curve falls to `best`, then rises by `rise`; Go's metrics beside it, by game."""
    lowest, up, turn = best(config) + SEED_SD * float(rng.standard_normal()), rise(config), best_at(config)
    if up == 0 or turn == 1:
        up, turn = 0.0, 1.0
    spaced = np.geomspace(max(1, config.steps / 1000), config.steps, 24).round().astype(int)
    steps = sorted({*config.marks, *spaced.tolist()})
    losses = {"validation": _loss(lowest + up, rng), "train": Loss(lowest - 0.5 * up, 0.01, math.nan, 500)}
    points = []
    for step in steps:
        t = step / config.steps
        x = math.log(turn / t)
        value = lowest + (3 * (math.exp(0.2 * x) - 1 - 0.2 * x) if t < turn else up * ((t - turn) / (1 - turn + 1e-9)) ** 2)
        tokens = step * config.batch_tokens
        points.append(CurvePoint(step, tokens, float(config_flops_per_token(config) * tokens), 1e-3, value - 0.1, value + OFFSET,
                                 0.5, 0.01, 30.0, _metrics(value, config)))
    metrics = {name.replace("validation", split): _metric(value, rng) for split in ("validation", "train")
               for name, value in points[-1].metrics.items() if name.startswith("validation")}
    return record(config, lowest, losses=losses, curve=tuple(points), metrics=metrics)


def write(grid: Grid, folder: Path, cells: Sequence[Cell] | None = None, *, seed: int = 0,
          **shape: Callable[[Config], float]) -> None:
    """Planted records of some cells of a grid, all by default."""
    for cell in grid.cells if cells is None else cells:
        rng = np.random.default_rng([seed, int.from_bytes(cell.config.run_id.encode()[-6:], "big")])
        write_record(run_directory(folder, grid.name, cell.config.run_id), planted(cell.config, rng, **shape))


def _metrics(value: float, config: Config) -> dict[str, float]:
    if config.corpus != "go-9x9":
        return {}
    size = math.log(config_counts(config).multiplying / 9e3) / math.log(130)
    test = {"policy_loss": 0.75 * value, "value_loss": 0.25 * value, "policy_accuracy": 0.4, "value_accuracy": 0.6 + 0.08 * size}
    return {**{f"validation_{name}": each for name, each in test.items()}, "train_eval_loss": value - 0.2,
            **{f"train_eval_{name}": each for name, each in test.items()}}


def _loss(value: float, rng: np.random.Generator) -> Loss:
    means = value + 0.1 * rng.standard_normal(GAMES)
    return Loss(value, 0.1 / math.sqrt(GAMES), math.nan, GAMES * PER_GAME, tuple((means - means.mean() + value).tolist()),
                (PER_GAME,) * GAMES)


def _metric(value: float, rng: np.random.Generator) -> Metric:
    means = value + 0.02 * rng.standard_normal(GAMES)
    return Metric(value, 0.02 / math.sqrt(GAMES), "share", GAMES * PER_GAME, tuple((means - means.mean() + value).tolist()))
