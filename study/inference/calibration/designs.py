"""Designs without losses: the cells that calibration and coverage simulate on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.counts import config_counts
from study.inference.observations import geometric_mean
from study.inference.parameters import Array
from study.inference.spec import BYTES_PER_TOKEN

REFERENCE_N = 1e9  # parameters: where D_opt is asked for
EXTRAPOLATION = 10.0  # N_opt and the optimal loss are asked for at this times a design's largest C
CORPUS_BYTES_PER_TOKEN = {"python-source": 2.56, "sotu": 2.24}  # measured; sets the prior of E


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


THREE = Design("three", np.array([5e6, 25e6, 100e6]), np.array([4.5e9, 0.9e9, 0.225e9]), np.array([256.0, 512.0, 1024.0]),
               BYTES_PER_TOKEN)


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
                  CORPUS_BYTES_PER_TOKEN.get(chosen.corpus, BYTES_PER_TOKEN))
