"""The grid of a GPU's nine minutes: `cpu3`'s recipe at ten to a hundred times its largest fitted budget."""

from dataclasses import replace

from study.config import RunConfig
from study.grids.cpu3 import copied
from study.grids.design import Cell, Grid, GridError
from study.grids.ladder import COPYING, checked

UNIQUE = 116_000_000  # tokens of python-dedup that are sent (study/kit/): no cell sees one twice

# Sizes around the optimum that the rule of the CPU grids' budgets extrapolates to, as far as the text lasts: at 1e16 FLOP the sizes
# below width 384 would need more. In the order of their value, since time may end.
WIDTHS: dict[float, tuple[int, ...]] = {
    1e15: (256, 192, 320, 160, 384),
    3e15: (320, 256, 384),
    1e16: (384, 512, 448),
}
HELD_OUT = (3e15, 1e16)
REPEATED = {1e15: (256,)}  # two more seeds each


def gpu_mini() -> Grid:
    """One fitted budget of five sizes with repeats of one, and two held-out budgets, in bfloat16.

    Raises:
        GridError: a cell wants more tokens than are sent.
    """
    base = replace(COPYING, ood_corpus="", precision="bfloat16", unique_tokens=UNIQUE)
    cells = [Cell(copied(budget, width, base=base), "isoflop", "held-out" if budget in HELD_OUT else "fit", budget)
             for budget, widths in WIDTHS.items() for width in widths]
    cells += [Cell(copied(budget, width, seed, base), "isoflop", "fit", budget)
              for budget, widths in REPEATED.items() for width in widths for seed in (1, 2)]
    return checked("gpu-mini", [within(cell, base) for cell in cells])


def within(cell: Cell, base: RunConfig) -> Cell:
    """The cell, if what it sees is unique.

    Raises:
        GridError: it wants more.
    """
    if cell.config.tokens > base.unique_tokens - base.context:
        raise GridError(f"{cell.config.run_id} wants more than the {base.unique_tokens} tokens that are sent")
    return cell
