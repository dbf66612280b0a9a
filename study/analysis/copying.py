"""What lets copying be learned early: runs of two cells by the second recipe, the third, and recipes between them."""

from dataclasses import dataclass, replace

import numpy as np

from study.analysis.recipes import SECOND, THIRD
from study.analysis.study import Study, once
from study.analysis.tables import loss_by_run
from study.config import RunConfig
from study.grids import grid
from study.grids.copying import CELLS
from study.grids.cpu2 import tuned
from study.grids.cpu3 import copied

SEEDS = range(3)


@dataclass(frozen=True)
class Variant:
    """A recipe, and the loss of its run of each of `CELLS` that is recorded, nats a token, by width."""

    name: str
    loss: dict[int, float]


@once
def variants(study: Study) -> tuple[Variant, ...]:
    """The second recipe, the third, then the others in the order of the design; those with no run recorded are left out."""
    own = {"second": loss_by_run(study.frame_of(SECOND)), "third": loss_by_run(study.frame_of(THIRD))}
    runs = {"second": tuned, "third": copied}
    found = {name: {width: own[name][run_id] for budget, width in CELLS if (run_id := run(budget, width).run_id) in own[name]}
             for name, run in runs.items()}
    between = loss_by_run(study.frame_of("copying"))
    for cell in grid("copying").cells:
        if cell.config.run_id in between:
            found.setdefault(cell.factor, {})[cell.config.width] = between[cell.config.run_id]
    return tuple(Variant(name, loss) for name, loss in found.items() if loss)


def gain(study: Study, width: int) -> float:
    """By how many nats the third recipe ends below the second at a cell, each the mean of its recorded seeds; nan without one."""
    budget = next(budget for budget, at in CELLS if at == width)
    return _mean(study, SECOND, tuned(budget, width)) - _mean(study, THIRD, copied(budget, width))


def _mean(study: Study, name: str, run: RunConfig) -> float:
    losses = loss_by_run(study.frame_of(name))
    found = [losses[run_id] for seed in SEEDS if (run_id := replace(run, seed=seed).run_id) in losses]
    return float(np.mean(found)) if found else float("nan")
