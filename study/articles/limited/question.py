"""The question, the positions, the runs, and what is not recorded yet."""

from study.articles.limited.data import GO, TEXTS, Limited, parameters, positions
from study.articles.limited.document import DATED, MODELS, POSITIONS, TITLE
from study.articles.shared import text, words
from study.articles.shared.page import callout
from study.data.go.engine import KOMI, OPENINGS, VERSION
from study.data.go.rules import SIZE
from study.grids import grid
from study.grids.go import BASE


def missing(study: Limited) -> None:
    """A warning with what is not recorded of the grids, of the prediction and of the second labels."""
    frames = {GO: study.runs, **{name: study.text[study.text["grid"] == name] for name in TEXTS}}
    parts = [f"{len(grid(name).cells) - len(frame)} of {len(grid(name).cells)} runs of `{name}`"
             for name, frame in frames.items() if len(frame) < len(grid(name).cells)]
    if study.prediction is None:
        parts.append("the prediction for the doubled positions")
    if positions().labelled_again is None:
        parts.append("second labels of test positions")
    if parts:
        callout("warning", "Not recorded yet: a dash stands for it", "\n".join(f"- {part}" for part in parts))


def recorded(study: Limited) -> str:
    """Runs on Go that are recorded, and planned."""
    return f"{len(study.runs)} of {len(grid(GO).cells)}"


def games() -> str:
    """Games of the committed file."""
    return f"{positions().games:,}"


def all_positions() -> str:
    """Positions in them."""
    return f"{positions().positions:,}"


def test_games() -> str:
    """Games to test on."""
    return f"{positions().test_games:,}"


def test_positions() -> str:
    """And their positions."""
    return f"{positions().test_positions:,}"


def trained_on() -> str:
    """Positions that the arm of sizes goes through."""
    return f"{BASE.positions:,}"


def epochs() -> str:
    """As often."""
    return words.number_word(BASE.epochs)


def sizes() -> str:
    """Parameters of the sizes."""
    return ", ".join(text.count(N) for N in parameters())


def times() -> str:
    """The largest over the smallest."""
    return text.significant(max(parameters()) / min(parameters()))


def document_sizes() -> str:
    """The document's."""
    return ", ".join(text.count(model.N) for model in MODELS)


def title() -> str:
    """The document's title."""
    return TITLE


def dated() -> str:
    """And its date."""
    return DATED


def document_positions() -> str:
    """The document's positions."""
    return text.count(POSITIONS)


def a_parameter() -> str:
    """Positions seen a parameter, over all epochs: here at the smallest and the largest size, and in the document."""
    own = [BASE.tokens / N for N in parameters()]
    theirs = [len(model.epochs) * POSITIONS / model.N for model in MODELS]
    return f"{text.two(max(own))} to {text.two(min(own))}, against {text.two(max(theirs))} to {text.two(min(theirs))}"


def engine() -> str:
    """The engine's version."""
    return VERSION


def side() -> str:
    """Points along a side of the board."""
    return words.number_word(SIZE)


def komi() -> str:
    """The komi."""
    return f"{KOMI:g}"


def openings() -> str:
    """Random moves at the start of a game."""
    return f"{OPENINGS[0]} to {OPENINGS[1]}"
