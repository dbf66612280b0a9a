"""What is asked, in whose words: the published laws side by side."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis.study import CHINCHILLA_C, TARGET_N
from study.articles.shared import laws, style, text
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


@style.drawn
def ratios() -> Figure:
    """Tokens a parameter at the optimum against C, one line a published law."""
    figure, ax = style.canvas(7.4, 4.2)
    C = np.geomspace(1e17, 1e25, 50)
    ax.set_xlim(C[0], C[-1])
    ax.set_ylim(5e-3, 1e3)
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", style.plain)
    labels = []
    for one in laws.drawn(tuple(laws.LOOKS)):
        ratio = one.law.tokens_per_parameter(C)
        ax.plot(C, ratio, color=one.colour, lw=1.4, ls=one.dashes)
        labels.append((max(float(ratio[-1]), 5e-3), one.name, one.colour))
    style.line_labels(ax, C[-1], labels, gap=0.05, size=7.5)
    ax.axvline(CHINCHILLA_C, color=style.FAINT, lw=0.8)
    ax.text(CHINCHILLA_C, 0.98, "Chinchilla's budget ", transform=ax.get_xaxis_transform(), color=style.MUTED, fontsize=7.5,
            va="top", ha="right")
    style.panel(ax, "", "training compute $C$ (FLOP)", "tokens a parameter, $D_{opt}/N_{opt}$")
    return figure


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
