"""Do two ways of training one small run agree? Its config, its text, the largest difference, and what each way is allowed."""

import math
from pathlib import Path

import numpy as np

from study.config import RunConfig, whole_batches
from study.data.stream import TokenSet
from study.record import RunRecord

SMALL = RunConfig(corpus="synthetic", vocabulary=1024, width=128, layers=4, heads=4, tokens=4096 * 20, batch_tokens=4096,
                  learning_rate=3e-3, curve_points=200, eval_tokens=16_384, curve_tokens=4096)  # a curve point a step
TOLERANCE = {"cpu": 1e-3, "go": 1e-3,  # convolutions rounded as by TF32 differ by 2e-2, another order of sums by 1e-7
             "bfloat16": 2e-2, "compile": 1e-3, "accumulation": 1e-4, "resume": 1e-3, "data_parallel": 1e-4}


def synthetic(config: RunConfig) -> TokenSet:
    """Tokens for one run, with something to learn: Zipf's frequencies, three in ten repeating the one before."""
    random = np.random.default_rng(0)
    weights = 1 / np.arange(1, config.vocabulary + 1)

    def stream(count: int) -> np.ndarray:
        drawn = random.choice(config.vocabulary, size=count, p=weights / weights.sum()).astype(np.uint16)
        again = np.flatnonzero(random.random(count) < 0.3)
        drawn[again] = drawn[again - 1]
        return drawn

    held = whole_batches(2 * config.eval_tokens, config.context) + config.context + 1
    groups = np.arange(held) // max(1, held // 40)
    return TokenSet("synthetic", Path(), config.vocabulary, 4.0, 4.0, "", stream(config.tokens + config.context + 1), stream(held),
                    groups.astype(np.uint8), groups.astype(np.uint8))


def difference(a: RunRecord, b: RunRecord) -> float:
    """The largest relative difference of two runs' losses, on the curve and on the validation set; inf where one diverged."""
    if not (a.losses and b.losses):  # a diverged run has a shorter curve
        return math.inf
    pairs = [(x.train_loss, y.train_loss) for x, y in zip(a.curve, b.curve, strict=True)]
    pairs += [(a.losses["validation"].nats_per_token, b.losses["validation"].nats_per_token)]
    return max(abs(x - y) / y for x, y in pairs)
