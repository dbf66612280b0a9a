"""The law of repeated data fitted to a table: what an epoch is worth, and what more data would give.

Muennighoff et al. 2023 (arXiv 2305.16264), as `laws.datablations` has it: it saturates in D and cannot rise. The response is
the early-stopped loss of a run that may see D tokens. What an epoch is worth is read from runs that went to their end
(`attained`): one that is stopped before has not decayed its learning rate, and all that its epochs brought may be lost by that.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.inference.observations import bytes_per_token_of, geometric_mean
from study.inference.parameters import Array
from study.laws.datablations import DataConstrainedSurface, repeated_law
from study.laws.hoffmann import LossSurface
from study.laws.law import BYTES_PER_TOKEN, Law, LawError
from study.laws.overfitting import overfitting_law
from study.published import load

SEED = 0
RESPONSE = "best_loss"
WIDTH = "width"  # runs of one shape share their misfit, as in the headline of the study
REPEATED, EARLY_STOPPED = "repeated data", "early-stopped L(N, D)"
ARMS = ("size", "data", "epochs", "unique text")  # that vary what the law knows of, and nothing else
SYMBOLS, WORTH = ("E", "alpha", "beta", "R_D", "R_N"), (2, 4, 16)
TABLE, PATH = "datablations", Path("published") / "datablations.json"  # the latter below the folder of runs
LEARNED = 0.5  # of a parameter's prior s.d.: what is left of it where the data are said to know the parameter


@dataclass(frozen=True, eq=False)
class Repeated:
    """A posterior of the law of repeated data."""

    rows: pd.DataFrame
    posterior: LawPosterior

    @property
    def theta(self) -> dict[str, Array]:
        """Draws (S,) by symbol."""
        return self.posterior.theta

    @cached_property
    def surface(self) -> DataConstrainedSurface:
        """The draws as surfaces in parameters and tokens."""
        theta, at = self.theta, self.posterior.problem.reference
        A, B = theta["tA"] * at["N"] ** theta["alpha"], theta["tB"] * at["unique"] ** theta["beta"]
        return DataConstrainedSurface(LossSurface(theta["E"], A, B, theta["alpha"], theta["beta"]), theta["R_D"], theta["R_N"])

    def worth(self, epoch: int) -> Array:
        """What the k-th epoch adds to the effective data D', in epochs of fresh data, per draw: 1 for the first."""
        return worth(self.theta["R_D"], epoch)

    def fall(self, N: float, unique: float, epochs: float, times: float) -> Array:
        """Nats by which the loss falls where `times` as many unique tokens are gone through as often, per draw."""
        less, more = (self.surface.loss(N, epochs * U, U) for U in (unique, times * unique))
        return np.asarray(less - more)

    def left(self, symbol: str) -> float:
        """Posterior s.d. of ln theta over that of its prior: near 1 nothing was learned of it."""
        return float(np.std(np.log(self.theta[symbol])) / self.posterior.law.priors[symbol].sigma)


def worth(half_life: Any, epoch: int) -> Array:
    """R_D* (exp(-(k - 2) / R_D*) - exp(-(k - 1) / R_D*)) of the k-th epoch, k > 1."""
    R = np.asarray(half_life, dtype=float)
    return np.ones_like(R) if epoch == 1 else np.asarray(R * np.exp(-(epoch - 1) / R) * np.expm1(1 / R))


