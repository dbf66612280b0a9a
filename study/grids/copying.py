"""The third recipe: copying from the window is learned early, by models of every size.

In `cpu2` wide models learn to copy between 1e13 and 3e13 FLOP, narrow ones hardly (`parts`, `kink`): the step that no law of
N and D follows. Three things let attention find what followed an earlier copy of a token from the first steps on: keys that see
the token before, logits large enough to pick one of 64 tokens, and keys that start as queries do.
"""

from dataclasses import replace

from study.config import RunConfig
from study.grids.cpu2 import TUNED, design, tuned
from study.grids.design import Cell, Grid
from study.grids.ladder import COPYING, by_rule, checked
from study.tune import three_digits

SCALE = COPYING.attention_scale  # log2(T^2 - T) of a window of T = 64 tokens (Henry et al. 2020)
CELLS = ((1e12, 32), (1e13, 64))  # budget and width, on the optimum of `cpu2`


def copied(budget: float, width: int, seed: int = 0, base: RunConfig = COPYING) -> RunConfig:
    """The run of a ladder shape at a budget by the third recipe and the rules of the second."""
    return by_rule(base, TUNED, budget, width, seed)


def cpu3() -> Grid:
    """The design of `cpu2` by the third recipe."""
    return design("cpu3", copied)


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
