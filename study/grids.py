"""The grids as data, committed before their results. `grid(name)` builds one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from study.config import RunConfig, whole_batches
from study.counts import exact_flops_per_token
from study.data.sizes import UNIQUE_TRAIN_TOKENS
from study.design import Cell, Grid, GridError
from study.grids_gpu import gpu, lab01
from study.tune import Rule

LARGEST_SHARE = 0.9  # of the unique train tokens that any cell may use


def grid(name: str) -> Grid:
    """The named grid.

    Raises:
        GridError: there is no such grid.
    """
    if name not in GRIDS:
        raise GridError(f"unknown grid {name!r}: one of {', '.join(GRIDS)}")
    return GRIDS[name]()


# The ladder of shapes shared by the CPU grids: width -> layers. N counts non-embedding + unembedding for V = 1,024.
LADDER = {
    12: 2,  # 15.7 k
    16: 2,  # 22.5 k
    24: 2,  # 38.4 k
    32: 2,  # 57.3 k
    40: 2,  # 79.4 k
    48: 3,  # 132 k
    64: 3,  # 213 k
    80: 4,  # 389 k
    96: 4,  # 541 k
    128: 4,  # 918 k
    160: 5,  # 1.70 M
    192: 5,  # 2.41 M
}


def heads(width: int) -> int:
    """Heads of a shape: a head has 32 dimensions or a few more, all of a smaller width (runs/README.md: why)."""
    return max(1, width // 32)


PYTHON = RunConfig(corpus="python-source", vocabulary=1024, ood_corpus="sotu", compiled=True,
                   width=16, layers=2, heads=1, tokens=1024, batch_tokens=1024, learning_rate=0.01)
SOTU = RunConfig(corpus="sotu", vocabulary=512, eval_tokens=2**18, curve_tokens=2**14, curve_points=16,
                 width=16, layers=2, heads=1, tokens=1024, batch_tokens=1024, learning_rate=0.01)


def at(base: RunConfig, budget: float, width: int, *, learning_rate: float, batch_tokens: int, seed: int = 0) -> RunConfig:
    """The run of a ladder shape whose exact FLOPs come nearest to `budget` in whole batches."""
    layers = LADDER[width]
    tokens = budget / exact_flops_per_token(width, layers, base.vocabulary, base.context)
    return replace(base, width=width, layers=layers, heads=heads(width), tokens=whole_batches(tokens, batch_tokens),
                   batch_tokens=batch_tokens, learning_rate=learning_rate, seed=seed)


def checked(name: str, cells: Sequence[Cell]) -> Grid:
    """A grid none of whose cells uses more than `LARGEST_SHARE` of its packaged corpus.

    Raises:
        GridError: a cell does.
    """
    for cell in cells:
        most = LARGEST_SHARE * UNIQUE_TRAIN_TOKENS.get(cell.config.corpus, float("inf"))
        if cell.config.tokens > most:
            raise GridError(f"{cell.config.run_id} wants more than {most:.3g} tokens of {cell.config.corpus}")
    return Grid(name, cells[0].config.corpus, tuple(cells))


def smoke() -> Grid:
    """Three runs of a second or two each: does an installation train, stop and resume?"""
    base = replace(SOTU, eval_tokens=2**15, curve_tokens=2**12, curve_points=6)
    cells = [Cell(at(base, 2e10, width, learning_rate=0.8 / width, batch_tokens=1024), "isoflop", 2e10) for width in (16, 24, 32)]
    return checked("smoke", cells)


def quick() -> Grid:
    """The whole pipeline in minutes: three budgets of four sizes, and two more seeds of one cell. Eager: no compiler needed."""
    sizes = {1e11: (16, 24, 32, 48), 3e11: (16, 24, 32, 48), 1e12: (24, 32, 48, 64)}

    def run(budget: float, width: int, seed: int = 0) -> RunConfig:
        return at(SOTU, budget, width, learning_rate=0.8 / width, batch_tokens=1024, seed=seed)

    cells = [Cell(run(budget, width), "isoflop", budget) for budget, widths in sizes.items() for width in widths]
    return checked("quick", cells + [Cell(run(3e11, 32, seed), "seed", 3e11) for seed in (1, 2)])


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
                          heads=SWEEP_HEADS.get(width, heads(width))), "sweep", budget)
             for budget, widths in SWEEP_BATCHES.items() for width, batches in widths.items()
             for batch in batches for rate in SWEEP_RATES[budget][batch]]
    for width in CHECK_WIDTHS:
        config = ruled(3e13, width)
        cells += [Cell(replace(config, learning_rate=config.learning_rate * factor), "check", 3e13) for factor in (0.5, 2.0)]
    return checked("sweep", cells)


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
    batch = RULE.batch_tokens(budget / exact_flops_per_token(width, LADDER[width], PYTHON.vocabulary, PYTHON.context))
    return at(PYTHON, budget, width, learning_rate=RULE.learning_rate(width, batch), batch_tokens=batch, seed=seed)


def cpu() -> Grid:
    """Five isoFLOP budgets of seven sizes from one ladder, off-path cells, seeds, and a held-out budget. In budget order."""
    cells = []
    for budget, widths in CPU_WIDTHS.items():
        cells += [Cell(ruled(budget, width), "isoflop", budget) for width in widths]
        cells += [Cell(ruled(budget, width), "off-path", budget) for width in CPU_OFF_PATH[budget]]
        cells += [Cell(ruled(budget, width, seed), "seed", budget) for width in CPU_SEEDS[budget] for seed in (1, 2)]
    cells += [Cell(ruled(budget, width), "held-out", budget) for budget, widths in CPU_HELD_OUT.items() for width in widths]
    return checked("cpu", cells)


def seeds() -> Grid:
    """Two more seeds of four sizes at the largest fitted budget of `cpu`: for the noise between seeds there, and for no fit.

    Added after `cpu` had been seen: at that budget width 64 lay 12 % below the law.
    """
    return checked("seeds", [Cell(ruled(3e13, width, seed), "seed", 3e13) for width in (64, 80, 128, 48) for seed in (1, 2)])


# Along the optimum of `cpu`, budget -> width: where the recipes are compared.
PROBE_PATH = {1e12: 32, 3e12: 48, 1e13: 64, 3e13: 96}


def probes() -> Grid:
    """What takes the step out of the range: context, token shift and Muon, at the old rule's rates and around them.

    One run a cell along the path but for the last; rates and batches at the two smallest budgets.
    """
    plain = replace(PYTHON, ood_corpus="", eval_tokens=2**20, curve_tokens=2**15)
    short = replace(plain, context=64)
    muon = replace(short, token_shift=True, optimiser="muon")

    def run(base: RunConfig, budget: float, rate: float = 1.0, batch: float = 1.0, seed: int = 0) -> Cell:
        width = PROBE_PATH[budget]
        D = budget / exact_flops_per_token(width, LADDER[width], base.vocabulary, base.context)
        tokens = int(RULE.batch_tokens(D) * batch)
        peak = RULE.learning_rate(width, tokens) * rate
        return Cell(at(base, budget, width, learning_rate=peak, batch_tokens=tokens, seed=seed), "sweep", budget)

    cells = [run(muon, 1e12, rate, batch) for batch in (1, 2, 4, 0.5) for rate in (1.0, 2.0, 4.0, 0.5)]
    cells += [run(base, budget) for budget in (1e12, 3e12)
              for base in (replace(muon, context=32), short, replace(short, optimiser="muon"), replace(short, token_shift=True))]
    cells += [run(muon, 3e12, rate, batch) for batch in (1, 2, 4) for rate in (1.0, 2.0)]
    cells += [run(base, 1e13) for base in (replace(muon, context=32), short, replace(short, optimiser="muon"))]
    cells += [run(base, 3e13) for base in (replace(muon, context=32), replace(short, optimiser="muon"))]
    return checked("probes", cells)


GRIDS: dict[str, Callable[[], Grid]] = {"smoke": smoke, "quick": quick, "sweep": sweep, "cpu": cpu, "seeds": seeds,
                                        "probes": probes, "lab01": lab01, "gpu": gpu}
