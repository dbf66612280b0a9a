"""What parts widths 48 and 64 of the second grid at 3e13 FLOP: heads and batch, each of them changed alone."""

from dataclasses import dataclass

import pandas as pd

from study.analysis.study import Study, once
from study.analysis.tables import complete, each
from study.grids import MAIN, grid
from study.grids.cpu2 import tuned
from study.grids.recipe import KINK

BUDGET = 3e13
ENOUGH = 0.5  # of the difference between the two widths that a factor must make up to be its cause


@dataclass(frozen=True)
class Changed:
    """A width's run with one factor as the other width has it, beside its own."""

    width: int
    factor: str  # heads | batch
    value: int
    own: float  # nats a token
    loss: float


@once
def changed(study: Study) -> tuple[Changed, ...]:
    """The changed runs that are trained; empty where they or the grid's own are not."""
    frame = study.frame_of("kink")
    own = _own(study)
    out = []
    for row in each(complete(frame)) if len(frame) else ():
        if row.width in own:
            config = grid("kink").cell(row.run_id)
            value = config.config.heads if config.factor == "heads" else config.config.batch_tokens
            out.append(Changed(int(row.width), config.factor, int(value), own[row.width], float(row.loss)))
    return tuple(out)


def _own(study: Study, budget: float = BUDGET) -> dict[int, float]:
    frame: pd.DataFrame = study.frame if study.grid.name == MAIN else study.frame_of(MAIN)
    found = {}
    for width in KINK:
        rows = frame[frame["run_id"] == tuned(budget, width).run_id] if len(frame) else frame
        if len(rows):
            found[width] = float(rows["loss"].iloc[0])
    return found


def fall(study: Study, budget: float = BUDGET) -> float:
    """By how many nats the wider of the two lies below the narrower; nan where either is not recorded."""
    own, (narrow, wide) = _own(study, budget), sorted(KINK)
    return own[narrow] - own[wide] if len(own) == 2 else float("nan")


def causes(study: Study, width: int) -> list[str] | None:
    """The factors that, as the other width has them, close at least `ENOUGH` of the gap; None before that is known."""
    mine = [one for one in changed(study) if one.width == width]
    found = [one.factor for one in mine if abs(one.own - one.loss) >= ENOUGH * fall(study)
             and (one.loss < one.own) is (width == min(KINK))]
    return found if found or {one.factor for one in mine} == {"heads", "batch"} else None
