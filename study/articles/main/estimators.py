"""The same runs by other estimators of the law, and by other counts of N."""

import re
from typing import TYPE_CHECKING

import numpy as np

from study.analysis import answers, approaches
from study.analysis.exponents import by_count
from study.analysis.study import Study
from study.analysis.variants import NON_EMBEDDING, TOTAL, variant
from study.articles.shared import text, words
from study.articles.verdict import with_interval
from study.grids.design import language_config
from study.inference.parameters import Array
from study.laws.errata import TARGET_N
from study.laws.published import published_law

if TYPE_CHECKING:
    from IPython.display import Markdown

ASPECT = 64  # width over layers of a usual model of the target's size


def _estimates(study: Study) -> list[float]:
    return [one.tokens for one in approaches.others(study)] or [float("nan")]


def lowest_estimate(study: Study) -> str:
    """The least answer of another estimator of the law."""
    return text.short(min(_estimates(study)))


def highest_estimate(study: Study) -> str:
    """The largest."""
    return text.short(max(_estimates(study)))


def estimates_lie(study: Study) -> str:
    """On which side of the headline's median they all lie, if they do."""
    low, high, ours = min(_estimates(study)), max(_estimates(study)), answers.middle_tokens(study)
    return ", all above its median" if low > ours else ", all below its median" if high < ours else ""


def outside(study: Study) -> str:
    """The approaches whose answer falls outside the posterior's interval."""
    found = [one.name for one in approaches.others(study) if words.lies(one.tokens, answers.tokens(study)) != "inside"]
    return words.enumeration(list(dict.fromkeys(re.sub(r"^\d: |,.*", "", name) for name in found)))


def bootstraps(study: Study) -> str:
    """The least and the largest end of the bootstraps' 95 % intervals."""
    found = [one.interval for one in approaches.others(study) if "bootstrap" in one.name and one.interval]
    return text.interval(min(low for low, _ in found), max(high for _, high in found), text.short) if found else text.ABSENT


def approach_table(study: Study) -> "Markdown":
    """The exponent and the answer by every approach."""

    def number(x: float, digits: int = 3) -> str:
        return text.significant(x, digits) if np.isfinite(x) else text.ABSENT

    def answer(found: approaches.Approach) -> tuple[str, str]:
        if found.name == approaches.POSTERIOR:  # the answer itself, from as many draws as its digits need
            return text.held(answers.asked(study)), text.held_ends(answers.asked(study))
        return text.count(found.tokens), text.ABSENT if found.interval is None else text.interval(*found.interval, text.count)

    tokens, interval = f"$D_{{opt}}$ at {text.count(TARGET_N)} (tokens)", "95 %"
    return text.table([{"approach": found.name, "a": number(found.a), "s.e.": number(found.se, 2),
                        **dict(zip((tokens, interval), answer(found), strict=True))} for found in approaches.approaches(study)])


def _exponent(study: Study, name: str) -> Array:
    found = variant(study, name)
    return np.asarray(study.posterior.draws.a) if found is None else found.a


def _holds(key: str, draws: Array) -> str:
    return "includes" if words.lies(published_law(key).a, draws) == "inside" else "excludes"


def a_without_embedding(study: Study) -> str:
    """The exponent with N counted as Kaplan et al. do."""
    return with_interval(_exponent(study, NON_EMBEDDING), text.two)


def a_by_parabolas(study: Study) -> str:
    """The same exponent through the minima of each budget's own parabola, without a law."""
    path = study.fit[study.fit["role"].isin(["isoflop", "seed"])]
    found = by_count(path).set_index("count")["exponent"]
    return text.two(float(found["non_embedding"])) if "non_embedding" in found else text.ABSENT


def kaplan_a() -> str:
    """Theirs."""
    return f"{published_law('kaplan').a:.2f}"


def holds_kaplan(study: Study) -> str:
    """Whether the interval includes it."""
    return _holds("kaplan", _exponent(study, NON_EMBEDDING))


def a_with_all(study: Study) -> str:
    """The exponent with all parameters counted, as Hoffmann et al. do."""
    return with_interval(_exponent(study, TOTAL), text.two)


def hoffmann_a() -> str:
    """Theirs, by approach 1."""
    return f"{published_law('hoffmann-1').a:.2f}"


def holds_hoffmann(study: Study) -> str:
    """Whether the interval includes it."""
    return _holds("hoffmann-1", _exponent(study, TOTAL))


def _by_count(study: Study) -> list[float]:
    found = [variant(study, name) for name in (NON_EMBEDDING, TOTAL)]
    return [answers.middle_tokens(study), *(float(np.median(one.tokens)) for one in found if one)]


def lowest_count(study: Study) -> str:
    """The least answer over three ways of counting N."""
    return text.short(min(_by_count(study)))


def highest_count(study: Study) -> str:
    """The largest."""
    return text.short(max(_by_count(study)))


def count_factor(study: Study) -> str:
    """The factor between them."""
    return text.two(max(_by_count(study)) / min(_by_count(study)))


def counts_differ(study: Study) -> str:
    """By how much the counts of one usual model of the target's size differ."""
    width = (TARGET_N * ASPECT / 12) ** (1 / 3)  # N = 12 L d^2 with d / L = ASPECT
    return f"{text.significant(200 * language_config(study.grid.cells[0].config).vocabulary * width / TARGET_N, 1)} %"
