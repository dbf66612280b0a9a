"""The exponent of N_opt in C by range of budgets and by what N counts, beside Pearce and Song's local exponent.

Kaplan et al. counted non-embedding parameters and found .73; Hoffmann et al. counted all and found .50. Pearce & Song 2024
(arXiv 2406.12907) explain most of the difference by the count at small sizes.
"""

import itertools

import numpy as np
import pandas as pd

from study.analysis.tables import groups
from study.inference.classical.isoflop import PowerLaw, fit_power_law, vertex
from study.inference.observations import N_COLUMNS
from study.laws.hoffmann import LossSurface
from study.laws.pearce_song import OMEGA, local_exponent

FEWEST = 3  # sizes of a budget, and budgets of a range


def optima(frame: pd.DataFrame, count: str = "multiplying") -> pd.DataFrame:
    """Vertex of the parabola of loss in ln N at each budget: budget, C (6 N D with that count), N_opt, loss; edges left out."""
    rows, column = [], N_COLUMNS[count]
    for budget, group in groups(frame, "budget"):
        path = group.groupby(["N", "D"], as_index=False)[[*({column} - {"N"}), "loss"]].mean()
        if len(path) < FEWEST:
            continue
        found = vertex(path[column], path["D"], path["loss"])
        N, D = float(found.N), float(found.D)
        if np.isfinite(N):
            rows.append({"budget": float(budget), "N_opt": N, "D_opt": D, "C": 6 * N * D, "loss": float(found.loss)})
    return pd.DataFrame(rows, columns=["budget", "N_opt", "D_opt", "C", "loss"])


def by_range(frame: pd.DataFrame, count: str) -> pd.DataFrame:
    """Exponents over every run of neighbouring budgets: low, high (FLOP), budgets, exponent, se (nan with two)."""
    found = optima(frame, count)
    rows = []
    for begin, end in itertools.combinations(range(len(found) + 1), 2):
        part = found.iloc[begin:end]
        if len(part) >= FEWEST:
            law: PowerLaw = fit_power_law(part["C"], part["N_opt"])
            rows.append({"low": part["budget"].min(), "high": part["budget"].max(), "budgets": len(part),
                         "exponent": law.exponent, "se": law.exponent_se})
    return pd.DataFrame(rows, columns=["low", "high", "budgets", "exponent", "se"])


def by_count(frame: pd.DataFrame) -> pd.DataFrame:
    """The exponent over all budgets under each count of N: count, exponent, se, budgets."""
    rows = []
    for count in N_COLUMNS:
        found = optima(frame, count)
        if len(found) >= FEWEST:
            law = fit_power_law(found["C"], found["N_opt"])
            rows.append({"count": count, "exponent": law.exponent, "se": law.exponent_se, "budgets": len(found)})
    return pd.DataFrame(rows, columns=["count", "exponent", "se", "budgets"])


def own_omega(frame: pd.DataFrame) -> float:
    """omega of N_total = N + omega N^(1/3) that is nearest, in logarithms, to what this grid's embeddings add."""
    N = frame["N_non_embedding"].to_numpy(dtype=float)
    return float(np.exp(np.mean(np.log(frame["N_total"].to_numpy(dtype=float) - N) - np.log(N) / 3)))


def predicted_local(surface: LossSurface, sizes: pd.Series, omega: float = OMEGA) -> pd.DataFrame:
    """Pearce and Song's local exponent along non-embedding sizes, under one surface of total parameters."""
    N = np.sort(sizes.unique().astype(float))
    return pd.DataFrame({"N": N, "exponent": local_exponent(surface, N, omega)})


def spread_by_depth(frame: pd.DataFrame, count: str) -> float:
    """Scatter of ln L about one curve in ln N (a parabola), over runs of one D: how well that count alone predicts the loss.

    Kaplan et al., figure 6: with the embedding counted, depths lie apart; without it they fall on one line.
    """
    rows = frame.dropna(subset=["loss"])
    x, y = np.log(rows[N_COLUMNS[count]].to_numpy(dtype=float)), np.log(rows["loss"].to_numpy(dtype=float))
    degree = min(2, len(np.unique(x)) - 1)
    residual = y - np.polyval(np.polyfit(x, y, degree), x)
    freedom = len(x) - degree - 1
    return float(np.sqrt(np.sum(residual**2) / freedom)) if freedom > 0 else float("nan")
