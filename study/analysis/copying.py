"""What lets copying be learned early: runs of two cells by the second recipe, the third, and recipes between them."""

from dataclasses import dataclass

from study.analysis.recipes import SECOND, THIRD
from study.analysis.study import Study, once
from study.analysis.tables import loss_by_run
from study.grids import grid
from study.grids.copying import CELLS
from study.grids.cpu2 import tuned
from study.grids.cpu3 import copied


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
    """By how many nats the third recipe's run of a cell ends below the second's; nan where either is not recorded."""
    by_name = {one.name: one.loss.get(width, float("nan")) for one in variants(study)}
    return by_name.get("second", float("nan")) - by_name.get("third", float("nan"))
