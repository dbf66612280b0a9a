"""The verdicts of the main article: every claim that it answers, what was measured, and one word."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from study.analysis import allocations, answers, approaches, entropy, stages, training
from study.analysis.study import Study
from study.articles.claims import claims_of
from study.articles.main import allocations as one_budget
from study.articles.main import limits
from study.articles.shared import text, words
from study.articles.verdict import Verdict, Word, absent, with_interval
from study.counts import exact_flops, six_nd
from study.inference.answers import penalty
from study.laws.errata import LAB_RUNS

if TYPE_CHECKING:
    from IPython.display import Markdown

LAB_INTERVAL = (3e9, 1e11)  # tokens: what the lab expects three runs to leave
LAB_PENALTY, OFF = 0.1, 4.0  # nats a token, at four times off the optimum
ABOUT = (0.05, 0.15)  # nats a token that round to it
EQUAL = 1.1  # two costs within this factor are called equal
CLOSE, DECADE = 2.0, 10.0


def equal() -> str:
    """The factor within which two costs are called equal."""
    return f"{EQUAL:g}"


def close() -> str:
    """The factor within which methods agree."""
    return f"{CLOSE:g}"


def _word(condition: bool) -> Word:
    return "reproduced" if condition else "contradicted"


def three_runs(study: Study) -> Verdict:
    """Do three isoFLOP runs leave an interval as narrow as the lab's?"""
    tokens = stages.three(study).tokens
    low, high = text.central(tokens)
    return Verdict("lab-three-runs", f"20 B {text.interval(*LAB_INTERVAL, text.count)}", with_interval(tokens, text.count),
                   _word(LAB_INTERVAL[0] <= low and high <= LAB_INTERVAL[1]), text.decades(tokens), f"`{study.grid.name}`")


def isoflop() -> Verdict:
    """Do the lab's three runs cost the same?"""
    costs = [run.exact for run in LAB_RUNS]
    spread = max(costs) / min(costs)
    measured = f"exact costs of its runs differ by up to a factor of {text.two(spread)}"
    return Verdict("lab-isoflop", "one budget", measured, _word(spread < EQUAL), spread,
                   text.ABSENT)


def four_times(study: Study) -> Verdict:
    """Does a size four times off the optimum cost about a tenth of a nat at the largest fitted compute?"""
    lost = np.maximum(*(np.asarray(penalty(study.posterior.draws, study.largest_C, factor)) for factor in (OFF, 1 / OFF)))
    measured = f"{with_interval(lost, text.two)} nats at {text.power(study.largest_C)} FLOP"
    low, high = text.central(lost)
    word: Word = "reproduced" if ABOUT[0] <= low and high <= ABOUT[1] else \
        "contradicted" if high < ABOUT[0] or low > ABOUT[1] else "undecided"
    return Verdict("lab-penalty", f"about {LAB_PENALTY} nats", measured, word, float(np.median(lost)), f"`{study.grid.name}`")


def lab_entropy(study: Study) -> Verdict:
    """Does the interval of E hold the entropy of each text whose entropy is known?"""
    found = entropy.last(study)
    if not found:
        return absent("lab-entropy", "E is the entropy", entropy.SOURCES[0])
    held = [one.low <= source.entropy <= one.high for source, one in found]
    word: Word = "reproduced" if all(held) else "undecided" if any(held) else "contradicted"
    measured = "; ".join(f"{one.E:.2f} {text.interval(one.low, one.high, lambda x: f'{x:.2f}')} for {source.entropy:.2f}"
                         for source, one in found)
    return Verdict("lab-entropy", "E is the entropy", measured, word, max(abs(one.E / source.entropy - 1) for source, one in found),
                   words.enumeration([f"`{source.name}`" for source, _ in found]))


