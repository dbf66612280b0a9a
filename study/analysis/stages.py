"""What three runs say, and how the interval shrinks as runs are added."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.study import SEED, Study, once
from study.analysis.tables import groups
from study.atlas.read import AtlasRecordError, recorded
from study.atlas.target import ALL
from study.inference.classical.curve_fit import START, CurveFit, fit_curve_fit
from study.inference.classical.points import InferenceError
from study.inference.identify import Directions, directions
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.laws.errata import TARGET_N

STARTS = 40


@dataclass(frozen=True)
class Stage:
    """A subset of the runs and its posterior."""

    name: str
    rows: pd.DataFrame
    posterior: Posterior

    @property
    def tokens(self) -> Array:
        """D_opt at the target, per draw."""
        return np.asarray(self.posterior.draws.D_opt_at(TARGET_N))


@dataclass(frozen=True)
class Refused:
    """curve_fit refused every start, with its own message."""

    reason: str


@once
def three_rows(study: Study) -> pd.DataFrame:
    """The smallest, the middle and the largest size of the middle budget: three real isoFLOP runs, as the lab has."""
    rows = study.isoflop_rows
    budgets = [budget for budget, group in groups(rows, "budget") if group["N"].nunique() >= 3]
    chosen = rows[rows["budget"] == budgets[len(budgets) // 2]].sort_values("N").reset_index(drop=True)
    return chosen.iloc[[0, len(chosen) // 2, len(chosen) - 1]].reset_index(drop=True)


@once
def three(study: Study) -> Stage:
    """The three runs and their posterior."""
    rows = three_rows(study)
    return _stage(study, f"{len(rows)} runs of one budget", rows)


def recorded_of(runs: str, taken: str, *, with_others: bool) -> dict[str, Any] | None:
    """What the atlas records of none, three or all of a table's runs or the lab's (`atlas.target`), under the default prior, or
    under that of every other laboratory's tables. None where it records nothing of them.
    """
    atlas = recorded()
    try:
        return atlas.target(runs, taken, atlas.prior if with_others else "default")
    except AtlasRecordError:
        return None


def at_target(study: Study, taken: str, *, with_others: bool = True) -> dict[str, Any] | None:
    """`recorded_of` of the grid; of all its runs only where those are the runs that are fitted here."""
    found = recorded_of(f"own-{study.grid.name}", taken, with_others=with_others)
    return None if found and taken == ALL and found["count"] != len(study.fit) else found


@once
def stages(study: Study) -> tuple[Stage, ...]:
    """Posteriors of three runs, then of whole profiles from the middle budget outwards, then of every run."""
    rows = study.isoflop_rows
    budgets = sorted(rows["budget"].unique())
    middle = budgets.index(float(three_rows(study)["budget"].iloc[0]))
    order = sorted(range(len(budgets)), key=lambda i: (abs(i - middle), -i))
    out = [three(study)]
    for count in range(1, len(order) + 1):
        taken = rows[rows["budget"].isin([budgets[i] for i in order[:count]])]
        if len(taken) > len(out[-1].rows):
            out.append(_stage(study, f"{count} budget{'s' * (count > 1)}", taken))
    if len(study.fit) > len(rows):
        out.append(_stage(study, "every fit run", study.fit))
    return tuple(out)


def _stage(study: Study, name: str, rows: pd.DataFrame) -> Stage:
    return Stage(f"{name} ({len(rows)})", rows, study.refit(rows.reset_index(drop=True)))


@once
def learned(study: Study) -> tuple[Directions, ...]:
    """The directions in which the runs of each stage move away from the prior."""
    return tuple(directions(stage.posterior.parameters, study.prior) for stage in stages(study))


def prior_tokens(study: Study) -> Array:
    """The prior of D_opt(TARGET_N), tokens."""
    return np.asarray(study.prior.surface(*study.reference).D_opt_at(TARGET_N))


@once
def by_start(study: Study) -> CurveFit | Refused:
    """curve_fit on the three runs from starts around the usual one."""
    rows, rng = three_rows(study), np.random.default_rng(SEED)
    starts = np.exp(np.log(START) + rng.normal(0, [0.3, 1.0, 1.0, 0.3, 0.3], (STARTS, 5)))
    try:
        return fit_curve_fit(rows["N"], rows["D"], rows["loss"], starts)
    except InferenceError as error:
        return Refused(str(error))


def exact_ends(study: Study) -> Array:
    """What curve_fit answers at the target from each start whose surface passes through all three losses, (K,)."""
    found = by_start(study)
    if isinstance(found, Refused):
        return np.array([])
    return np.asarray(found.surfaces.D_opt_at(TARGET_N))[found.exact()]
