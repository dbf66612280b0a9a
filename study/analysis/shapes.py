"""Shape at a fixed number of parameters: depth, aspect ratio and heads. Kaplan et al. 2020 (arXiv 2001.08361), figures 5 and 6."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.exponents import spread_by_depth
from study.laws.law import LawError


@dataclass(frozen=True)
class ShapeEffect:
    """Loss by one feature of the shape, at nearly one N and one D."""

    feature: str
    points: pd.DataFrame  # the feature, aspect (width / layers), N, increase: loss over the best, less one
    span: float  # the largest aspect ratio (or value of the feature) over the smallest
    worst: float  # the largest increase
    within_three_percent: float  # span of the values whose increase is at most 3 %


def shape_effect(frame: pd.DataFrame, feature: str, slope: float = 0.0) -> ShapeEffect:
    """Mean loss by the feature, the difference in N taken out by L ~ N^-slope (Kaplan et al.: "compensated for by L(N)").

    Raises:
        LawError: fewer than three values of the feature.
    """
    rows = frame.assign(aspect=frame["width"] / frame["layers"])
    if rows[feature].nunique() < 3:
        raise LawError(f"the effect of {feature} needs three values, not {rows[feature].nunique()}")
    N = rows["N_non_embedding"].to_numpy(dtype=float)
    level = np.log(rows["loss"].to_numpy(dtype=float)) + slope * np.log(N / np.exp(np.log(N).mean()))
    means = rows.assign(level=level).groupby(feature, as_index=False)[["level", "aspect", "N_non_embedding"]].mean()
    increase = np.exp(means["level"].to_numpy() - float(means["level"].min())) - 1
    points = means.assign(increase=increase)
    good = points.loc[increase <= 0.03, feature].to_numpy(dtype=float)
    values = points[feature].to_numpy(dtype=float)
    return ShapeEffect(feature, points, float(values.max() / values.min()), float(increase.max()),
                       float(good.max() / good.min()))


def counts(frame: pd.DataFrame) -> dict[str, float]:
    """Scatter of ln L about one curve in ln N, by what N counts: Kaplan's figure 6, with the embedding and without."""
    return {name: spread_by_depth(frame, name) for name in ("total", "non_embedding")}
