"""The profile of a budget: loss against size at equal compute, where it is lowest, and how that moves with the budget."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.seeds import seed_sd_at
from study.analysis.study import SEED, Study, once
from study.analysis.tables import complete, groups, lowest
from study.inference.classical.isoflop import vertex
from study.inference.parameters import Array

RESAMPLES = 2000
STEADY = 0.1  # a change of D/N too small to call a trend


@dataclass(frozen=True)
class Vertex:
    """D/N at the vertex of a parabola of loss in ln N through one budget's profile; nan where there is none inside."""

    budget: float  # exact FLOP
    held_out: bool
    measured: float
    by_noise: Array  # (S,) the same under the noise between seeds; empty where that is unknown
    elsewhere: float  # by the loss on the other corpus
    law: Array  # (S,) of the posterior's losses at the same cells
    N: float = float("nan")  # at the measured vertex

    @property
    def C(self) -> float:
        """6 N D at the measured vertex, FLOP."""
        return 6 * self.N**2 * self.measured


def paths(study: Study, *, repeats: bool = False) -> list[tuple[float, pd.DataFrame]]:
    """The complete runs of each budget on its isoFLOP path, held-out ones included, by budget: of a cell one seed, or all."""
    rows = complete(study.frame)
    found = rows[rows["role"].isin(["isoflop", "held-out", "seed"])]
    return groups(found if repeats else found[found["seed"] == 0], "budget")


def interior(study: Study) -> tuple[int, int]:
    """In how many budgets the best size is neither the smallest nor the largest, and of how many."""
    found = paths(study)
    inside = [group["N"].min() < lowest(group, "loss")["N"] < group["N"].max() for _, group in found]
    return sum(map(bool, inside)), len(found)


@once
def vertices(study: Study) -> tuple[Vertex, ...]:
    """One a budget of three sizes and more, ascending, the held-out ones among them."""
    rng, out = np.random.default_rng(SEED), []
    for budget, group in paths(study):
        path = group.sort_values("N")
        N, D, loss = (path[name].to_numpy(dtype=float) for name in ("N", "D", "loss"))
        if len(N) < 3:
            continue
        sd, freedom = seed_sd_at(study, budget)
        seeds = loss[:, None] * np.exp(sd * rng.standard_normal((len(N), RESAMPLES))) if freedom else np.empty((len(N), 0))
        law = study.posterior.draws.loss(N[:, None], D[:, None])
        other = path["ood_loss"].to_numpy(dtype=float)
        found = vertex(N, D, loss[:, None])
        out.append(Vertex(float(budget), budget in study.held_out_budgets, float(found.D[0] / found.N[0]),
                          ratio(N, D, seeds), float(ratio(N, D, other[:, None])[0]), ratio(N, D, law), float(found.N[0])))
    return tuple(out)


def ratio(N: Array, D: Array, loss: Array) -> Array:
    """D/N at the vertices of parabolas in ln N through losses (R, S), D read between the cells; nan where none is inside."""
    found = vertex(N, D, loss)
    return np.asarray(found.D / found.N)


def known(draws: Array) -> Array:
    """Those draws that have a vertex."""
    return draws[np.isfinite(draws)]


def compared(study: Study) -> list[Vertex]:
    """The vertices that both the runs and the law have."""
    return [one for one in vertices(study) if np.isfinite(one.measured) and known(one.law).size]


def direction(values: list[float]) -> int:
    """1 where values rise by more than `STEADY` over the budgets, by a line in their order and ln; -1 where they fall; else 0."""
    slope = float(np.polyfit(np.arange(len(values)), np.log(values), 1)[0]) * (len(values) - 1)
    return 0 if abs(slope) < np.log1p(STEADY) else int(np.sign(slope))
