"""Small things the tests are made from."""

import math

import numpy as np
import pandas as pd

from study.config import RunConfig
from study.counts import config_counts, exact_flops, six_nd
from study.laws.hoffmann import LossSurface
from study.laws.nesting import NestingSurface
from study.record import CurvePoint, Loss, Provenance, RunRecord, Timing

CONFIG = RunConfig(corpus="sotu", vocabulary=64, width=16, layers=1, heads=1, tokens=2560, batch_tokens=256, learning_rate=0.02,
                   context=32, eval_tokens=1024, curve_tokens=256, curve_points=4)

LAW = LossSurface(1.7, 350.0, 1200.0, 0.34, 0.36)


def isoflop_runs(law: LossSurface | NestingSurface = LAW, *, budgets: int = 5, sizes: int = 5, bend: float = 0.0,
                 seed: int = 0) -> pd.DataFrame:
    """Budgets from 1e18 to 1e21 FLOP of sizes about the optimum of `LAW`, with noise of 0.3 %.

    The loss leaves the law by `bend` in ln L a decade beyond 1e20 FLOP.
    """
    C = np.repeat(np.geomspace(1e18, 1e21, budgets), sizes)
    N = LAW.N_opt(C) * np.tile(np.geomspace(0.2, 5, sizes), budgets)
    noise = 0.003 * np.random.default_rng(seed).standard_normal(len(N))
    loss = law.loss(N, C / 6 / N) * np.exp(noise + bend * np.maximum(np.log10(C) - 20, 0))
    return pd.DataFrame({"N": N, "D": C / 6 / N, "loss": loss})


def record(config: RunConfig = CONFIG, loss: float = 2.0, **changes: object) -> RunRecord:
    """A complete record of `config` with the given validation loss."""
    validation = Loss(loss, 0.01, loss / math.log(2) / 2.5, 1000, (loss - 0.1, loss + 0.1), (500, 500))
    values = {
        "config": config, "status": "complete", "reason": "", "parameters": config_counts(config),
        "flops_6nd": float(six_nd(config)), "flops_exact": float(exact_flops(config)),
        "losses": {"validation": validation, "train": Loss(loss - 0.05, 0.01, 1.0, 1000)},
        "curve": (CurvePoint(1, 256, 1e6, 0.01, 4.0, 4.1, 0.5, 0.01, 30.0),
                  CurvePoint(10, 2560, 1e7, 0.0, 2.1, loss, 0.2, math.nan, 9.0)),
        "timing": Timing(1.0, 0.9, 2.0, 1.8, 2560.0, 1e11, 0.3),
        "provenance": Provenance("c0ffee", False, "", "abc", "", "2.13.0", "3.11.7", "cpu", "a cpu", 1, "a host",
                                 "2026-01-01T00:00:00+00:00", "2026-01-01T00:01:00+00:00"),
        "bytes_per_token": 2.5,
    }
    return RunRecord(**{**values, **changes})  # type: ignore[arg-type]


def token_stream(length: int, vocabulary: int, seed: int) -> np.ndarray:
    """Tokens a small model can learn: each follows from the one before, but for noise."""
    random = np.random.default_rng(seed)
    step = random.choice([1, 2, 3], p=[0.6, 0.3, 0.1], size=length)
    return (np.cumsum(step) % vocabulary).astype(np.uint16)


def crossed_runs() -> pd.DataFrame:
    """Five sizes by five ratios of tokens to parameters, with noise of 0.3 %: a sound table of a user's."""
    law = LossSurface(1.75, 420.0, 1700.0, 0.34, 0.36)
    N, ratio = (axis.ravel() for axis in np.meshgrid(np.geomspace(4e7, 1.3e9, 5), np.geomspace(8, 90, 5), indexing="ij"))
    seen = np.exp(0.003 * np.random.default_rng(5).standard_normal(25))
    return pd.DataFrame({"N": N, "D": N * ratio, "loss": law.loss(N, N * ratio) * seen})
