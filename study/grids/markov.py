"""IsoFLOP grids on the sources whose entropy is known: does the fitted E mean the entropy?"""

from dataclasses import replace

from study.grids.cpu3 import copied
from study.grids.design import Cell, Grid
from study.grids.ladder import COPYING, checked

WIDTHS = {
    3e11: (16, 24, 32, 48, 64),
    1e12: (24, 32, 40, 64, 80),
    3e12: (24, 40, 48, 64, 96),
    1e13: (40, 48, 64, 96, 128),
    3e13: (48, 64, 96, 128, 160),
}
HELD_OUT = {1e14: (64, 96, 160)}


def markov_2() -> Grid:
    """Trigrams: five budgets of five sizes, and a held-out budget of three."""
    return _grid("markov-2")


def markov_3() -> Grid:
    """The same on 4-grams."""
    return _grid("markov-3")


def _grid(name: str) -> Grid:
    base = replace(COPYING, corpus=name, ood_corpus="")
    return checked(name, [Cell(copied(budget, width, base=base), "isoflop", split, budget)
                          for sizes, split in ((WIDTHS, "fit"), (HELD_OUT, "held-out"))
                          for budget, widths in sizes.items() for width in widths])
