"""The runs that no fit has seen: what was predicted of them, and how they came out."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.study import SEED, Study, once
from study.analysis.tables import complete
from study.inference.parameters import Array
from study.inference.predictive import predict_losses
from study.predictions import LAWS, PERCENT, scores, summary
from study.predictions import committed as committed_before


@once
def predictions(study: Study) -> Array:
    """Posterior predictive losses of the held-out rows, (S, R)."""
    return np.asarray(predict_losses(study.posterior, study.held_out, seed=SEED))


def committed(study: Study) -> dict[str, Any] | None:
    """What was written down of these runs before the first of them was begun; None where nothing was."""
    return committed_before(study.folders[0], study.grid.name, study.records)


@once
def scored(study: Study) -> pd.DataFrame:
    """The held-out runs beside what was predicted of them (`predictions.SCORED`).

    By the prediction that was made before the runs where there is one, else by the posterior.
    """
    if prediction := committed(study):
        return scores(prediction, study.frame)
    rows = study.held_out
    losses: Iterable[Array] = predictions(study).T if len(rows) else ()
    return scores({"runs": {run_id: {LAWS[0]: summary(draws)} for run_id, draws in zip(rows["run_id"], losses, strict=True)}}, rows)


def coverage(study: Study) -> dict[float, int]:
    """How many held-out runs fell inside each central predictive interval, by its level."""
    return {level: int(scored(study)[f"inside_{name}"].sum()) for level, name in PERCENT.items()}


def above(study: Study) -> int:
    """How many came out above the median of what was predicted of them."""
    return int((scored(study)["error"] > 0).sum())


def errors(study: Study) -> Array:
    """ln L minus ln of the median prediction, (R,)."""
    return np.asarray(scored(study)["error"], dtype=float)


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
