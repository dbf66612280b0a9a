"""The runs that no fit has seen: what was predicted of them, and how they came out."""

import numpy as np
import pandas as pd

from study.analysis.study import SEED, Study, once
from study.analysis.tables import complete
from study.inference.intervals import inside
from study.inference.parameters import Array
from study.inference.predictive import predict_losses


@once
def predictions(study: Study) -> Array:
    """Posterior predictive losses of the held-out rows, (S, R)."""
    return np.asarray(predict_losses(study.posterior, study.held_out, seed=SEED))


@once
def coverage(study: Study) -> dict[float, int]:
    """How many held-out runs fall inside each central predictive interval, by its level."""
    return inside(predictions(study), study.held_out["loss"]) if len(study.held_out) else {0.5: 0, 0.8: 0, 0.95: 0}


def above(study: Study) -> int:
    """How many lie above the median of what was predicted of them."""
    return int(np.sum(study.held_out["loss"].to_numpy() > np.median(predictions(study), axis=0))) if len(study.held_out) else 0


def errors(study: Study) -> Array:
    """ln L minus ln of the median prediction, (R,)."""
    return np.asarray(np.log(study.held_out["loss"].to_numpy()) - np.log(np.median(predictions(study), axis=0)))


def times_beyond(study: Study) -> float:
    """The largest C of a held-out run over the largest that was fitted."""
    return float(study.held_out["C"].max() / study.largest_C)


def step(study: Study) -> tuple[float, float] | None:
    """By how many nats the held-out budget lies below the largest fitted one at equal width, here and on the other corpus.

    None where no width has both, or the other corpus was not read.
    """
    rows: pd.DataFrame = complete(study.frame)
    fitted = rows[(rows["budget"] == study.fit["budget"].max()) & (rows["role"] == "isoflop")]
    pairs = fitted.merge(study.held_out, on="width", suffixes=("", "_held"))
    if not len(pairs) or pairs["ood_loss"].isna().any() or pairs["ood_loss_held"].isna().any():
        return None
    here, there = (float((pairs[name] - pairs[f"{name}_held"]).mean()) for name in ("loss", "ood_loss"))
    return here, there
