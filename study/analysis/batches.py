"""The critical batch from runs at a constant rate, the law of learning in steps, and the compute far below the critical batch.

Kaplan et al. 2020 (arXiv 2001.08361), figures 10, 11, 13, 14 and 18.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.efficiency import to_loss
from study.analysis.tables import groups
from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.inference.parameters import Array, evenly
from study.laws import c_min
from study.laws.critical_batch import ONE_LOSS, fall_that_doubles
from study.laws.law import BYTES_PER_TOKEN, LawError
from study.laws.steps import steps_law

SEED = 0
TRANSIENT = 0.05  # of a run, left out of L(N, S): the warm-up and the fall that no power law describes
UNSURE = 0.025  # of the draws: beyond it an end of a 95 % interval of alpha_B would be infinite
FLAT = 1e-3  # steepness of the draws that have none, which stand beyond the interval's end
POINTS = 8  # of a curve that enter L(N, S)


@dataclass(frozen=True)
class CriticalBatch:
    """B_crit(L) = B_0 (L/L_0)^-steepness, through the critical batches of several losses, each with its own S_min."""

    needed: pd.DataFrame  # batch, loss, steps, tokens
    levels: tuple[tuple[float, LawPosterior], ...]  # (loss, S_min and B_crit there)
    L_0: float  # geometric mean of the losses
    B_0: Array  # tokens, per draw
    steepness: Array  # 1 / alpha_B, per draw

    def at(self, loss: float) -> Array:
        """B_crit in tokens, per draw."""
        return np.asarray(self.B_0 * (loss / self.L_0) ** -self.steepness)

    @property
    def fall(self) -> Array:
        """Share by which the loss falls while B_crit doubles, per draw; Kaplan: 13 %."""
        return fall_that_doubles(self.steepness)

    @property
    def alpha_B(self) -> Array:
        """1 / steepness, per draw."""
        return np.asarray(1 / self.steepness)


def critical_batch(curves: pd.DataFrame, levels: Sequence[float]) -> CriticalBatch:
    """Fit steps to each loss over batches, one size; the fewest steps over the rates that a batch was run at.

    Two stages: S_min and B_crit of each loss by the hyperbola, then, in every draw, the line of ln B_crit on ln L, its points
    weighed by how well each is known.

    Raises:
        LawError: fewer than three batches or two losses that they reach, or more than `UNSURE` of the draws in which B_crit does
            not grow as the loss falls.
    """
    needed = to_loss(curves, levels).rename(columns={"level": "loss"})
    needed = needed.sort_values("steps").groupby(["batch", "loss"], as_index=False).first()
    counted = needed.groupby("loss")["batch"].nunique()
    needed = needed[needed["loss"].isin(counted[counted >= 3].index)].reset_index(drop=True)
    if needed["loss"].nunique() < 2:
        raise LawError("a critical batch that depends on the loss needs two losses reached by three batches each")
    fits = tuple((loss, at_one_loss(rows)) for loss, rows in groups(needed, "loss"))
    x = np.log([loss for loss, _ in fits])
    draws = [np.log(fit.theta["B_crit"] * fit.problem.reference["batch"]) for _, fit in fits]
    count = min(map(len, draws))  # NUTS stands in where importance draws do not do, and gives another number
    y = np.stack([part[evenly(len(part), count)] for part in draws])
    weight = 1 / y.var(axis=1)
    centred = x - weight @ x / weight.sum()
    slope = (weight * centred) @ y / (weight @ centred**2)
    L_0 = float(np.exp(x.mean()))
    level = weight @ y / weight.sum() + slope * (np.log(L_0) - weight @ x / weight.sum())
    if float(np.mean(slope >= 0)) > UNSURE:
        raise LawError("whether the critical batch grows as the loss falls is not known: it needs more losses or batches")
    return CriticalBatch(needed, fits, L_0, np.exp(level), np.maximum(-slope, FLAT))


def at_one_loss(needed: pd.DataFrame) -> LawPosterior:
    """S_min and B_crit (in units of the reference batch) at one loss: columns batch and steps."""
    return fit_law(ONE_LOSS, needed, seed=SEED)


def in_steps(curves: pd.DataFrame, batch: CriticalBatch | None = None, *,
             bytes_per_token: float = BYTES_PER_TOKEN) -> LawPosterior:
    """L(N, S_min) on curves of runs at a constant rate; points of one curve share an error.

    batch: adjusts steps to S_min; without it the batch is taken to be far above the critical one, and S_min = S.

    Raises:
        LawError: no run at a constant rate, or fewer than three sizes.
    """
    rows = curves[(curves["schedule"] == "constant") & (curves["tokens"] >= TRANSIENT * curves["D"])]
    if rows["N"].nunique() < 3:
        raise LawError(f"L(N, S) needs three sizes at a constant rate, not {rows['N'].nunique()}")
    parts, chosen = [], tuned(rows)
    for _, group in rows[rows["run_id"].isin(chosen)].groupby("run_id"):
        ordered = group.sort_values("tokens")
        keep = np.unique(np.linspace(0, len(ordered) - 1, POINTS).round().astype(int))
        parts.append(ordered.iloc[keep])
    thin = pd.concat(parts, ignore_index=True).rename(columns={"validation_loss": "loss"})
    steps = thin["step"].to_numpy(dtype=float)
    if batch is not None:
        critical = np.array([float(np.median(batch.at(float(loss)))) for loss in thin["loss"]])
        steps = c_min.S_min(steps, thin["batch"].to_numpy(dtype=float), critical)
    return fit_law(steps_law(bytes_per_token=bytes_per_token), thin.assign(S_min=steps), seed=SEED, group="run_id")


def tuned(curves: pd.DataFrame) -> list[str]:
    """The run of lowest last loss of each size: of the rates and batches that it was run at, the best."""
    last = curves.sort_values("tokens").groupby("run_id", as_index=False).last()
    return [str(run) for run in last.sort_values("validation_loss").groupby("N")["run_id"].first()]


def at_c_min(frame: pd.DataFrame, batch: CriticalBatch) -> pd.DataFrame:
    """A table of runs with C_min and S_min beside C and steps, B_crit at each run's own loss."""
    critical = np.array([float(np.median(batch.at(float(loss)))) for loss in frame["loss"]])
    size = frame["batch_tokens"].to_numpy(dtype=float)
    return frame.assign(B_crit=critical, C_min=c_min.C_min(frame["C"].to_numpy(dtype=float), size, critical),
                        S_min=c_min.S_min(frame["steps"].to_numpy(dtype=float), size, critical))


def growth(frame: pd.DataFrame, against: str = "C") -> dict[str, float]:
    """How a growing budget divides: exponents of N, batch and steps along the frontier (least squares in logarithms)."""
    x = np.log(frame[against].to_numpy(dtype=float))
    if len(np.unique(x)) < 3:
        raise LawError("an allocation needs the optimum at three budgets at least")
    return {name: float(np.polyfit(x, np.log(frame[column].to_numpy(dtype=float)), 1)[0])
            for name, column in (("N", "N"), ("batch", "batch_tokens"), ("steps", "steps"))}
