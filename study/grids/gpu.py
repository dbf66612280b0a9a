"""The GPU grids: the lab's three runs as printed, and six budgets on FineWeb-Edu. Not tuned: rates and batches by rule."""

import math
from dataclasses import replace

from study.config import RunConfig, whole_batches
from study.counts import exact_flops_per_token, parameter_counts
from study.grids.design import Cell, Grid, GridError

FINEWEB_TOKENS = 0.9 * 0.995 * 10e9  # nine tenths of the nominal size of sample-10BT, less validation; checked again when trained

FINEWEB = RunConfig(corpus="fineweb-edu", vocabulary=50_257, context=1024, precision="bfloat16", compiled=True,
                    warmup_fraction=0.1, beta2=0.95, curve_points=12,
                    width=256, layers=6, heads=4, tokens=2**19, batch_tokens=2**19, learning_rate=0.0047)


def porian_rate(N: float) -> float:
    """Learning rate 0.0047 (N / 108M)^(-1/3) (Porian et al. 2024, arXiv 2406.19146, section 3.4)."""
    return 0.0047 * (N / 108e6) ** (-1 / 3)


def porian_batch(N: float, context: int) -> int:
    """Batch 160 x 2048 x (N / 108M)^(2/3) tokens (ibid.), to the nearest power of two: micro-batches then divide it."""
    return max(context, 2 ** round(math.log2(160 * 2048 * (N / 108e6) ** (2 / 3))))


def lab01() -> Grid:
    """The lab's three runs: "5M", "25M" and "100M" by name, 2^19 tokens a batch. Said to cost 1.35e17 FLOP each; they do not."""
    def run(width: int, layers: int, heads: int, tokens: float) -> RunConfig:
        N = parameter_counts(width, layers, FINEWEB.vocabulary).multiplying
        return replace(FINEWEB, width=width, layers=layers, heads=heads, tokens=whole_batches(tokens, 2**19), batch_tokens=2**19,
                       learning_rate=porian_rate(N))

    runs = run(256, 6, 4, 4.5e9), run(512, 6, 8, 9e8), run(1024, 8, 16, 2.25e8)
    return Grid("lab01", "fineweb-edu", tuple(Cell(config, "isoflop", "fit", 1.35e17) for config in runs))


# width -> layers, heads of 64 (32 at width 96). N of non-embedding + unembedding for V = 50,257.
LADDER = {
    64: 2,  # 3.31 M
    96: 2,  # 5.05 M
    128: 3,  # 7.02 M
    192: 4,  # 11.4 M
    256: 4,  # 16.0 M
    320: 5,  # 22.2 M
    384: 6,  # 29.9 M
    448: 7,  # 39.4 M
    512: 8,  # 50.9 M
    576: 9,  # 64.8 M
    640: 10,  # 81.3 M
    768: 12,  # 124 M
    896: 14,  # 180 M
    1024: 16,  # 253 M
    1280: 20,  # 457 M
    1536: 24,  # 757 M
}
WIDTHS = {  # seven sizes about N = (C / 120)^(1/2), 20 tokens a parameter; the corpus bounds D from above at 3e18
    1e16: (64, 96, 128, 192, 256, 320, 384),
    3e16: (96, 128, 192, 256, 320, 384, 448),
    1e17: (192, 256, 320, 384, 448, 512, 640),
    3e17: (256, 320, 384, 448, 512, 640, 768),
    1e18: (384, 448, 512, 640, 768, 896, 1024),
    3e18: (576, 640, 768, 896, 1024, 1280, 1536),
}
HELD_OUT = 3e18
REPEATED = ((1e16, 192), (3e16, 256), (1e17, 256), (1e17, 384), (3e17, 448), (1e18, 640))  # two more seeds each


def gpu() -> Grid:
    """Six budgets of exact FLOPs of seven sizes, the largest held out, and two more seeds of six cells.

    Raises:
        GridError: a cell wants more tokens than the corpus has.
    """
    cells = [Cell(at(budget, width), "isoflop", "held-out" if budget == HELD_OUT else "fit", budget)
             for budget, widths in WIDTHS.items() for width in widths]
    cells += [Cell(at(budget, width, seed), "isoflop", "fit", budget) for budget, width in REPEATED for seed in (1, 2)]
    for cell in cells:
        if cell.config.tokens > FINEWEB_TOKENS:
            raise GridError(f"{cell.config.run_id} wants more than {FINEWEB_TOKENS:.3g} tokens of fineweb-edu")
    return Grid("gpu", "fineweb-edu", tuple(cells))


def at(budget: float, width: int, seed: int = 0) -> RunConfig:
    """The run of a shape of `LADDER` whose exact FLOPs come nearest to `budget` in whole batches."""
    layers, heads = LADDER[width], width // (64 if width % 64 == 0 else 32)
    N = parameter_counts(width, layers, FINEWEB.vocabulary).multiplying
    batch = porian_batch(N, FINEWEB.context)
    tokens = budget / exact_flops_per_token(width, layers, FINEWEB.vocabulary, FINEWEB.context)
    return replace(FINEWEB, width=width, layers=layers, heads=heads, tokens=whole_batches(tokens, batch), batch_tokens=batch,
                   learning_rate=porian_rate(N), seed=seed)
