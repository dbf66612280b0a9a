"""The table of verdicts: every claim of the document on Go, what was measured, and the word."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from study.articles.claims import claims_of
from study.articles.limited import accuracy, best, frontier, labels, more, overfitting
from study.articles.limited.data import GO, Limited
from study.articles.shared import text
from study.articles.shared.words import none_or, number_word
from study.articles.verdict import SURE, Verdict, absent

if TYPE_CHECKING:
    from IPython.display import Markdown

FIGURES, TABLES = 7, 3  # of the document, each with its counterpart on this page


def tables(study: Limited) -> Verdict:
    """The document's figures, tables and log, from the records."""
    if study.log.empty:
        return absent("go-tables", f"{FIGURES} figures, {TABLES} tables", GO)
    return Verdict("go-tables", f"{FIGURES} figures, {TABLES} tables", f"the same, from a log of {len(study.log):,} rows",
                   "reproduced", float(len(study.log)), f"`{GO}`")


VERDICTS: Mapping[str, Callable[[Limited], Verdict]] = MappingProxyType({
    "go-best": best.verdict,
    "go-overfitting": overfitting.verdict,
    "go-earlier": overfitting.earlier,
    "go-frontier": frontier.verdict,
    "go-accuracy": accuracy.verdict,
    "go-floor": labels.verdict,
    "go-more": more.verdict,
    "go-tables": tables,
})


def verdicts(study: Limited) -> tuple[Verdict, ...]:
    """One a claim of the article, in the source's order."""
    return tuple(VERDICTS[claim.key](study) for claim in claims_of("limited"))


def table(study: Limited) -> "Markdown":
    """Claim, what was claimed, what was measured, the verdict, in which runs."""
    rows = zip(claims_of("limited"), verdicts(study), strict=True)
    return text.table([{"claim": claim.says, "claimed": text.literal(found.claimed), "measured": text.literal(found.measured),
                        "verdict": f"**{found.word}**", "runs": found.runs} for claim, found in rows],
                      left=("claimed", "measured", "verdict", "runs"))


def sure() -> str:
    """The share of the draws that decides."""
    return text.percent(SURE, 1)


def total() -> str:
    """Claims that the article answers, as a word."""
    return number_word(len(VERDICTS))


def reproduced(study: Limited) -> str:
    """How many are reproduced."""
    return _tally(study, "reproduced")


def contradicted(study: Limited) -> str:
    """How many are contradicted."""
    return _tally(study, "contradicted")


def undecided(study: Limited) -> str:
    """How many the runs leave open."""
    return _tally(study, "undecided")


def tested(study: Limited) -> str:
    """How many are tested."""
    return none_or(sum(found.word != "not tested yet" for found in verdicts(study)))


def _tally(study: Limited, word: str) -> str:
    return none_or(sum(found.word == word for found in verdicts(study)))


def best_word(study: Limited) -> str:
    """The verdict on the best losses."""
    return _word(study, "go-best")


def overfitting_word(study: Limited) -> str:
    """On overfitting."""
    return _word(study, "go-overfitting")


def earlier_word(study: Limited) -> str:
    """On when larger models are at their best."""
    return _word(study, "go-earlier")


def frontier_word(study: Limited) -> str:
    """On the frontier."""
    return _word(study, "go-frontier")


def accuracy_word(study: Limited) -> str:
    """On accuracy."""
    return _word(study, "go-accuracy")


def floor_word(study: Limited) -> str:
    """On the floor."""
    return _word(study, "go-floor")


def more_word(study: Limited) -> str:
    """On ten times the positions."""
    return _word(study, "go-more")


def _word(study: Limited, claim: str) -> str:
    return f"**{VERDICTS[claim](study).word}**"
