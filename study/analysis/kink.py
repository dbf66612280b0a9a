"""What parts widths 48 and 64 of the second grid at 3e13 FLOP: heads and batch, each of them changed alone."""

from dataclasses import dataclass

from study.analysis.study import Study, once
from study.analysis.tables import complete, each, loss_by_run
from study.grids import grid
from study.grids.cpu2 import tuned
from study.grids.design import language_config
from study.grids.recipe import KINK, KINK_BUDGET, WIDER

GRID = "cpu2"  # whose widths they are
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
    frame, own, design = study.frame_of("kink"), own_losses(study), grid("kink")
    out = []
    for row in each(complete(frame)) if len(frame) else ():
        if row.width in own:
            cell = design.cell(row.run_id)
            config = language_config(cell.config)
            value = config.heads if cell.factor == "heads" else config.batch_tokens
            out.append(Changed(int(row.width), cell.factor, value, own[row.width], float(row.loss)))
    return tuple(out)


@once
def own_losses(study: Study, budget: float = KINK_BUDGET) -> dict[int, float]:
    """Width -> the loss of its run in the second grid at a budget, where that is recorded, nats a token."""
    losses = loss_by_run(study.frame_of(GRID))
    ids = {width: tuned(budget, width).run_id for width in (*KINK, *WIDER)}
    return {width: losses[run_id] for width, run_id in ids.items() if run_id in losses}


def fall(study: Study, budget: float = KINK_BUDGET) -> float:
    """By how many nats the wider of the two lies below the narrower; nan where either is not recorded."""
    own, (narrow, wide) = own_losses(study, budget), KINK
    return own[narrow] - own[wide] if {narrow, wide} <= set(own) else float("nan")


def causes(study: Study, width: int) -> list[str] | None:
    """The factors that, as the other width has them, close at least `ENOUGH` of the gap; None before that is known."""
    mine = [one for one in changed(study) if one.width == width]
    towards = 1 if width == min(KINK) else -1  # the narrower width gains, the wider loses
    found = [one.factor for one in mine if towards * (one.own - one.loss) >= ENOUGH * fall(study)]
    return found if found or {one.factor for one in mine} == {"heads", "batch"} else None
