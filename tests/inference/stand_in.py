"""A design like the CPU grid's, for tests that must not change with it."""

import numpy as np

from study.inference.calibration.designs import Design

WIDTHS = np.array([16.0, 24, 32, 48, 64, 96, 128, 160, 192, 256])
SIZES = 36 * WIDTHS**2 + 1024 * WIDTHS


def stand_in() -> Design:
    """Five budgets of seven sizes on a ladder of ten, and three cells a budget off the path."""
    cells = []
    for k, C in enumerate(np.geomspace(3e11, 3e13, 5)):
        low = min(k, 3)
        cells += [(SIZES[i], C / 6 / SIZES[i], WIDTHS[i]) for i in range(low, low + 7)]
        cells += [(SIZES[i], C / 2 / SIZES[i], WIDTHS[i]) for i in (low + 1, low + 3, low + 5)]
    N, D, width = np.array(cells).T
    return Design("cpu", N, D, width, 2.5)
