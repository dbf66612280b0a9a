"""The tables of the atlas: the published entries and this study's own grids, in common columns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from study import grids
from study.errors import StudyError
from study.grids.design import language_config
from study.inference.observations import bytes_per_token_of
from study.inference.parameters import Array, Surface
from study.inference.pooled.population import covariates
from study.inference.spec import ModelSpec
from study.published import entries, load_entry
from study.published.entry import RELATIVE, Entry, runs

# Tables of this study's own grids with complete profiles: the grid and its corpus.
OWN = {"own-cpu": ("cpu", "python-source"), "own-quick": ("quick1", "sotu")}
OWN_LABORATORY = "this study"
# The study's own grid: what its three cheapest runs say is recorded; it is not in the atlas yet.
MAIN = (f"own-{grids.MAIN}", grids.MAIN, "python-dedup")
SPEC = ModelSpec(group=None)  # of every entry: rows count as independent given the law, with Student-t noise
TYPICAL = 3.0  # nats a token of a usual loss: where a loss has no unit, the prior of E is moved by its ratio to this


@dataclass(frozen=True)
class AtlasTable:
    """An entry and its rows (`entry.COLUMNS`)."""

    entry: Entry
    rows: pd.DataFrame

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def relative(self) -> bool:
        """Whether the unit of its loss is unknown."""
        return self.entry.unit == RELATIVE

    @property
    def bytes_per_token(self) -> float:
        """What the priors of E are scaled by; of a relative loss, such that its lowest loss looks like a usual one."""
        if not self.relative:
            return self.entry.bytes_per_token
        return self.entry.bytes_per_token * float(self.rows["loss"].min()) / TYPICAL

    @property
    def c(self) -> Array:
        """Its covariates in the population."""
        return covariates(self.entry.N_convention, self.entry.decayed, self.entry.tuned, self.entry.bytes_per_token)

    @property
    def largest_C(self) -> float:
        """The largest 6 N D of its runs, FLOP."""
        return float((6 * self.rows["N"] * self.rows["D"]).max())


def gather(folder: Path) -> tuple[Mapping[str, AtlasTable], Mapping[str, str]]:
    """Every table that can be had, by name, and those left out, with the reason.

    Args:
        folder: of this study's records.
    """
    found: dict[str, AtlasTable] = {}
    left_out: dict[str, str] = {}
    for name, (_, entry) in entries().items():
        try:
            found[name] = AtlasTable(entry, load_entry(name))
        except StudyError as error:
            left_out[name] = str(error)
    for name, (grid, corpus) in OWN.items():
        try:
            found[name] = own(name, grid, corpus, folder)
        except StudyError as error:
            left_out[name] = str(error)
    return found, left_out


def own(name: str, grid_name: str, corpus: str, folder: Path) -> AtlasTable:
    """The complete fit runs of one of this study's grids.

    Raises:
        StudyError: records that cannot be read, or none.
    """
    return own_table(name, grid_name, corpus, own_rows(grid_name, folder))


def own_table(name: str, grid_name: str, corpus: str, frame: pd.DataFrame) -> AtlasTable:
    """The same from its rows in the columns of `study.table`."""
    entry = Entry(name=name, laboratory=OWN_LABORATORY, N_convention="multiplying", corpus=corpus,
                  bytes_per_token=bytes_per_token_of(frame), decayed=True, tuned=True, pooled=grid_name == "cpu")
    vocabulary = language_config(grids.grid(grid_name).cells[0].config).vocabulary
    return AtlasTable(entry, runs(entry, frame.rename(columns={"run_id": "run"}), vocabulary, "warm-up, then decay to zero"))


def own_rows(grid_name: str, folder: Path) -> pd.DataFrame:
    """The same in the columns of `study.table`.

    Raises:
        StudyError: records that cannot be read, or none.
    """
    from study.table import fit_rows, records_of, table

    chosen = grids.grid(grid_name)
    frame = fit_rows(table(chosen, records_of(chosen, folder)))
    if frame.empty:
        raise StudyError(f"{folder / grid_name} holds no complete run")
    return frame


def smallest_budgets(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` runs of least compute, of as many sizes as there are: the cheapest run of each size first, cheapest sizes first.

    Three runs of one size could not tell the two terms apart.
    """
    cost = 6 * rows["N"] * rows["D"]
    turn = cost.groupby(rows["N"]).rank(method="first")
    order = np.lexsort((cost.to_numpy(), turn.to_numpy()))
    return rows.iloc[order[:count]].reset_index(drop=True)


def top_budget(rows: pd.DataFrame) -> pd.Series:
    """Whether a run lies in the top fifth of the range of ln C."""
    ln_C = np.log(6 * rows["N"] * rows["D"])
    return ln_C > ln_C.max() - 0.2 * (ln_C.max() - ln_C.min()) - 1e-9


def ratio_of(draws: Surface, C: float) -> Array:
    """Tokens a parameter at the optimum of C FLOP, per draw of a law."""
    with np.errstate(over="ignore", under="ignore"):
        return np.minimum(np.exp(math.log(C / 6.0) - 2.0 * np.log(draws.N_opt(C))), math.exp(300))
