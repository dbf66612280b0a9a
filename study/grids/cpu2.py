"""`cpu2`, by the second recipe, on deduplicated text; and the design that `cpu3` shares."""

from collections.abc import Callable

from study.config import RunConfig
from study.grids.design import Cell, Grid
from study.grids.isoflop import CPU_OFF_PATH, CPU_WIDTHS
from study.grids.ladder import DEDUP, by_rule, checked
from study.tune import Rule

# Fitted to the tuning by study/tune.py (tests/test_committed_records.py refits it), rounded, before any run of `cpu2` was trained.
TUNED = Rule(rate=0.0319, width_exponent=1.24, batch_exponent=0.36, batch=570.0, data_exponent=0.47)

CPU2_WIDTHS: dict[float, tuple[int, ...]] = {**CPU_WIDTHS, 1e14: (48, 64, 80, 96, 128, 160, 192)}
CPU2_SEEDS = {3e11: (24, 40), 1e12: (32, 48), 3e12: (40, 64), 1e13: (48, 80), 3e13: (64, 128), 1e14: (96,)}  # two more seeds each
CPU2_HELD_OUT: dict[float, tuple[int, ...]] = {3e14: (96, 128, 192)}
CPU2_HELD_OUT_SEEDS = {3e14: (128,)}


def tuned(budget: float, width: int, seed: int = 0, base: RunConfig = DEDUP) -> RunConfig:
    """The run of a ladder shape at a budget by the second recipe and its rules."""
    return by_rule(base, TUNED, budget, width, seed)


def cpu2() -> Grid:
    """The design by the second recipe."""
    return design("cpu2", tuned)


def design(name: str, run: Callable[[float, int, int], RunConfig]) -> Grid:
    """Six isoFLOP budgets of seven sizes, off-path cells up to 3e13, repeats at every budget, and a held-out budget.

    run: the config of a budget, a width and a seed.
    """
    cells = []
    for budget, widths in CPU2_WIDTHS.items():
        cells += [Cell(run(budget, width, 0), "isoflop", "fit", budget) for width in widths]
        cells += [Cell(run(budget, width, 0), "off-path", "fit", budget) for width in CPU_OFF_PATH.get(budget, ())]
        cells += [Cell(run(budget, width, seed), "isoflop", "fit", budget) for width in CPU2_SEEDS[budget] for seed in (1, 2)]
    for budget, widths in CPU2_HELD_OUT.items():
        cells += [Cell(run(budget, width, 0), "isoflop", "held-out", budget) for width in widths]
        cells += [Cell(run(budget, width, seed), "isoflop", "held-out", budget)
                  for width in CPU2_HELD_OUT_SEEDS[budget] for seed in (1, 2)]
    return checked(name, cells)
