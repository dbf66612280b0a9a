"""The recipe's rules for learning rate and batch, fitted to the sweep.

For each (budget, width, batch) of the sweep the loss is a parabola in the logarithm of the learning rate through the
lowest point and its neighbours; its vertex is the optimum, interior when the lowest point is not the first or last rate.
For each (budget, width) the same is done over the batches, with the loss at each batch's best rate. The rules are power laws

    learning rate(width, batch) = r (width / 48)^-p (batch / 1024)^q        batch(D) = b (D / 1e6)^m, to a power of two

fitted by least squares to those optima.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.laws.parabola import fit_parabola

WIDTH, BATCH, DATA = 48, 1024, 1e6  # where the rules are centred
SMALLEST_BATCH = 256  # tokens: one sequence of the first recipe, four of the second


@dataclass(frozen=True)
class Rule:
    """Power laws for the recipe (see the module's docstring)."""

    rate: float
    width_exponent: float
    batch_exponent: float
    batch: float
    data_exponent: float

    def learning_rate(self, width: int, batch_tokens: int) -> float:
        """Peak learning rate of the matrices, to three digits."""
        value = self.rate * (width / WIDTH) ** -self.width_exponent * (batch_tokens / BATCH) ** self.batch_exponent
        return three_digits(value)

    def batch_tokens(self, D: float) -> int:
        """Batch in tokens: the power of two nearest to the rule, at least `SMALLEST_BATCH`."""
        return max(SMALLEST_BATCH, int(2 ** round(np.log2(self.batch * (D / DATA) ** self.data_exponent))))


def three_digits(rate: float) -> float:
    """A learning rate as it is configured: to three significant digits."""
    return float(f"{rate:.3g}")


@dataclass(frozen=True)
class Optimum:
    """Where a parabola in ln x through the lowest of several losses has its vertex."""

    x: float
    loss: float
    interior: bool  # the lowest point is neither the first nor the last


def vertex(x: Sequence[float], loss: Sequence[float]) -> Optimum:
    """Optimum of losses at three or more values of x (sorted); at an edge, the edge itself.

    Raises:
        ValueError: fewer than three points.
    """
    if len(x) < 3:
        raise ValueError("a vertex needs three points")
    order = np.argsort(x)
    lnx, y = np.log(np.asarray(x, dtype=float))[order], np.asarray(loss, dtype=float)[order]
    i = int(np.argmin(y))
    if i in (0, len(y) - 1):
        return Optimum(float(np.exp(lnx[i])), float(y[i]), False)
    place, height, _ = fit_parabola(lnx[i - 1 : i + 2], y[i - 1 : i + 2])
    return Optimum(float(np.exp(place)), float(height), True)


def rate_optima(frame: pd.DataFrame) -> pd.DataFrame:
    """Best learning rate of each (budget, width, batch) of the sweep's table: columns learning_rate, loss, interior, N, D."""
    rows = []
    for (budget, width, batch), group in _complete(frame).groupby(["budget", "width", "batch_tokens"]):
        if len(group) >= 3:
            best = vertex(group["learning_rate"].tolist(), group["loss"].tolist())
            rows.append({"budget": budget, "width": width, "batch_tokens": batch, "learning_rate": best.x, "loss": best.loss,
                         "interior": best.interior, "N": int(group["N"].iloc[0]), "D": int(group["D"].mean())})
    return pd.DataFrame(rows)


def batch_optima(frame: pd.DataFrame) -> pd.DataFrame:
    """Best batch of each (budget, width), each batch at its own best rate: columns batch_tokens, loss, interior, N, D."""
    rows = []
    for (budget, width), group in rate_optima(frame).groupby(["budget", "width"]):
        if len(group) >= 3:
            best = vertex(group["batch_tokens"].tolist(), group["loss"].tolist())
            at_floor = not best.interior and best.x <= SMALLEST_BATCH * 1.01
            rows.append({"budget": budget, "width": width, "batch_tokens": best.x, "loss": best.loss, "interior": best.interior,
                         "at_floor": at_floor, "N": int(group["N"].iloc[0]), "D": int(group["D"].mean())})
    return pd.DataFrame(rows)


def fit_rule(frame: pd.DataFrame) -> Rule:
    """Fit both rules to the interior optima of the sweep (for the batch, the floor counts as an optimum)."""
    rates = rate_optima(frame)
    rates = rates[rates["interior"]]
    x = np.column_stack([np.ones(len(rates)), -np.log(rates["width"] / WIDTH), np.log(rates["batch_tokens"] / BATCH)])
    (rate, p, q), *_ = np.linalg.lstsq(x, np.log(rates["learning_rate"].to_numpy()), rcond=None)
    batches = batch_optima(frame)
    batches = batches[batches["interior"] | batches["at_floor"]]
    x = np.column_stack([np.ones(len(batches)), np.log(batches["D"] / DATA)])
    (b, m), *_ = np.linalg.lstsq(x, np.log(batches["batch_tokens"].to_numpy()), rcond=None)
    return Rule(float(np.exp(rate)), float(p), float(q), float(np.exp(b)), float(m))


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["status"] == "complete"]
