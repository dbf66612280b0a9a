"""The sweep of learning rate and batch behind the grid `cpu`."""

from dataclasses import replace

from study.grids.design import Cell, Grid
from study.grids.isoflop import ruled
from study.grids.ladder import PYTHON, at, checked, heads

# budget -> width -> batches in tokens (256 is one sequence, the floor). At 1e12 only those near the optimum that the 3e11 half
# showed, which grows with D; its learning rates likewise.
SWEEP_BATCHES: dict[float, dict[int, tuple[int, ...]]] = {
    3e11: dict.fromkeys((24, 32, 48, 64), (256, 512, 1024, 2048)),
    1e12: {32: (512, 1024, 2048), 48: (256, 512, 1024), 64: (256, 512, 1024), 96: (256, 512, 1024)},
}
SWEEP_RATES: dict[float, dict[int, tuple[float, ...]]] = {  # budget -> batch -> learning rates x width
    3e11: dict.fromkeys((256, 512, 1024, 2048), (0.4, 0.8, 1.6, 3.2)),
    1e12: {256: (0.4, 0.8, 1.6), 512: (0.4, 0.8, 1.6), 1024: (0.8, 1.6, 3.2), 2048: (0.8, 1.6, 3.2)},
}
SWEEP_HEADS = {32: 2, 48: 2}  # the sweep was trained before heads of 16 and 24 dimensions were found to cost loss
CHECK_WIDTHS = (64, 128)  # two cells of the largest fit budget, at half and twice the rule's learning rate


def sweep() -> Grid:
    """Learning rate and batch at the two smallest budgets, per width, one seed, smaller evaluation.

    The rule that follows from them is checked at two cells of the largest fit budget of the `cpu` grid.
    """
    base = replace(PYTHON, ood_corpus="", eval_tokens=2**19, curve_tokens=2**15, curve_points=8)
    cells = [Cell(replace(at(base, budget, width, learning_rate=rate / width, batch_tokens=batch),
                          heads=SWEEP_HEADS.get(width, heads(width))), "sweep", "tuning", budget)
             for budget, widths in SWEEP_BATCHES.items() for width, batches in widths.items()
             for batch in batches for rate in SWEEP_RATES[budget][batch]]
    for width in CHECK_WIDTHS:
        config = ruled(3e13, width)
        cells += [Cell(replace(config, learning_rate=config.learning_rate * factor), "check", "tuning", 3e13)
                  for factor in (0.5, 2.0)]
    return checked("sweep", cells)
