"""Unique text by size: does a plateau come from what else binds, and on what does overfitting depend?

The one-factor blog's experiments and Kaplan et al. 2020 (arXiv 2001.08361), figures 4 and 9. Arms of a grid of factors: runs at
fixed compute (one number of steps whatever the text) and runs whose steps grow with the text.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.one_factor import OneFactor, one_factor
from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.inference.parameters import Array
from study.laws.kaplan import KaplanSurface
from study.laws.law import BYTES_PER_TOKEN, LawError
from study.laws.overfitting import collapse, overfitting_law, surface

SEED = 0
FIXED, SCALED = "fixed steps", "steps in proportion"  # factors of the arm of unique text
ONCE = 1.1  # epochs that still count as one pass


@dataclass(frozen=True)
class Plateau:
    """Loss against unique text, with compute fixed and with compute in proportion, at one size."""

    N: float
    fixed: OneFactor
    scaled: OneFactor
    at: float  # unique tokens: the largest that both arms have
    slopes: tuple[Array, Array]  # local exponents there, per draw

    @property
    def probability(self) -> float:
        """Posterior probability that loss falls faster where compute grows with the text."""
        fixed, scaled = self.slopes
        return float(np.mean(scaled[: len(fixed)] > fixed[: len(scaled)]))


def plateau(fixed: pd.DataFrame, scaled: pd.DataFrame, *, bytes_per_token: float = BYTES_PER_TOKEN) -> Plateau:
    """Two arms of one size, columns unique and loss.

    Raises:
        LawError: too few amounts of text, or the arms hold other sizes.
    """
    sizes = set(fixed["N"]) | set(scaled["N"])
    if len(sizes) != 1:
        raise LawError(f"a plateau is of one size: these arms hold {len(sizes)}")
    fits = [one_factor(rows, "unique", bytes_per_token=bytes_per_token) for rows in (fixed, scaled)]
    at = float(min(fixed["unique"].max(), scaled["unique"].max()))
    return Plateau(float(sizes.pop()), fits[0], fits[1], at, (fits[0].slope(at), fits[1].slope(at)))


def arms(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(fixed, scaled) of a grid of factors: runs of one number of steps, and runs whose steps grow with the text.

    The fixed run that passes its text once is where the two meet: it is in both.
    """
    rows = frame[frame["arm"] == "unique text"]
    fixed = rows[rows["factor"] == FIXED]
    scaled = pd.concat([rows[rows["factor"] == SCALED], fixed[fixed["epochs"] < ONCE]])
    return fixed.reset_index(drop=True), scaled.reset_index(drop=True)


@dataclass(frozen=True)
class Overfitting:
    """The early-stopped law and how far the runs collapse onto N^(alpha_N/alpha_D) / D."""

    posterior: LawPosterior
    law: KaplanSurface  # draws
    points: pd.DataFrame  # of the runs: N, unique, loss, medians over draws of x (the collapse variable) and excess (measured)
    correlation: float  # of ln excess with ln x over the runs whose excess is positive: the median over draws

    @property
    def ratio(self) -> Array:
        """alpha_N / alpha_D per draw: the exponent of N in N^ratio / D. Kaplan: 0.74."""
        return np.asarray(self.law.alpha_N / self.law.alpha_D)


def overfitting(frame: pd.DataFrame, *, bytes_per_token: float = BYTES_PER_TOKEN) -> Overfitting:
    """Fit the early-stopped losses by N and unique tokens.

    Raises:
        LawError: fewer than two sizes or three amounts of text.
    """
    if frame["N"].nunique() < 2 or frame["unique"].nunique() < 3:
        raise LawError("overfitting needs two sizes and three amounts of text at least")
    rows = frame.assign(loss=frame["best_loss"])
    posterior = fit_law(overfitting_law(bytes_per_token=bytes_per_token), rows, seed=SEED)
    draws = surface(posterior.theta, posterior.problem.reference)
    N, D, loss = (rows[name].to_numpy(dtype=float) for name in ("N", "unique", "loss"))
    x, excess = collapse(draws, N[:, None], D[:, None]), loss[:, None] / draws.endless_loss(N[:, None]) - 1  # (R, S)
    points = pd.DataFrame({"N": N, "unique": D, "loss": loss, "x": np.median(x, axis=1), "excess": np.median(excess, axis=1)})
    return Overfitting(posterior, draws, points, correlation(x, excess))


def correlation(x: Array, excess: Array) -> float:
    """Median over draws of the correlation of ln excess with ln x, both (R, S), over the rows of a draw whose excess is positive.

    nan where no draw has three such rows.
    """
    found = [float(np.corrcoef(np.log(across[seen]), np.log(up[seen]))[0, 1]) for across, up in zip(x.T, excess.T, strict=True)
             if np.sum(seen := up > 0) > 2]
    return float(np.median(found)) if found else float("nan")


def best_size(frame: pd.DataFrame) -> pd.DataFrame:
    """The size of lowest early-stopped loss at each amount of text: unique, N, loss, edge (it is the smallest or largest)."""
    rows = []
    for unique, group in frame.groupby("unique"):
        means = group.groupby("N")["best_loss"].mean()
        if len(means) > 1:
            best = float(str(means.idxmin()))
            rows.append({"unique": unique, "N": best, "loss": float(means.min()),
                         "edge": best in (float(means.index.min()), float(means.index.max()))})
    return pd.DataFrame(rows, columns=["unique", "N", "loss", "edge"])
