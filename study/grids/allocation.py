"""One budget, spent as three rules would: the comparison of Chinchilla with Gopher, in small."""

from study.grids.cpu3 import copied
from study.grids.design import Cell, Grid
from study.grids.ladder import checked

BUDGET, FIRST = 1e14, 3e11  # FLOP: of the runs, and of the optimum that Kaplan's exponent starts from
TOKENS_A_PARAMETER = 20.0
KAPLAN_A = 0.73  # of N_opt in C (Kaplan et al. 2020, table 6)
# The shape of the ladder nearest in ln N to what each rule asks for (tests/analysis/test_allocations.py asks again).
WIDTHS = {"20 tokens a parameter": 128, "the law fitted to less compute": 128, "Kaplan's exponent": 256}


def allocation() -> Grid:
    """Three seeds of each size that a rule asks for, in no fit; predicted from the runs of `cpu3` below this budget."""
    cells = []
    for width in dict.fromkeys(WIDTHS.values()):
        names = ", ".join(name for name, of in WIDTHS.items() if of == width)
        cells += [Cell(copied(BUDGET, width, seed), "allocation", "held-out", BUDGET, names) for seed in (0, 1, 2)]
    return checked("allocation", cells)