def of_the_law(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs of the fit split that differ in what the law knows of, from a table of `analysis.runs`."""
    rows = frame[(frame["split"] == "fit") & frame["arm"].isin(ARMS) & ~frame["factor"].str.endswith("one head")]
    return rows.reset_index(drop=True)


def on_the_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Of `of_the_law`, the runs on the first tokens of a text: those that draw windows from all of it read other documents."""
    return frame[frame["arm"].isin(["unique text", "epochs"])].reset_index(drop=True)


def attained(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of `analysis.runs` with `RESPONSE` the lowest loss at the end of a run of that size and text on no more tokens.

    A run that was better somewhere before its end than any of those were at theirs is left out.
    """
    rows = as_if_stopped(frame)
    return rows[frame[RESPONSE] >= rows[RESPONSE] * (1 - 1e-9)].reset_index(drop=True)


def fit_repeated(frame: pd.DataFrame, *, bytes_per_token: float = BYTES_PER_TOKEN, group: str | None = WIDTH) -> Repeated:
    """Fit columns N, D, unique and `RESPONSE`.

    Raises:
        LawError: fewer than two sizes or two amounts of unique data, or a value that is not a positive number.
        UnconvergedError: see `fit_law`.
    """
    if frame["N"].nunique() < 2 or frame["unique"].nunique() < 2:
        raise LawError("the law of repeated data needs two sizes and two amounts of data at least")
    law = repeated_law(bytes_per_token=bytes_per_token, response=RESPONSE)
    return Repeated(frame, fit_law(law, frame, seed=SEED, reference=reference(frame), group=group))


def reference(frame: pd.DataFrame) -> dict[str, float]:
    """(N0, D0) for `repeated_law`: D and unique share one."""
    unique = geometric_mean(frame["unique"].to_numpy(dtype=float))
    return {"N": geometric_mean(frame["N"].to_numpy(dtype=float)), "D": unique, "unique": unique}


def foretold(rows: pd.DataFrame, ahead: pd.DataFrame, *, seed: int) -> dict[str, tuple[Array, dict[str, Any]]]:
    """Posterior predictive early-stopped losses (S, R) of planned runs, and the fit's diagnostics, by law.

    The law of repeated data reads all rows; Kaplan's early-stopped L(N, D) with a floor knows no epochs, and reads those that
    were gone through as often as the planned ones.

    Raises:
        LawError, UnconvergedError: see `fit_law`.
    """
    epochs = rows["D"] / rows["unique"]
    same = rows[np.isclose(epochs, float((ahead["D"] / ahead["unique"]).iloc[0]))]
    unit = bytes_per_token_of(rows)
    laws: Mapping[str, tuple[Law, pd.DataFrame]] = {
        REPEATED: (repeated_law(bytes_per_token=unit, response=RESPONSE), rows),
        EARLY_STOPPED: (overfitting_law(floor=True, bytes_per_token=unit), same)}
    out = {}
    for name, (law, seen) in laws.items():
        table = seen.assign(loss=seen[RESPONSE])
        found = fit_law(law, table, seed=seed, reference=reference(rows), group=WIDTH)
        out[name] = found.predict(ahead, seed=seed + 1, group=WIDTH), asdict(found.diagnostics)
    return out


@dataclass(frozen=True)
class Summary:
    """What is shown of a fit: (2.5, 50, 97.5) percentiles by symbol and of the worth of some epochs, and `Repeated.left`."""

    rows: int
    percentiles: dict[str, tuple[float, float, float]]
    left: dict[str, float]

    def learned(self, symbol: str) -> bool:
        """Whether the data know a parameter better than its prior does."""
        return self.left.get(symbol, 0.0) < LEARNED


def summary(found: Repeated) -> Summary:
    """The percentiles of E, alpha, beta, R_D, R_N and of the worth of the epochs of `WORTH`."""
    draws = {**{name: found.theta[name] for name in SYMBOLS}, **{f"epoch {k}": found.worth(k) for k in WORTH}}
    at = {name: tuple(np.quantile(values, [0.025, 0.5, 0.975]).tolist()) for name, values in draws.items()}
    return Summary(len(found.rows), at, {name: found.left(name) for name in SYMBOLS})


def as_if_stopped(frame: pd.DataFrame) -> pd.DataFrame:
    """`RESPONSE` as the final loss, or as that of shorter runs of the same size and text (the mean over seeds) where it is lower.

    Where final losses rise with the epochs, which the law cannot follow, their posterior has two modes.
    """
    by_length = frame.groupby(["N", "unique", "D"])["loss"].mean()
    shorter = by_length.groupby(level=["N", "unique"]).transform(lambda losses: losses.cummin().shift())
    keys = pd.MultiIndex.from_frame(frame[["N", "unique", "D"]])
    return frame.assign(**{RESPONSE: np.fmin(frame["loss"].to_numpy(), shorter.reindex(keys).to_numpy())})


def fit_published() -> Summary:
    """The released points of Muennighoff et al., early-stopped, every row independent.

    Raises:
        PublishedError: the table cannot be had.
    """
    return summary(fit_repeated(as_if_stopped(load(TABLE)), group=None))


def recorded(folder: Path) -> Summary | None:
    """What `study published` wrote of that fit; None where it did not."""
    path = folder / PATH
    if not path.is_file():
        return None
    body = json.loads(path.read_text())
    return Summary(body["rows"], {name: tuple(values) for name, values in body["percentiles"].items()}, body["left"])


def effective_epochs(found: Repeated, epochs: ArrayLike) -> Array:
    """D' / U after so many epochs, (K, S) for K epochs."""
    k = np.asarray(epochs, dtype=float)[..., None]
    return np.asarray(1 + found.theta["R_D"] * -np.expm1(-(k - 1) / found.theta["R_D"]))
