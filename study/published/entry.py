"""An entry of the atlas: the rows of a published table that one law should describe, and what their numbers mean.

The common columns, which `runs` makes of every entry:

    study, run           the entry's name; the run, where the source names it (else its row)
    N, N_convention      parameters, and which they are: "multiplying", "total" or "non_embedding"
    D, unique            tokens seen; distinct tokens (D where nothing repeats)
    C                    FLOP as stated, else 6 N D
    loss, loss_unit      nats a token (`UNITS`), or a multiple of them that nobody states ("relative")
    loss_per_byte        nats a byte; NaN for a relative loss
    corpus, vocabulary, recipe
    shape                what rows with one misfit share: an index of the model's shape
    checkpoint           the row is a point of a longer run's curve, not a run of its own
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

NOMINAL = 4.3  # bytes a token of English text: vocabularies of 32,000 to 66,000
NOMINAL_LARGE = 4.6  # the same, of 100,000 to 130,000
UNITS = {"nats/token": 1.0, "bits/token": math.log(2.0)}  # nats a token in one
PER_BYTE = {"nats/byte": 1.0, "bits/byte": math.log(2.0)}  # nats a byte in one
RELATIVE = "relative"  # nats a token times a factor that nobody states: exponents and optima are the law's all the same
COLUMNS = ("study", "run", "N", "N_convention", "D", "unique", "C", "loss", "loss_unit", "loss_per_byte", "corpus", "vocabulary",
           "recipe", "shape", "checkpoint")

Convention = Literal["multiplying", "total", "non_embedding"]


class UnitError(ValueError):
    """A loss that cannot be had in nats a token."""


def every(frame: pd.DataFrame) -> pd.DataFrame:
    """All rows."""
    return frame


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One study of the atlas, or one of its recipes or corpora: rows of one table under one law."""

    name: str
    laboratory: str  # who trained: entries of one laboratory are not independent
    N_convention: Convention
    corpus: str
    bytes_per_token: float
    decayed: bool  # the learning rate ends near zero in every run
    tuned: bool  # learning rate and batch were chosen for each size or cell
    rows: Callable[[pd.DataFrame], pd.DataFrame] = every
    unit: str = "nats/token"
    checkpoints: bool = False  # rows of one model lie on one training curve
    shape: str | None = "N"  # column of `shape`; None: every row its own
    pooled: bool = True  # counts in the population: one reading of a study does
    known: tuple[tuple[str, float], ...] = ()  # exponents its authors, or a reader of its table, state: alpha, beta, a


def nats_per_token(loss: pd.Series, unit: str, bytes_per_token: float) -> pd.Series:
    """Losses in nats a token; a relative loss as it stands.

    Raises:
        UnitError: the unit has no known factor.
    """
    if unit == RELATIVE:
        return loss
    if unit in UNITS:
        return loss * UNITS[unit]
    if unit in PER_BYTE:
        return loss * PER_BYTE[unit] * bytes_per_token
    raise UnitError(f"a loss in {unit!r} cannot be converted: known units are {', '.join((*UNITS, *PER_BYTE, RELATIVE))}")


def runs(entry: Entry, frame: pd.DataFrame, vocabulary: int, recipe: str) -> pd.DataFrame:
    """The entry's rows in the common columns, by ascending compute.

    Raises:
        KeyError: a column is missing. UnitError: see `nats_per_token`. ValueError: no rows, or one that is not positive.
    """
    rows = entry.rows(frame).reset_index(drop=True)
    loss = nats_per_token(rows["loss"].astype(float), entry.unit, entry.bytes_per_token)
    N, D = rows["N"].astype(float), rows["D"].astype(float)
    run = rows["run"].astype(str) if "run" in rows else pd.Series([str(index) for index in rows.index], dtype=str)
    shape = rows[entry.shape].rank(method="dense") if entry.shape else pd.Series(np.arange(1.0, len(rows) + 1))
    out = pd.DataFrame({
        "study": entry.name, "run": run, "N": N, "N_convention": entry.N_convention, "D": D,
        "unique": rows["unique"].astype(float) if "unique" in rows else D,
        "C": rows["C"].astype(float) if "C" in rows else 6 * N * D,
        "loss": loss, "loss_unit": RELATIVE if entry.unit == RELATIVE else "nats/token",
        "loss_per_byte": math.nan if entry.unit == RELATIVE else loss / entry.bytes_per_token,
        "corpus": entry.corpus, "vocabulary": vocabulary, "recipe": recipe, "shape": shape.astype(int),
        "checkpoint": entry.checkpoints,
    })[list(COLUMNS)]
    if out.empty or not (out[["N", "D", "C", "loss"]] > 0).all(axis=None):
        raise ValueError("it has no rows, or a count or loss that is not positive")
    return out.sort_values("C", kind="stable").reset_index(drop=True)
