"""The table of verdicts: every claim of the article, what was measured, the word, in which runs."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from study.articles.claims import CLAIMS, claims_of
from study.articles.kaplan import (
    allocation,
    amari,
    batch,
    blog,
    efficiency,
    one_factor,
    overfitting,
    shape,
    steps,
    thresholds,
    toy,
    transfer,
)
from study.articles.kaplan.data import Kaplan
from study.articles.shared import text
from study.articles.shared.words import none_or, number_word
from study.articles.verdict import Verdict

VERDICTS: Mapping[str, Callable[[Kaplan], Verdict]] = MappingProxyType({
    "amari": lambda _: amari.verdict(),
    "hestness-regions": overfitting.regions,
    "hestness-exponent": overfitting.architectures,
    "hestness-size": overfitting.best_by_text,
    "rosenfeld": thresholds.verdict,
    "kaplan-powers": one_factor.verdict,
    "kaplan-overfitting": lambda study: overfitting.figure_nine(study, "kaplan-overfitting"),
    "kaplan-curves": steps.curves,
    "kaplan-efficiency": efficiency.efficiency,
    "kaplan-train-test": transfer.train_test,
    "pearce-song": allocation.pearce_song,
    "toy": toy.verdict,
    "figure-1": one_factor.figure_one,
    "figure-2": lambda study: efficiency.efficiency(study, "figure-2"),
    "figure-3": allocation.figure_three,
    "figure-4": overfitting.figure_four,
    "figure-5": shape.five,
    "figure-6": shape.six,
    "figure-8": transfer.eight,
    "figure-9": overfitting.figure_nine,
    "figure-10": batch.verdict,
    "figure-11": steps.eleven,
    "figure-12": efficiency.figure_twelve,
    "figure-13": allocation.figure_thirteen,
    "figure-14": allocation.figure_fourteen,
    "blog-size": blog.size,
    "blog-data": blog.data,
    "blog-compute": blog.compute,
    "blog-doubling": one_factor.doubling_verdict,
})


@lru_cache(maxsize=256)
def verdict(study: Kaplan, claim: str) -> Verdict:
    """The verdict on one claim.

    Raises:
        KeyError: the article answers no such claim.
    """
    return VERDICTS[claim](study)


def verdicts(study: Kaplan) -> tuple[Verdict, ...]:
    """One a claim of the article, in the sources' order."""
    return tuple(verdict(study, claim.key) for claim in claims_of("kaplan"))


def word(study: Kaplan, claim: str) -> str:
    """The word of the verdict, for the prose."""
    return f"**{verdict(study, claim).word}**"


def measured(study: Kaplan, claim: str) -> str:
    """What was measured, for the prose."""
    return text.literal(verdict(study, claim).measured)


def table(study: Kaplan) -> object:
    """Claim, claimed value, measured value with its interval, verdict, in which runs."""
    says = {claim.key: claim for claim in CLAIMS}
    return text.table([{"claim": says[found.claim].says, "source": says[found.claim].source,
                        "claimed": text.literal(found.claimed), "measured": text.literal(found.measured),
                        "verdict": f"**{found.word}**", "runs": found.runs} for found in verdicts(study)],
                      left=("source", "claimed", "measured", "verdict", "runs"))


def clause(study: Kaplan, claim: str) -> str:
    """The word, and in brackets what was measured, where something was."""
    found = verdict(study, claim)
    return f"**{found.word}**" + (f" ({text.literal(found.measured)})" if found.measured != text.ABSENT else "")


def tally(study: Kaplan, word: str) -> str:
    """How many claims have that verdict, as a word."""
    return none_or(sum(found.word == word for found in verdicts(study)))


def waiting(study: Kaplan) -> str:
    """How many wait for runs, where any do."""
    return "" if tally(study, "not run yet") == "none" else f"; {tally(study, 'not run yet')} wait for runs that are not recorded"


def total() -> str:
    """How many claims the article answers, as a word or a number."""
    return number_word(len(claims_of("kaplan")))
