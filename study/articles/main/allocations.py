"""One budget, three rules: the size that each asks for, the runs of the nearest shapes, and what was predicted of them."""

from typing import TYPE_CHECKING

import numpy as np

from study.analysis import allocations
from study.analysis.allocations import KAPLAN, LAW, RULE
from study.analysis.study import Study
from study.articles.shared import text, words
from study.counts import config_counts
from study.grids import grid
from study.grids.allocation import BUDGET, FIRST, TOKENS_A_PARAMETER

if TYPE_CHECKING:
    from IPython.display import Markdown


def budget() -> str:
    """FLOP of every run."""
    return text.power(BUDGET)


def first() -> str:
    """FLOP of the optimum that Kaplan's exponent starts from."""
    return text.power(FIRST)


def ratio() -> str:
    """Tokens a parameter of the rule."""
    return f"{TOKENS_A_PARAMETER:g}"


def _asked(study: Study, name: str) -> str:
    found = allocations.asked(study)[name]
    return text.count(found, 2) if np.isfinite(found) else text.PENDING


def by_rule(study: Study) -> str:
    """N by that many tokens a parameter."""
    return _asked(study, RULE)


def by_law(study: Study) -> str:
    """N by the law fitted to less compute, as it was predicted."""
    return _asked(study, LAW)


def by_kaplan(study: Study) -> str:
    """N by Kaplan's exponent."""
    return _asked(study, KAPLAN)


def shapes() -> str:
    """Shapes of the planned runs, as a word."""
    return words.number_word(len({cell.config.width for cell in grid(allocations.GRID).cells}))


def planned() -> str:
    """The planned runs, as a word."""
    return words.number_word(len(grid(allocations.GRID).cells))


def recorded(study: Study) -> str:
    """How many of them are recorded."""
    return words.none_or(len(allocations.runs(study)))


def gain(study: Study) -> str:
    """Mean loss of Kaplan's size above that of the law's, nats, with its 95 % interval."""
    found = allocations.gain(study)
    return text.PENDING if found is None else f"{text.two(found.middle)} {text.interval(found.low, found.high, text.two)}"


def foretold(study: Study) -> str:
    """The same between the medians of what was predicted."""
    found = allocations.foretold_gain(study)
    return text.two(found) if np.isfinite(found) else text.PENDING


def inside(study: Study) -> str:
    """How many of the runs fell inside their predicted 95 % interval, of how many."""
    found = allocations.predicted(study)
    if not len(found):
        return text.PENDING
    return f"{words.none_or(int(found['inside_95'].sum()))} of {words.number_word(len(found))}"


def table(study: Study) -> "Markdown":
    """A row a size: which rule asks for it, its data, the mean loss of its runs and what was predicted."""
    runs, said = allocations.runs(study), allocations.said(study)
    cells, rows = grid(allocations.GRID).cells, []
    for cell in cells:
        if cell.config.seed:
            continue
        width, N = cell.config.width, config_counts(cell.config).multiplying
        losses = list(runs.loc[runs["width"] == width, "loss"]) if len(runs) else []
        planned = sum(other.config.width == width for other in cells)
        low, high = said[width]["95"] if width in said else (float("nan"),) * 2
        rows.append({"asked for by": cell.factor, "N": text.count(N), "D": text.count(cell.config.tokens),
                     "D/N": text.two(cell.config.tokens / N), "runs": f"{len(losses)} of {planned}",
                     "loss": f"{np.mean(losses):.4f}" if len(losses) else text.PENDING,
                     "predicted, 95 %": f"{said[width]['median']:.3f} {text.interval(low, high, _three)}"
                                        if width in said else text.PENDING})
    return text.table(rows, left=("asked for by",))


def _three(loss: float) -> str:
    return f"{loss:.3f}"
