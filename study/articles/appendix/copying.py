"""The third recipe: what it changes of the second, and what each change is worth at two cells."""

from typing import TYPE_CHECKING

import numpy as np

from study.analysis import copying, seeds
from study.analysis.study import Study
from study.articles.shared import text
from study.grids import grid
from study.grids.copying import CELLS, SCALE

if TYPE_CHECKING:
    from IPython.display import Markdown


def scale() -> str:
    """The largest logit of attention by the third recipe."""
    return f"{SCALE:g}"


def _gain(study: Study, cell: int) -> str:
    found = copying.gain(study, CELLS[cell][1])
    return text.two(found) if np.isfinite(found) else text.PENDING


def small_gain(study: Study) -> str:
    """By how many nats the third recipe ends below the second at the smaller cell, in the mean of seeds."""
    return _gain(study, 0)


def large_gain(study: Study) -> str:
    """The same of the larger."""
    return _gain(study, 1)


def by_chance(study: Study) -> str:
    """Two standard deviations of the difference of two seeds at the two cells' budgets, nats."""
    found = [sure * float(rows["loss"].mean()) for budget, _ in CELLS
             if np.isfinite(sure := seeds.two_seeds(study, [budget])) and len(rows := study.fit[study.fit["budget"] == budget])]
    return " and ".join(text.two(one) for one in found) or text.ABSENT


def small() -> str:
    """The budget of the smaller cell, FLOP."""
    return text.power(CELLS[0][0])


def large() -> str:
    """And of the larger."""
    return text.power(CELLS[1][0])


def table(study: Study) -> "Markdown":
    """The loss of each recipe at both cells."""
    found = copying.variants(study)
    if not found:
        return text.absent("No such run is recorded.")
    heads = {width: f"width {width}, {text.power(budget)} FLOP" for budget, width in CELLS}
    planned = {(cell.factor, cell.config.width) for cell in grid("copying").cells}

    def cell(one: copying.Variant, width: int) -> str:
        if width in one.loss:
            return f"{one.loss[width]:.4f}"
        return text.PENDING if (one.name, width) in planned or one.name in ("second", "third") else text.ABSENT

    return text.table([{"recipe": one.name.replace(" x ", " × "), **{head: cell(one, width) for width, head in heads.items()}}
                       for one in found])
