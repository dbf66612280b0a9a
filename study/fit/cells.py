"""Which rows of a table are of one size, and which of one cell (N, D), where their numbers are rounded."""

from typing import Any

import numpy as np
import pandas as pd

SAME_D = 0.005  # relative distance in D below which two runs of a size are of one cell
SAME_N, WIDEST = 0.011, 0.03  # relative distance in N below which two rows are of one size, and what a size spans at the most


def sizes_of(table: pd.DataFrame) -> "pd.Series[Any]":
    """The size of each row: N within `SAME_N` of the next are one, as N = C / (6 D) makes them of rounded numbers.

    Where that would chain sizes over more than `WIDEST`, each N is a size of its own.
    """
    sizes = table["N"].sort_values(kind="stable")
    chain = (sizes / sizes.shift() > 1 + SAME_N).cumsum()
    ends = sizes.groupby(chain)
    first = ends.transform("first")
    return first.where(ends.transform("last") <= (1 + WIDEST) * first, sizes).reindex(table.index)


def cells_of(table: pd.DataFrame) -> "pd.Series[Any]":
    """The (N, D) cell of each row: D within `SAME_D` of the next are one, as whole numbers of batches make them."""
    size = sizes_of(table)
    order = np.lexsort((table["D"].to_numpy(), size.to_numpy()))
    sizes, tokens = size.iloc[order], table["D"].iloc[order]
    new = (sizes / sizes.shift() != 1) | (tokens / tokens.shift() > 1 + SAME_D)
    return new.cumsum().reindex(table.index)
