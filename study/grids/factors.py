"""One factor at a time: size, unique text, steps, shape and batch, the others held fixed."""

from dataclasses import replace

from study.config import RunConfig, whole_batches
from study.grids.cpu2 import TUNED
from study.grids.design import Cell, Grid
from study.grids.ladder import DEDUP, LADDER, checked, heads
from study.tune import three_digits

SIZES = (12, 16, 24, 32, 40, 48, 64, 80, 96, 128)  # widths of the ladder
SMALL_TEXT, SEEN = 60_000, 3_000_000  # unique and seen tokens: the large text is 50 times the small one
FOUR = (24, 40, 64, 80)  # 38 k, 79 k, 213 k and 389 k parameters
UNIQUE = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)

HUB = {"wikitext-2": 3_000_000, "wikitext-103": UNIQUE[-1], "openwebtext": UNIQUE[-1]}  # unique tokens that each has to give


def fixed(width: int, tokens: float, *, unique: int = 0, base: RunConfig = DEDUP) -> RunConfig:
    """A ladder shape that sees `tokens` tokens of the first `unique` ones of the text (0: of all), at the tuned rate and batch."""
    batch = TUNED.batch_tokens(tokens)
    seen = whole_batches(tokens, batch)
    # Windows overlap by one token, so that a pass has one window fewer than unique / context.
    epochs = 1 if not unique else -(-seen // (unique - 2 * base.context))
    return replace(base, width=width, layers=LADDER[width], heads=heads(width), tokens=seen, batch_tokens=batch,
                   learning_rate=TUNED.learning_rate(width, batch), unique_tokens=unique, epochs=epochs)


def factors(base: RunConfig = DEDUP, name: str = "factors", most: int = UNIQUE[-1]) -> Grid:
    """Size on a small and on a large text, with the study's heads and with one; unique text, at `most` so many tokens of it, at
    fixed steps and with steps in proportion.
    """
    cells = []
    for factor, unique in (("large text", 0), ("small text", SMALL_TEXT)):
        runs = [fixed(width, SEEN, unique=unique, base=base) for width in SIZES]
        cells += [Cell(run, "size", "fit", factor=factor) for run in runs]
        cells += [Cell(replace(run, heads=1), "size", "fit", factor=f"{factor}, one head") for run in runs if run.heads > 1]
    for width in FOUR:
        cells += [Cell(fixed(width, UNIQUE[-1], unique=unique, base=base), "unique text", "fit", factor="fixed steps")
                  for unique in UNIQUE if unique <= most]
        cells += [Cell(fixed(width, 0.97 * unique, unique=unique, base=base), "unique text", "fit", factor="steps in proportion")
                  for unique in UNIQUE[:-1]]
    return checked(name, cells)


def factors_on(corpus: str) -> Grid:
    """The same on a text of the hub in a vocabulary of its own: `study corpus NAME --train-tokenizer 1024` first."""
    return factors(replace(DEDUP, corpus=corpus), f"factors-{corpus}", HUB[corpus])


EPOCHS = ((300_000, (2, 4, 8, 16)), (1_000_000, (2, 4)), (3_000_000, (2,)))  # unique tokens, and how often they are gone through


def epochs() -> Grid:
    """Text gone through 2 to 16 times by four sizes, the rate of each run decayed over its own length.

    What an epoch is worth: `factors` has the same text read once, and so often that most sizes overfit.
    """
    cells = [Cell(fixed(width, 0.97 * times * unique, unique=unique), "epochs", "fit", factor=f"{unique:,} tokens")
             for width in FOUR for unique, often in EPOCHS for times in often]
    return checked("epochs", cells)


SHAPES = ((1, 112, 2), (2, 80, 2), (3, 64, 2), (4, 56, 2), (6, 46, 1), (8, 40, 1), (12, 32, 1))  # layers, width, heads
HEADS = (1, 4, 8)  # of width 64, three layers, beside two
SHAPE_FLOPS = 1e13


def shapes() -> Grid:
    """Depth at 150 k non-embedding parameters (within 5 %) and a fixed D, and heads at the ladder's shape; two seeds each."""
    base = fixed(64, SHAPE_FLOPS / 1.35e6)
    runs = [(f"{layers} layers", replace(base, layers=layers, width=width, heads=count)) for layers, width, count in SHAPES]
    runs += [(f"{count} heads", replace(base, heads=count)) for count in HEADS]
    return checked("shapes", [Cell(replace(run, seed=seed), name.split()[1], "fit", factor=name)
                              for name, run in runs for seed in (0, 1)])


BATCHES = tuple(2**k for k in range(8, 15))
BATCH_WIDTH, BATCH_TOKENS = 40, 8_000_000


def batches() -> Grid:
    """Batch from 256 to 16,384 tokens at a constant rate, each at three rates about the tuned one; and four sizes' curves."""
    base = replace(fixed(BATCH_WIDTH, BATCH_TOKENS), schedule="constant", warmup_fraction=0.05)
    runs = [replace(base, batch_tokens=batch, tokens=whole_batches(BATCH_TOKENS, batch),
                    learning_rate=three_digits(TUNED.learning_rate(BATCH_WIDTH, batch) * rate))
            for batch in BATCHES for rate in (0.35, 0.7, 1.4)]
    cells = [Cell(run, "batch", "fit", factor=f"{run.batch_tokens} tokens") for run in runs]
    curves = [replace(fixed(width, BATCH_TOKENS), schedule="constant", warmup_fraction=0.05) for width in FOUR]
    cells += [Cell(replace(run, learning_rate=three_digits(0.7 * run.learning_rate)), "size", "fit", factor=f"width {run.width}")
              for run in curves if run.width != BATCH_WIDTH]
    return checked("batches", cells)
