"""`cpu3`, the check of its rule, and `quick`, by the third recipe: models of every size learn early to copy from the window.

In `cpu2` wide models learn to copy between 1e13 and 3e13 FLOP, narrow ones hardly (`parts`, `kink`): the step that no law of
N and D follows. Three things let attention find what followed an earlier copy of a token from the first steps on: keys that see
the token before, logits large enough to pick one of 64 tokens, and keys that start as queries do.
"""

from dataclasses import replace

from study.config import RunConfig
from study.grids.cpu2 import CPU2_SEEDS, TUNED, design
from study.grids.design import Cell, Grid
from study.grids.ladder import COPYING, SOTU, by_rule, checked
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


QUICK_WIDTHS = {1e10: (12, 16, 24, 32), 5e10: (16, 24, 32, 48), 2e11: (16, 24, 32, 48)}
QUICK_SEEDS = {5e10: (32,)}  # two more seeds each


def quick() -> Grid:
    """The whole pipeline in minutes: three budgets of four sizes, and two more seeds of one cell.

    On `sotu`, a corpus of seconds, by the rules that were tuned on `python-dedup`. Eager: no compiler needed.
    """
    base = replace(SOTU, context=COPYING.context, token_shift=True, key_shift=True, attention_scale=COPYING.attention_scale,
                   copy_start=True, optimiser=COPYING.optimiser)
    cells = [Cell(copied(budget, width, base=base), "isoflop", "fit", budget)
             for budget, widths in QUICK_WIDTHS.items() for width in widths]
    return checked("quick", cells + [Cell(copied(budget, width, seed, base), "isoflop", "fit", budget)
                                     for budget, widths in QUICK_SEEDS.items() for width in widths for seed in (1, 2)])
