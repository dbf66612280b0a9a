"""One loss against another: training against validation, another corpus against this one, and the gradient's noise scale.

Kaplan et al. 2020 (arXiv 2001.08361), figures 8 and 10; McCandlish et al. 2018 (arXiv 1812.06162), appendix A.1.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.inference.parameters import Array
from study.laws.law import LogNormal
from study.laws.power import pure_power

BINS = 12  # of the loss, for the noise scale
TRANSIENT = 0.1  # of a run


@dataclass(frozen=True)
class Line:
    """y = intercept + slope x, least squares, with the t interval of the slope and the correlation."""

    slope: float
    intercept: float
    interval: tuple[float, float]  # 95 %, of the slope
    r: float
    points: int
    scatter: float  # s.d. of the residuals


def line(x: ArrayLike, y: ArrayLike, fitted: int = 2) -> Line:
    """Least squares of y on x. `fitted`: coefficients in all, where x and y are residuals of a regression on others.

    Raises:
        ValueError: not more points than coefficients.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(x) <= fitted:
        raise ValueError(f"a line with an interval needs {fitted + 1} points, not {len(x)}")
    fit, freedom = stats.linregress(x, y), len(x) - fitted
    reach = float(stats.t.ppf(0.975, freedom) * fit.stderr * np.sqrt((len(x) - 2) / freedom))
    residual = y - fit.intercept - fit.slope * x
    return Line(float(fit.slope), float(fit.intercept), (float(fit.slope) - reach, float(fit.slope) + reach),
                float(fit.rvalue), len(x), float(np.sqrt(np.sum(residual**2) / freedom)))


def train_against_validation(frame: pd.DataFrame) -> Line:
    """Final loss on validation text against that on a fixed subset of the training text, one point a run."""
    rows = frame.dropna(subset=["train_loss", "loss"])
    return line(rows["train_loss"], rows["loss"])


def other_corpus(frame: pd.DataFrame) -> Line:
    """Loss on the other corpus against the loss on this one, nats a token, at the ends of the runs."""
    rows = frame.dropna(subset=["ood_loss", "loss"])
    return line(rows["loss"], rows["ood_loss"])


def at_equal_loss(frame: pd.DataFrame) -> pd.DataFrame:
    """What a parabola in the loss on this corpus leaves of ln(D/N), column `ratio`, and of the other corpus's loss, `ood_loss`.

    One row a run, with its width. Kaplan et al. say that nothing of the second follows the first: transfer depends on the loss
    and not on the phase of training.
    """
    rows = frame.dropna(subset=["ood_loss", "loss"]).reset_index(drop=True)
    powers = np.vander(rows["loss"].to_numpy(dtype=float), 3)

    def left(y: Array) -> Array:
        return np.asarray(y - powers @ np.linalg.lstsq(powers, y, rcond=None)[0])

    return pd.DataFrame({"width": rows["width"], "ratio": left(np.log((rows["D"] / rows["N"]).to_numpy(dtype=float))),
                         "ood_loss": left(rows["ood_loss"].to_numpy(dtype=float))})


def phase(frame: pd.DataFrame) -> Line:
    """By how much the other corpus's loss moves with ln(D/N) at equal loss on this corpus: the partial regression.

    Raises:
        ValueError: fewer than five runs with both losses.
    """
    rows = at_equal_loss(frame)
    return line(rows["ratio"], rows["ood_loss"], fitted=4)


def noise_scale(curves: pd.DataFrame, bins: int = BINS) -> pd.DataFrame:
    """B_simple by loss: mean tr(Sigma) over mean |G|^2 of the points in each bin of ln L (a point's own ratio is biased).

    Columns loss (geometric mean), noise_scale (tokens), points. A bin whose mean |G|^2 is not positive is left out, and so are
    the points of the first `TRANSIENT` of a run: the laws hold after an initial transient.
    """
    rows = curves[curves["tokens"] >= TRANSIENT * curves["D"]]
    rows = rows[["validation_loss", "gradient_square", "gradient_trace"]].dropna()
    rows = rows.loc[np.isfinite(rows.to_numpy()).all(axis=1)]
    if rows.empty:
        return pd.DataFrame(columns=["loss", "noise_scale", "points"])
    logs = np.log(rows["validation_loss"])
    cut = pd.cut(logs, bins, labels=False, include_lowest=True)
    out = []
    for _, group in rows.groupby(cut):
        square, trace = float(group["gradient_square"].mean()), float(group["gradient_trace"].mean())
        if square > 0 and trace > 0 and len(group) > 2:
            out.append({"loss": float(np.exp(np.log(group["validation_loss"]).mean())), "noise_scale": trace / square,
                        "points": len(group)})
    return pd.DataFrame(out, columns=["loss", "noise_scale", "points"])


def noise_scale_law(binned: pd.DataFrame) -> LawPosterior:
    """noise_scale ~ L^-steepness over the bins; B_crit's steepness is 1 / alpha_B (Kaplan: 4.8).

    Raises:
        LawError: fewer than three bins.
    """
    law = pure_power("loss", response="noise_scale", relative=True, exponent=LogNormal(float(np.log(3.0)), 0.8))
    return fit_law(law, binned, seed=0)
