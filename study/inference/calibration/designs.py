"""Designs without losses: the cells that calibration and coverage simulate on."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.counts import config_counts
from study.inference.observations import geometric_mean
from study.inference.parameters import Array
from study.inference.spec import BYTES_PER_TOKEN
from study.laws.errata import LAB_RUNS
from study.record import COMMITTED

EXTRAPOLATION = 10.0  # N_opt and the optimal loss are asked for at this times a design's largest C


@dataclass(frozen=True)
class Design:
    """The fit cells of a study, arrays of shape (R,)."""

    name: str
    N: Array  # parameters that multiply
    D: Array  # tokens
    width: Array
    bytes_per_token: float

    @property
    def N0(self) -> float:
        """Geometric mean of N."""
        return geometric_mean(self.N)

    @property
    def D0(self) -> float:
        """Geometric mean of D."""
        return geometric_mean(self.D)

    @property
    def C(self) -> Array:
        """6 N D, FLOP."""
        return 6.0 * self.N * self.D

    @property
    def group(self) -> NDArray[np.intp]:
        """(R,) index of each row's width among the sorted widths."""
        return np.unique(self.width, return_inverse=True)[1].reshape(-1)

    def table(self, loss: Array) -> pd.DataFrame:
        """The table a study with these losses would fit."""
        return pd.DataFrame({"N": self.N, "D": self.D, "loss": loss, "width": self.width})

    def take(self, rows: NDArray[np.intp], name: str) -> "Design":
        """Some of the cells, as a design of its own."""
        return Design(name, self.N[rows], self.D[rows], self.width[rows], self.bytes_per_token)


THREE = Design("three", np.array([run.N for run in LAB_RUNS]), np.array([run.D for run in LAB_RUNS]),
               np.array([float(run.width) for run in LAB_RUNS]), BYTES_PER_TOKEN)


def corpus_bytes_per_token(name: str) -> float:
    """Bytes a token of a corpus's train text to two decimals, as committed when it was tokenised; 4.3 where it was not."""
    summary = COMMITTED / "corpora" / f"{name}.json"
    if not summary.is_file():
        return BYTES_PER_TOKEN
    return round(float(json.loads(summary.read_text())["bytes_per_token"]["train"]), 2)


def design(name: str) -> Design:
    """The lab's three runs as printed ("three"), or the fit cells of a grid.

    Raises:
        GridError: no such grid.
    """
    if name == "three":
        return THREE
    from study.grids import grid

    chosen = grid(name)
    cells = [cell.config for cell in chosen.of("fit")]
    return Design(name, np.array([float(config_counts(config).multiplying) for config in cells]),
                  np.array([float(config.tokens) for config in cells]), np.array([float(config.width) for config in cells]),
                  corpus_bytes_per_token(chosen.corpus))
