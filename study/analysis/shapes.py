"""Shape at a fixed number of parameters: depth, aspect ratio and heads. Kaplan et al. 2020 (arXiv 2001.08361), figures 5 and 6."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.exponents import spread_by_depth
from study.analysis.seeds import drawn_sd, pooled
from study.inference.parameters import Array
from study.laws.law import LawError

MILD = 0.03  # Kaplan et al.: two shapes whose aspect ratios differ by 21 have losses within 3 %
DRAWS = 4000


@dataclass(frozen=True)
class ShapeEffect:
    """Loss by one feature of the shape, at nearly one N and one D; draws (S,) over the noise of seeds."""

    feature: str  # "aspect" (width / layers) or "heads"
    points: pd.DataFrame  # the feature, count and sd of runs, increase: mean loss over the lowest, less one
    error: float  # s.e. of a mean of one run, relative; nan without two seeds of a shape
    span: float  # the largest value of the feature over the smallest
    worst: Array  # the largest increase
    within: Array  # span of the values whose increase is at most `MILD`
    open: bool  # whether that span, of the means, reaches an end of the values tried, so that it may be longer


def shape_effect(frame: pd.DataFrame, feature: str, *, seed: int = 0) -> ShapeEffect:
    """Mean ln L by the feature. N is not compensated for (Kaplan et al. do, by L(N)): give shapes of about one size.

    The means are drawn about those measured with the variance between seeds pooled over the shapes, itself drawn: nu s^2 over a
    chi-square of nu degrees of freedom. Without two seeds of a shape there is one draw, the means as they are.

    Raises:
        LawError: fewer than three values of the feature.
    """
    rows = frame.assign(aspect=frame["width"] / frame["layers"])
    if rows[feature].nunique() < 3:
        raise LawError(f"the effect of {feature} needs three values, not {rows[feature].nunique()}")
    grouped = rows.assign(level=np.log(rows["loss"].to_numpy(dtype=float))).groupby(feature)
    means = grouped.agg(level=("level", "mean"), sd=("level", "std"), count=("level", "size")).reset_index()
    error, freedom = pooled(means)
    middle = means["level"].to_numpy()
    drawn = middle[None]
    if freedom:
        rng = np.random.default_rng(seed)
        sd = drawn_sd(error, freedom, rng, DRAWS)[:, None]
        drawn = middle + sd / np.sqrt(means["count"].to_numpy()) * rng.standard_normal((DRAWS, len(means)))
    increase = np.exp(drawn - drawn.min(axis=1, keepdims=True)) - 1
    values = means[feature].to_numpy(dtype=float)
    good = np.where(increase <= MILD, values, np.nan)
    of_means = np.exp(middle - middle.min()) - 1
    return ShapeEffect(feature, means.assign(increase=of_means), error, float(values.max() / values.min()),
                       increase.max(axis=1), np.nanmax(good, axis=1) / np.nanmin(good, axis=1),
                       bool(min(of_means[0], of_means[-1]) <= MILD))


def counts(frame: pd.DataFrame) -> dict[str, float]:
    """Scatter of ln L about one curve in ln N, by what N counts: Kaplan's figure 6, with the embedding and without."""
    return {name: spread_by_depth(frame, name) for name in ("total", "non_embedding")}
