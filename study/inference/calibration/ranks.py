"""Are ranks uniform? The tests of simulation-based calibration.

If theta* is drawn from the prior, y from the model, and theta_1..theta_L from an exact posterior of y, then the rank of
theta* among them is uniform on 0..L (Talts et al. 2018, arXiv 1804.06788, theorem 1). Two tests, since they see different
faults: chi-square on equal bins, and the largest departure of the empirical c.d.f. in pointwise probability (Saeilynoja,
Buerkner and Vehtari 2022, arXiv 2103.10522). Holm's correction over all quantities and both tests.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from study.inference.parameters import Array

RANKED = 199  # posterior draws a rank is among: 200 possible ranks
BINS = 20
SIMULATIONS = 4000  # of the null distribution of the ECDF test


def rank(truth: float, draws: Array) -> int:
    """How many of the draws lie below the truth, 0..L."""
    return int(np.sum(draws < truth))


def chi_square(ranks: ArrayLike, ranked: int = RANKED) -> float:
    """p-value of Pearson's test on equal bins of the L + 1 ranks; fewer bins where they would expect less than five.

    Raises:
        ValueError: no ranks, or L + 1 has no such bins.
    """
    values, bins = np.asarray(ranks, dtype=int), BINS
    while bins > 2 and (len(values) / bins < 5 or (ranked + 1) % bins):
        bins -= 1
    if len(values) < 5 * bins or (ranked + 1) % bins:
        raise ValueError(f"{len(values)} ranks of {ranked + 1} are too few for a chi-square test")
    counts = np.bincount(values * bins // (ranked + 1), minlength=bins)
    return float(stats.chisquare(counts).pvalue)


def ecdf_test(ranks: ArrayLike, ranked: int = RANKED) -> float:
    """p-value of the smallest two-sided binomial tail of the empirical c.d.f. over its L interior points.

    The null distribution is simulated, so the least p-value is 1 / (SIMULATIONS + 1).
    """
    values = np.asarray(ranks, dtype=int)
    observed = _smallest_tail(np.bincount(values, minlength=ranked + 1)[None, :], _tails(len(values), ranked))[0]
    null = _null(len(values), ranked)
    return float((1 + np.sum(null <= observed)) / (SIMULATIONS + 1))


def ecdf_envelope(count: int, ranked: int = RANKED, level: float = 0.95) -> tuple[Array, Array, Array]:
    """Simultaneous band of the empirical c.d.f. of `count` uniform ranks: points (k + 1) / (L + 1), lower, upper."""
    pointwise = float(np.quantile(_null(count, ranked), 1 - level))
    z = np.arange(1, ranked + 1) / (ranked + 1)
    lower, upper = stats.binom.ppf(pointwise / 2, count, z), stats.binom.isf(pointwise / 2, count, z)
    return z, np.asarray(lower / count), np.asarray(upper / count)


def holm(p_values: ArrayLike) -> Array:
    """Holm's adjusted p-values: family-wise error without assuming independence (Holm 1979)."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    out = np.empty_like(p)
    out[order] = np.minimum(adjusted, 1.0)
    return out


def uniformity(ranks: pd.DataFrame, ranked: int = RANKED) -> pd.DataFrame:
    """Both tests for each column of ranks, a row a quantity.

    Columns: quantity, mean (of rank / L; 1/2 when unbiased), spread (s.d. of rank / L over that of a uniform: above 1 the
    posterior is too narrow), chi_square and ecdf (p-values), holm (the smaller of the two, adjusted over all).
    """
    rows = []
    for name in ranks.columns:
        values = ranks[name].to_numpy(dtype=int)
        rows.append({"quantity": name, "mean": float(values.mean() / ranked),
                     "spread": float(values.std() / ranked / np.sqrt((1 + 2 / ranked) / 12)),
                     "chi_square": chi_square(values, ranked), "ecdf": ecdf_test(values, ranked)})
    result = pd.DataFrame(rows)
    adjusted = holm(result[["chi_square", "ecdf"]].to_numpy().ravel()).reshape(-1, 2)
    return result.assign(holm=adjusted.min(axis=1))


def coverage_of_ranks(ranks: ArrayLike, level: float, ranked: int = RANKED) -> float:
    """Share of truths inside the central interval of `level`, from their ranks."""
    u = (np.asarray(ranks, dtype=float) + 0.5) / (ranked + 1)
    return float(np.mean(np.abs(u - 0.5) < level / 2))


@lru_cache(maxsize=8)
def _null(count: int, ranked: int) -> Array:
    # the statistic of SIMULATIONS sets of uniform ranks
    drawn = np.random.default_rng(0).multinomial(count, np.full(ranked + 1, 1 / (ranked + 1)), size=SIMULATIONS)
    return _smallest_tail(drawn, _tails(count, ranked))


@lru_cache(maxsize=8)
def _tails(count: int, ranked: int) -> Array:
    # (L, count + 1): two-sided tail probability of each count below each interior point
    z = (np.arange(1, ranked + 1) / (ranked + 1))[:, None]
    k = np.arange(count + 1)[None, :]
    return np.asarray(2 * np.minimum(stats.binom.cdf(k, count, z), stats.binom.sf(k - 1, count, z)))


def _smallest_tail(counts: NDArray[np.int_], tails: Array) -> Array:
    below = np.cumsum(counts, axis=1)[:, :-1]
    return np.asarray(tails[np.arange(len(tails))[None, :], below].min(axis=1))
