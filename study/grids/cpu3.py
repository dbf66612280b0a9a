"""`cpu3` and the check of its rule, by the third recipe: models of every size learn early to copy from the window.

In `cpu2` wide models learn to copy between 1e13 and 3e13 FLOP, narrow ones hardly (`parts`, `kink`): the step that no law of
N and D follows. Three things let attention find what followed an earlier copy of a token from the first steps on: keys that see
the token before, logits large enough to pick one of 64 tokens, and keys that start as queries do.
"""

from dataclasses import replace

from study.config import RunConfig
from study.grids.cpu2 import CPU2_SEEDS, TUNED, design
from study.grids.design import Cell, Grid
from study.grids.ladder import COPYING, by_rule, checked
from study.tune import three_digits


def copied(budget: float, width: int, seed: int = 0, base: RunConfig = COPYING) -> RunConfig:
    """The run of a ladder shape at a budget by the third recipe and the rules of the second."""
    return by_rule(base, TUNED, budget, width, seed)


def cpu3() -> Grid:
    """The design of `cpu2` by the third recipe."""
    return design("cpu3", copied)


def check() -> Grid:
    """Half and twice the rule's learning rate at two sizes of 3e13 FLOP, three seeds each; the rule's own are in `cpu3`."""
    cells = []
    for width in CPU2_SEEDS[3e13]:
        for seed in (0, 1, 2):
            config = copied(3e13, width, seed)
            cells += [Cell(replace(config, learning_rate=three_digits(config.learning_rate * factor)), "check", "tuning", 3e13,
                           f"{factor:g} x rate") for factor in (0.5, 2.0)]
    return checked("check", cells)
