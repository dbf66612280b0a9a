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
from study.articles.verdict import SURE, Verdict

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
SHARED = MappingProxyType({"figure-2": "kaplan-efficiency", "figure-9": "kaplan-overfitting"})  # one measurement, two sources
FOLLOWING = ("blog-doubling",)  # from the exponent of figure 1
_SURE = text.percent(SURE, 1)
_COLLAPSED = f"r above {overfitting.COLLAPSED:g}"
_FEWER = "slope negative at every loss, and the largest size needs fewest"
RULES: Mapping[str, str] = MappingProxyType({  # where a threshold decides: what a claim must meet to be reproduced
    "amari": f"each in its interval or within {amari.TOLERANCE:g}",
    "hestness-regions": f"both ends below {text.percent(overfitting.FLATTER)} of the steepest",
    "hestness-exponent": "exponent within half of itself and loss not",
    "hestness-size": "rising, the best size inside the range three times",
    "rosenfeld": f"above {text.percent(thresholds.HOLD)}, contradicted below {text.percent(thresholds.FAIL)}",
    "kaplan-powers": "a floor in C predicts no better by two standard errors",
    "kaplan-overfitting": _COLLAPSED, "figure-9": _COLLAPSED,
    "kaplan-curves": f"largest over smallest below {steps.ALIKE:g}, contradicted above {steps.UNLIKE:g}",
    "kaplan-efficiency": _FEWER, "figure-2": _FEWER,
    "kaplan-train-test": f"r above {transfer.TOGETHER:g}",
    "pearce-song": f"raised, and to {allocation.KAPLAN_N:g} within two standard errors",
    "toy": f"its excess over 1 grows {toy.GROWS:g} times",
    "figure-3": f"size above {allocation.MOSTLY:g}, contradicted below {allocation.HALF:g}",
    "figure-4": f"below {text.percent(overfitting.FITS)}",
    "figure-5": f"{shape.SPAN:.0f} times in {_SURE} of the draws; undecided where wider shapes might hold",
    "figure-6": "better in all, contradicted if in none",
    "figure-8": f"its range moves less than {text.percent(transfer.SMALL)} of the spread",
    "figure-11": f"r.m.s. below {text.percent(steps.FOLLOWS)}",
    "figure-12": f"fewer steps at {text.percent(efficiency.MOST)} of these sizes, contradicted at {text.percent(efficiency.FEW)}",
    "figure-14": f"N above {allocation.RAPID:g} and S below {allocation.HARDLY:g}",
    "blog-size": f"flatter on the small text in {_SURE} of the draws",
    "blog-data": f"below {text.percent(blog.LEFT)} at every size",
    "blog-compute": f"P above {_SURE} at every size",
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


def claimed(study: Kaplan, claim: str) -> str:
    """What was claimed, for the prose."""
    return text.literal(verdict(study, claim).claimed)


def rules() -> object:
    """Where a threshold decides: what a claim must meet to be reproduced, claims of one measurement in one row."""
    says = {claim.key: claim for claim in CLAIMS}
    return text.table([{"claim": says[key].says, "reproduced if": text.literal(rule)} for key, rule in RULES.items()
                       if key not in SHARED], left=("reproduced if",))


def clause(study: Kaplan, claim: str) -> str:
    """The word, and in brackets what was measured, where something was."""
    found = verdict(study, claim)
    return f"**{found.word}**" + (f" ({text.literal(found.measured)})" if found.measured != text.ABSENT else "")


def tally(study: Kaplan, word: str) -> str:
    """How many claims have that verdict, as a word."""
    return none_or(sum(found.word == word for found in verdicts(study)))


def waiting(study: Kaplan) -> str:
    """How many wait for runs, where any do."""
    count = tally(study, "not tested yet")
    return "" if count == "none" else f"; {count} wait for runs that are not recorded"


def measurements() -> str:
    """How many measurements the verdicts rest on: two sources may make one claim, and a claim may follow from another."""
    return number_word(len(VERDICTS) - len(SHARED) - len(FOLLOWING))


def total() -> str:
    """How many claims the article answers, as a word or a number."""
    return number_word(len(claims_of("kaplan")))
