"""What is asked, in whose words: the published laws side by side."""

from typing import TYPE_CHECKING

from study.analysis.study import CHINCHILLA_C
from study.articles.shared import text
from study.laws.errata import TARGET_N
from study.laws.published import LAWS, RULE, published_law

if TYPE_CHECKING:
    from IPython.display import Markdown


def _tokens() -> list[float]:
    return [float(law.law.D_opt_at(TARGET_N)) for law in LAWS]


def lowest() -> str:
    """The fewest tokens at the target that a published law asks for."""
    return text.count(min(_tokens()))


def highest() -> str:
    """The most."""
    return text.count(max(_tokens()))


def lowest_a() -> str:
    """The smallest published exponent of N_opt."""
    return f"{min(law.a for law in LAWS):.2f}"


def highest_a() -> str:
    """The largest."""
    return f"{max(law.a for law in LAWS):.2f}"


def rule() -> str:
    """Tokens a parameter by the rule of thumb."""
    return f"{RULE:g}"


def as_printed() -> str:
    """D_opt at the target by Hoffmann et al.'s constants as printed."""
    return text.count(float(published_law("hoffmann-rounded").law.D_opt_at(TARGET_N)))


def as_in_the_source() -> str:
    """The same by the constants of the paper's TeX source."""
    return text.count(float(published_law("hoffmann").law.D_opt_at(TARGET_N)))


def claims() -> "Markdown":
    """What each published law says of the same two questions."""
    return text.table(
        [
            {
                "law": law.label.replace(" et al.", ""),
                "N counts": law.counts,
                "a": f"{law.a:.3f}",
                f"D_opt at N = {text.count(TARGET_N)} (tokens)": text.count(float(law.law.D_opt_at(TARGET_N))),
                f"D/N at {text.power(CHINCHILLA_C, 3)} FLOP": text.significant(float(law.tokens_per_parameter(CHINCHILLA_C))),
            }
            for law in LAWS
        ],
        left=("N counts",),
    )
