"""The floor: how often two labels of one position agree, and how low that lets the loss go."""

from typing import TYPE_CHECKING

import numpy as np

from study.analysis import go
from study.analysis.labels import Floor
from study.articles.limited.data import GO, Limited, means, positions
from study.articles.limited.document import MODELS
from study.articles.limited.more import WORTH
from study.articles.shared import text
from study.articles.verdict import Verdict, absent, decided, middle, with_interval
from study.grids.go import BASE, DATA

if TYPE_CHECKING:
    from IPython.display import Markdown

REASONS = {"position occurs in another game": "occur_again", "played on from with another seed": "labelled_again"}


def table() -> "Markdown":
    """Pairs of labels, how often both agree, and the bounds of the least loss with intervals over games."""
    rows = [{"the same": name, **_row(found)} for name, found in
            ((name, getattr(positions(), field)) for name, field in REASONS.items()) if found is not None]
    return text.table(rows) if rows else text.absent("no position has two labels")


def _row(found: Floor) -> dict[str, str]:
    low, high = found.value
    return {"pairs": f"{found.pairs:,}", "games": f"{found.games:,}",
            "move agrees": with_interval(100 * found.same_move, lambda x: f"{x:.1f}"),
            "winner agrees": with_interval(100 * found.same_winner, lambda x: f"{x:.1f}"),
            "policy loss, at least": text.two(middle(found.policy)),
            "value loss": f"{text.two(middle(low))} to {text.two(middle(high))}"}


def second() -> str:
    """Whether the second labels are there."""
    found = positions().labelled_again
    return "are not made yet" if found is None else f"are {found.pairs:,} in number"


def best_floor() -> Floor | None:
    """The bounds from second labels of positions drawn at random; from positions that occur again where there are none."""
    return positions().labelled_again or positions().occur_again


def which() -> str:
    """The labels that the bounds are from."""
    return "second labels" if positions().labelled_again else "positions that occur again"


def least() -> str:
    """The lower bound of policy and value loss together, nats."""
    found = best_floor()
    return text.ABSENT if found is None else with_interval(found.loss, lambda x: f"{x:.2f}")


def ceiling() -> str:
    """The highest accuracy of the move that any predictor can have."""
    found = best_floor()
    return text.ABSENT if found is None else with_interval(100 * found.policy_accuracy, lambda x: f"{x:.1f}")


def above(study: Limited) -> str:
    """How far the lowest best loss of the sizes lies above that bound, nats."""
    found, best = best_floor(), means(study, "best_loss")
    if found is None or best is None:
        return text.ABSENT
    return text.two(float(best.mean.min()) - middle(found.loss))


def fall(study: Limited) -> str:
    """By how much more positions lower the best loss of the best size: all to double where recorded, else half to all."""
    found = _falls(study)
    return text.ABSENT if found is None else with_interval(found[1], lambda x: text.signed(x, 3))


def fall_of(study: Limited) -> str:
    """From how many to how many."""
    found = _falls(study)
    return text.ABSENT if found is None else found[0]


def _falls(study: Limited) -> tuple[str, object] | None:
    noise = means(study, "best_loss")
    if noise is None:
        return None
    best = study.runs[study.runs["N"] == noise.N[int(np.argmin(noise.mean))]]
    for name, less, more in (("all to double", 1.0, DATA["double"]), ("half to all", DATA["half"], 1.0)):
        draws = go.falls(best, noise, less * BASE.positions, more * BASE.positions)
        if draws.shape[1]:
            return name, draws[:, 0]
    return None


def printed() -> str:
    """The document's floor."""
    return f"{min(model.best for model in MODELS):.2f} is irreducible"


def verdict(study: Limited) -> Verdict:
    """The best loss is the data set's irreducible loss: more positions do not lower it by what counts."""
    found = _falls(study)
    if found is None:
        return absent("go-floor", printed(), GO)
    _, draws = found
    word = decided(draws, lambda x: x < WORTH)
    measured = f"falls by {fall(study)} from {fall_of(study)}, labels allow {least()}"
    return Verdict("go-floor", printed(), measured, word, middle(draws), f"`{GO}`")
