"""What each change of the third recipe is worth: two cells by the second, the third, and recipes between and about them."""

from dataclasses import replace

from study.grids.cpu2 import tuned
from study.grids.cpu3 import copied
from study.grids.design import Cell, Grid
from study.grids.ladder import COPYING, checked
from study.tune import three_digits

SCALE = COPYING.attention_scale  # log2(T^2 - T) of a window of T = 64 tokens (Henry et al. 2020)
CELLS = ((1e12, 32), (1e13, 64))  # budget and width, on the optimum of `cpu2`


def copying() -> Grid:
    """What the third recipe changes, one thing at a time, at two cells; then heads, scale and rate about it.

    The recipe's own runs of these cells are in `cpu3`, the second's in `cpu2`.
    """
    cells = []
    for budget, width in CELLS:
        second, third = tuned(budget, width), copied(budget, width)
        runs = {"second, larger logits": replace(second, attention_scale=SCALE),
                "second, larger logits, shifted keys": replace(second, attention_scale=SCALE, key_shift=True),
                "third without token shift": replace(third, token_shift=False),
                "third without token shift and start": replace(third, token_shift=False, copy_start=False)}
        runs |= {f"third, {factor:g} x rate": replace(third, learning_rate=three_digits(third.learning_rate * factor))
                 for factor in (0.5, 2.0)}
        if (budget, width) == CELLS[0]:
            runs |= {"second, logits to 16": replace(second, attention_scale=16.0), "third, two heads": replace(third, heads=2)}
            runs |= {f"third, logits to {scale:g}": replace(third, attention_scale=scale) for scale in (16.0, 24.0)}
        cells += [Cell(run, "recipe", "tuning", budget, name) for name, run in runs.items()]
    return checked("copying", cells)
