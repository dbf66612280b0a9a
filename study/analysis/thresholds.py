"""Rosenfeld's question: does the joint law fitted below a threshold predict the runs above it, and how far?

Rosenfeld et al. 2020 (arXiv 1909.12673): a form of N and D fitted to runs below thresholds of both, judged above them.
"""

import warnings

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.fast.fit import fit_fast
from study.inference.intervals import percent_key
from study.inference.observations import PriorDominatedWarning, geometric_mean
from study.inference.predictive import predict_losses
from study.inference.scores import score
from study.inference.spec import ModelSpec

SPEC = ModelSpec(group=None)
FEWEST = 7  # runs below a threshold
SEED = 0


def by_threshold(frame: pd.DataFrame, by: str = "budget") -> pd.DataFrame:
    """At every threshold of `by` (budget, N or D): fit the rows at or below it, predict each value above it.

    A threshold whose fit did not converge is left out.

    Columns: threshold, above (the value predicted), distance (above / threshold), fitted, predicted, error (r.m.s. of ln L
    less the predictive median), bias (its mean; positive: the runs are worse than predicted), inside_50/80/95 (shares).
    """
    values, rows = np.sort(frame[by].unique()), []
    N0, D0 = geometric_mean(frame["N"]), geometric_mean(frame["D"])  # of the whole frame, so that every threshold has one prior
    for threshold in values[:-1]:
        below = frame[frame[by] <= threshold].reset_index(drop=True)
        if len(below) < FEWEST or below["N"].nunique() < 3 or below["D"].nunique() < 3:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PriorDominatedWarning)
                posterior = fit_fast(below, SPEC, seed=SEED, N0=N0, D0=D0, fallback=False)
        except StudyError:
            continue
        if not posterior.diagnostics.converged:
            continue
        for value in values[values > threshold]:
            above = frame[frame[by] == value].reset_index(drop=True)
            seen = score(predict_losses(posterior, above, seed=SEED), above["loss"])
            rows.append({"threshold": threshold, "above": value, "distance": value / threshold, "fitted": len(below),
                         "predicted": len(above), "error": seen.error_rms, "bias": seen.error,
                         **{f"inside_{percent_key(level)}": count / len(above) for level, count in seen.inside.items()}})
    return pd.DataFrame(rows, columns=["threshold", "above", "distance", "fitted", "predicted", "error", "bias", "inside_50",
                                       "inside_80", "inside_95"])
