"""How finely a loss is known: between seeds, between processors, and between neighbouring sizes on one validation set."""

import itertools
from collections.abc import Collection

import numpy as np
import pandas as pd

from study.analysis.study import Study, once
from study.analysis.tables import complete, each, groups
from study.inference.parameters import Array
from study.record import paired_difference
from study.verify import SAME_BITS, compare

Sd = tuple[float, int]  # a pooled standard deviation of ln L and its degrees of freedom; (nan, 0) without repeats


def runs(study: Study) -> pd.DataFrame:
    """The grid's complete runs, and those that were added for their seeds alone."""
    return complete(pd.concat([study.frame, study.seeds], ignore_index=True) if len(study.seeds) else study.frame)


@once
def repeated(study: Study) -> pd.DataFrame:
    """The grid's cells that were run with more than one seed, see `repeats`."""
    return repeats(runs(study))


def repeats(rows: pd.DataFrame) -> pd.DataFrame:
    """Cells of complete runs with more than one seed: budget, N, D, count, and s.d. of ln L between seeds."""
    logs = rows.assign(log_loss=np.log(rows["loss"]))
    cells = logs.groupby(["budget", "N", "D"]).agg(count=("loss", "size"), sd=("log_loss", "std")).reset_index()
    return cells[cells["count"] > 1].reset_index(drop=True)


def pooled(cells: pd.DataFrame) -> Sd:
    """s^2 = sum (n - 1) s_cell^2 / sum (n - 1) over cells, see `repeats`."""
    freedom = int((cells["count"] - 1).sum())
    if not freedom:
        return float("nan"), 0
    return float(np.sqrt((cells["sd"] ** 2 * (cells["count"] - 1)).sum() / freedom)), freedom


def drawn_sd(sd: Array | float, freedom: Array | int, rng: np.random.Generator, shape: int | tuple[int, int]) -> Array:
    """Draws of a standard deviation that was measured with so many degrees of freedom."""
    return np.asarray(sd * np.sqrt(freedom / rng.chisquare(freedom, shape)))


def seed_sd(study: Study, budgets: Collection[float] | None = None) -> Sd:
    """Pooled s.d. of ln L between seeds, of all budgets or of some."""
    cells = repeated(study)
    return pooled(cells if budgets is None else cells[cells["budget"].isin(budgets)])


def two_seeds(study: Study, budgets: Collection[float]) -> float:
    """Two s.d. of the difference in ln L of two seeds at some budgets; nan where no cell of theirs has two."""
    return float(2 * np.sqrt(2) * seed_sd(study, budgets)[0])


def seed_sd_at(study: Study, budget: float) -> Sd:
    """The largest s.d. between seeds of any budget up to this one.

    A budget's own is of few runs, and noise that grows with compute does not shrink beyond the last repeat.
    """
    found = [seed_sd(study, [one]) for one in study.budgets if one <= budget]
    return max((one for one in found if one[1]), default=(float("nan"), 0))


def below_and_at_the_top(study: Study) -> tuple[Sd, Sd]:
    """The s.d. between seeds below the largest fitted budget, and at it."""
    top = float(study.fit["budget"].max())
    return seed_sd(study, [budget for budget in study.budgets if budget < top]), seed_sd(study, [top])


@once
def second_processor(study: Study) -> pd.DataFrame:
    """Runs recorded again on another processor: budget, run_id, cpu, change (of ln L), and whether all bits are the same."""
    found = []
    for row in each(complete(study.frame)):
        first, second = study.records[row.run_id], study.again.get(row.run_id)
        if second is not None and second.losses:
            change = np.log(second.losses["validation"].nats_per_token / first.losses["validation"].nats_per_token)
            found.append({"budget": row.budget, "run_id": row.run_id, "cpu": second.provenance.cpu, "change": float(change),
                          "same": compare(second, first, {}) == SAME_BITS})
    return pd.DataFrame(found, columns=["budget", "run_id", "cpu", "change", "same"])


@once
def paired_errors(study: Study) -> list[float]:
    """Standard errors, paired by document, of the loss differences between neighbouring sizes of each budget."""
    losses = [[study.records[run_id].losses["validation"] for run_id in group.sort_values("N")["run_id"]]
              for _, group in groups(study.isoflop_rows, "budget")]
    return [paired_difference(a, b)[1] for of_budget in losses for a, b in itertools.pairwise(of_budget)]
