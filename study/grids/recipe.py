"""What takes the step out of the range: context, token shift and Muon."""

from dataclasses import replace

from study.config import RunConfig
from study.grids.cpu2 import TUNED, tuned
from study.grids.design import Cell, Grid
from study.grids.isoflop import RULE, ruled
from study.grids.ladder import DEDUP, PYTHON, at, checked, tokens_at

# Along the optimum of `cpu`, budget -> width: where the recipes are compared.
PROBE_PATH = {1e12: 32, 3e12: 48, 1e13: 64, 3e13: 96}


def probes() -> Grid:
    """What takes the step out of the range: context, token shift and Muon, at the old rule's rates and around them.

    One run a cell along the path but for the last; rates and batches at the two smallest budgets.
    """
    plain = replace(PYTHON, ood_corpus="", eval_tokens=2**20, curve_tokens=2**15)
    short = replace(plain, context=64)
    muon = replace(short, token_shift=True, optimiser="muon")

    def run(base: RunConfig, budget: float, rate: float = 1.0, batch: float = 1.0) -> Cell:
        width = PROBE_PATH[budget]
        tokens = int(RULE.batch_tokens(tokens_at(base, budget, width)) * batch)
        peak = RULE.learning_rate(width, tokens) * rate
        return Cell(at(base, budget, width, learning_rate=peak, batch_tokens=tokens), "recipe", "tuning", budget)

    cells = [run(muon, 1e12, rate, batch) for batch in (1, 2, 4, 0.5) for rate in (1.0, 2.0, 4.0, 0.5)]
    cells += [run(base, budget) for budget in (1e12, 3e12)
              for base in (replace(muon, context=32), short, replace(short, optimiser="muon"), replace(short, token_shift=True))]
    cells += [run(muon, 3e12, rate, batch) for batch in (1, 2, 4) for rate in (1.0, 2.0)]
    cells += [run(base, 1e13) for base in (replace(muon, context=32), short, replace(short, optimiser="muon"))]
    cells += [run(base, 3e13) for base in (replace(muon, context=32), replace(short, optimiser="muon"))]
    return checked("probes", cells)


PARTS_PATH = {**PROBE_PATH, 1e14: 96}


def parts() -> Grid:
    """Where the loss falls along the optimum, by the second recipe: cells of `cpu2` whose loss is measured in parts."""
    return checked("parts", [Cell(tuned(budget, width), "parts", "tuning", budget) for budget, width in PARTS_PATH.items()])


def parts_source() -> Grid:
    """The same by the first recipe: cells of `cpu`."""
    return checked("parts-source", [Cell(ruled(budget, width), "parts", "tuning", budget) for budget, width in PARTS_PATH.items()])


KINK = (48, 64)  # neighbouring widths whose losses part at `KINK_BUDGET`
KINK_BUDGET = 3e13
WIDER = (96, 128)  # three heads and four


def kink() -> Grid:
    """What parts two widths: the heads or the batch of each given to the other, one at a time.

    From 1e13 FLOP on the loss of width 64 fell by 11 %, that of width 48 by 4 %; the ladder gives them two heads and one, the rule
    batches of 2,048 and 4,096 tokens. Their own runs are in `cpu2`. Then, two wider shapes with one head.
    """
    cells = []
    for width, other in (KINK, KINK[::-1]):
        own, theirs = tuned(KINK_BUDGET, width), tuned(KINK_BUDGET, other)
        rate = TUNED.learning_rate(width, theirs.batch_tokens)
        batch = at(DEDUP, KINK_BUDGET, width, learning_rate=rate, batch_tokens=theirs.batch_tokens)
        cells += [Cell(replace(own, heads=theirs.heads), "kink", "tuning", KINK_BUDGET, "heads"),
                  Cell(batch, "kink", "tuning", KINK_BUDGET, "batch")]
    cells += [Cell(replace(tuned(KINK_BUDGET, width), heads=1), "kink", "tuning", KINK_BUDGET, "heads") for width in WIDER]
    return checked("kink", cells)


# budget, widths, batches in tokens, learning rates x width. The probes put the optimum of width 32 at 1e12 FLOP near a batch of
# 2,048 and a rate of 3 / width. At 3e11 every best rate was inside its range and the best batch 512, then the smallest: 256 was
# added, and the ranges at 1e12 and 1e13 set; half the lowest rate where the lowest
# won, and at 1e13 a batch of 512 in place of 4,096, which could no longer win.
TUNING: tuple[tuple[float, tuple[int, ...], tuple[int, ...], tuple[float, ...]], ...] = (
    (3e11, (16, 32, 64), (512, 1024, 2048, 4096), (0.6, 1.2, 2.4, 4.8)),
    (1e12, (32, 48), (512, 1024, 2048, 4096), (0.85, 1.7, 3.4)),
    (1e12, (48,), (512, 1024), (0.425,)),
    (1e12, (80,), (256, 512, 1024, 2048), (0.425, 0.85, 1.7)),
    (1e13, (64,), (1024, 2048), (0.85, 1.7, 3.4)),
    (1e13, (64,), (1024,), (0.425,)),
    (1e13, (64,), (512,), (0.425, 0.85, 1.7)),
    (3e11, (16, 32, 64), (256,), (0.6, 1.2, 2.4)),
)


def tuning() -> Grid:
    """Learning rate and batch of the second recipe on `python-dedup`, one seed, smaller evaluation."""
    base = replace(DEDUP, ood_corpus="", eval_tokens=2**19, curve_tokens=2**15, curve_points=8)
    return checked("tuning", [
        Cell(at(base, budget, width, learning_rate=rate / width, batch_tokens=batch), "sweep", "tuning", budget)
        for budget, widths, batches, rates in TUNING for width in widths for batch in batches for rate in rates])