def throughput(study: Study) -> Verdict:
    """Are small models slower a FLOP, and does curve_fit answer by its start?"""
    rows = training.speeds(study)
    share = rows.groupby("width")["share"].median()
    small, large = float(share.iloc[0]), float(share.iloc[-1])
    ends = stages.exact_ends(study)
    by_start = len(ends) < 2 or float(ends.max() / ends.min()) > DECADE
    measured = f"{text.percent(small)} of the peak at the smallest width, {text.percent(large)} at the largest; "
    if len(ends) > 1:
        measured += f"answers of curve_fit by start differ {text.power(float(ends.max() / ends.min()))} times"
    else:
        measured += f"{words.none_or(len(ends))} of the starts of curve_fit ends on the runs"
    return Verdict("lab-throughput", "slower; by the start", measured, _word(small < large and by_start), small / large,
                   f"`{study.grid.name}`")


def six_n(study: Study) -> Verdict:
    """Is 6 N a token the exact cost, with the headline's N?"""
    shapes = {cell.config.width: cell.config for cell in study.grid.cells}
    shares = [six_nd(config, "multiplying") / exact_flops(config) for config in shapes.values()]
    low, high = min(shares), max(shares)
    return Verdict("six-n", "6 N", f"{low:.2f} to {high:.2f} of the exact cost", _word(max(high, 1 / low) < EQUAL), low,
                   f"`{study.grid.name}`")


def three_methods(study: Study) -> Verdict:
    """Do Chinchilla's approaches agree: within a factor of two of each other, or else inside the posterior's interval?"""
    found, ours = [one.tokens for one in approaches.others(study)], answers.tokens(study)
    if not found:
        return absent("three-methods", "they agree", study.grid.name)
    spread = max(*found, answers.middle_tokens(study)) / min(*found, answers.middle_tokens(study))
    outside = any(words.lies(one, ours) != "inside" for one in found)
    word: Word = "reproduced" if spread < CLOSE else "contradicted" if outside else "undecided"
    measured = f"{text.count(min(found))} to {text.count(max(found))}, posterior {text.held_ends(answers.asked(study))}"
    return Verdict("three-methods", "they agree", measured, word, spread, f"`{study.grid.name}`")


def gopher(study: Study) -> Verdict:
    """At the same compute, is a smaller model on more tokens better than the one by Kaplan's exponent?"""
    claimed, found = "smaller, more tokens, better", allocations.gain(study)
    if found is None:
        return absent("gopher", claimed, allocations.GRID)
    word: Word = "reproduced" if found.low > 0 else "contradicted" if found.high < 0 else "undecided"
    return Verdict("gopher", claimed, f"{one_budget.gain(study)} nats better", word, found.middle, f"`{allocations.GRID}`")


def downstream(study: Study) -> Verdict:
    """Downstream tasks: no model of this size leaves chance."""
    return Verdict("downstream", "tables of scores", f"a word of English has probability {limits.word_chance(study)}",
                   "not testable here", float("nan"), text.ABSENT)


VERDICTS: Mapping[str, Callable[[Study], Verdict]] = MappingProxyType({
    "lab-three-runs": three_runs,
    "lab-isoflop": lambda _: isoflop(),
    "lab-penalty": four_times,
    "lab-entropy": lab_entropy,
    "lab-throughput": throughput,
    "six-n": six_n,
    "three-methods": three_methods,
    "gopher": gopher,
    "downstream": downstream,
})


def verdicts(study: Study) -> tuple[Verdict, ...]:
    """One a claim of the article, in the sources' order."""
    return tuple(VERDICTS[claim.key](study) for claim in claims_of("main"))


def table(study: Study) -> "Markdown":
    """Claim, source, what was claimed, what was measured, the verdict."""
    rows = zip(claims_of("main"), verdicts(study), strict=True)
    return text.table([{"claim": claim.says, "source": claim.source, "claimed": found.claimed, "measured": found.measured,
                        "verdict": f"**{found.word}**"} for claim, found in rows],
                      left=("source", "claimed", "measured", "verdict"))


def total() -> str:
    """Claims that the article takes up, as a word."""
    return words.number_word(len(VERDICTS))


def reproduced(study: Study) -> str:
    """How many are reproduced."""
    return words.none_or(sum(one.word == "reproduced" for one in verdicts(study)))


def contradicted(study: Study) -> str:
    """How many are contradicted."""
    return words.none_or(sum(one.word == "contradicted" for one in verdicts(study)))
