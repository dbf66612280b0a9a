"""IsoFLOP grids: budgets of exact FLOPs, a few sizes each, and what tells curvature and noise apart."""

from dataclasses import replace

from study.config import RunConfig
from study.grids.design import Cell, Grid
from study.grids.ladder import PYTHON, SOTU, at, by_rule, checked
from study.tune import Rule


def smoke() -> Grid:
    """Three runs of a second or two each: does an installation train, stop and resume?"""
    base = replace(SOTU, eval_tokens=2**15, curve_tokens=2**12, curve_points=6)
    cells = [Cell(at(base, 2e10, width, learning_rate=0.8 / width, batch_tokens=1024), "isoflop", "fit", 2e10)
             for width in (16, 24, 32)]
    return checked("smoke", cells)


def quick1() -> Grid:
    """The first recipe in minutes: three budgets of four sizes, and two more seeds of one cell. `quick` has taken its place."""
    sizes = {1e11: (16, 24, 32, 48), 3e11: (16, 24, 32, 48), 1e12: (24, 32, 48, 64)}

    def run(budget: float, width: int, seed: int = 0) -> RunConfig:
        return at(SOTU, budget, width, learning_rate=0.8 / width, batch_tokens=1024, seed=seed)

    cells = [Cell(run(budget, width), "isoflop", "fit", budget) for budget, widths in sizes.items() for width in widths]
    return checked("quick1", cells + [Cell(run(3e11, 32, seed), "isoflop", "fit", 3e11) for seed in (1, 2)])


# Fitted to the sweep by study/tune.py (tests/test_committed_records.py refits it), rounded, before any run of the grid was trained.
RULE = Rule(rate=0.0241, width_exponent=1.17, batch_exponent=0.27, batch=450.0, data_exponent=0.45)

CPU_WIDTHS = {
    3e11: (12, 16, 24, 32, 40, 48, 64),
    1e12: (16, 24, 32, 40, 48, 64, 80),
    3e12: (24, 32, 40, 48, 64, 80, 96),
    1e13: (32, 40, 48, 64, 80, 96, 128),
    3e13: (40, 48, 64, 80, 96, 128, 160),
}
CPU_OFF_PATH = {3e11: (80, 96), 1e12: (12, 96), 3e12: (16, 128), 1e13: (24, 160), 3e13: (32, 192)}
CPU_SEEDS = {3e11: (24, 48), 1e12: (40,), 3e12: (48,), 1e13: (64,), 3e13: (96,)}  # two more seeds each
CPU_HELD_OUT = {1e14: (64, 96, 128, 160, 192)}


def ruled(budget: float, width: int, seed: int = 0) -> RunConfig:
    """The run of a ladder shape at a budget on python-source, by the recipe's rules."""
    return by_rule(PYTHON, RULE, budget, width, seed)


def cpu() -> Grid:
    """Five isoFLOP budgets of seven sizes from one ladder, off-path cells, seeds, and a held-out budget. In budget order."""
    cells = []
    for budget, widths in CPU_WIDTHS.items():
        cells += [Cell(ruled(budget, width), "isoflop", "fit", budget) for width in widths]
        cells += [Cell(ruled(budget, width), "off-path", "fit", budget) for width in CPU_OFF_PATH[budget]]
        cells += [Cell(ruled(budget, width, seed), "isoflop", "fit", budget) for width in CPU_SEEDS[budget] for seed in (1, 2)]
    cells += [Cell(ruled(budget, width), "isoflop", "held-out", budget)
              for budget, widths in CPU_HELD_OUT.items() for width in widths]
    return checked("cpu", cells)


def seeds() -> Grid:
    """Two more seeds of four sizes at the largest fitted budget of `cpu`: for the noise between seeds there, and for no fit.

    Added after `cpu` had been seen: at that budget width 64 lay 12 % below the law.
    """
    return checked("seeds", [Cell(ruled(3e13, width, seed), "isoflop", "fit", 3e13)
                             for width in (64, 80, 128, 48) for seed in (1, 2)])
