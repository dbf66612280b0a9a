"""What is asked, in whose words: the published laws side by side, and where the sources' own arithmetic fails."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import CHINCHILLA_C, TARGET_N
from study.laws.errata import errata
from study.laws.published import LAWS

if TYPE_CHECKING:
    from IPython.display import Markdown

COLOURS = {
    "kaplan": style.KAPLAN,
    "kaplan-surface": style.KAPLAN,
    "hoffmann-1": style.HOFFMANN,
    "hoffmann": style.HOFFMANN,
    "hoffmann-rounded": style.HOFFMANN,
    "besiroglu": style.REFIT,
}


def laws() -> Figure:
    """Tokens a parameter at the optimum against C, one line a published law."""
    figure, ax = style.canvas(7.2, 4.4)
    C = np.geomspace(1e17, 1e25, 50)
    ax.set_xlim(C[0], C[-1])
    ax.set_ylim(1e-2, 1e3)
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", lambda y: f"{y:g}")
    labels = []
    for law in LAWS:
        colour = COLOURS.get(law.key, style.OTHER)
        ratio = law.tokens_per_parameter(C)
        ax.plot(
            C,
            ratio,
            color=colour,
            lw=1.3,
            ls="--" if law.key in ("kaplan-surface", "hoffmann-rounded", "hoffmann-1") else "-",
        )
        if 1e-2 < ratio[-1] < 1e3:
            labels.append((float(ratio[-1]), law.label.replace(" et al.", ""), colour))
    style.line_labels(ax, C[-1], labels, gap=0.045, size=7)
    ax.axvline(CHINCHILLA_C, color=style.FAINT, lw=0.8, ls=":")
    ax.text(
        CHINCHILLA_C,
        0.02,
        " Chinchilla's budget",
        transform=ax.get_xaxis_transform(),
        color=style.MUTED,
        fontsize=7.5,
        rotation=90,
        va="bottom",
        ha="right",
    )
    style.panel(ax, "", "training compute $C$ (FLOP)", "tokens a parameter $D_{opt}/N_{opt}$")
    return figure


def claims() -> "Markdown":
    """What each published law says of the same two questions."""
    return text.table(
        [
            {
                "law": law.label,
                "N counts": law.counts,
                "exponent a": text.significant(law.a, 3),
                f"D at {text.count(TARGET_N)} parameters (tokens)": text.count(float(law.law.D_opt_at(TARGET_N))),
                f"tokens a parameter at {text.power(CHINCHILLA_C, 3)} FLOP": text.significant(
                    float(law.tokens_per_parameter(CHINCHILLA_C)), 3
                ),
            }
            for law in LAWS
        ],
        left=("N counts",),
    )


def mistakes() -> "Markdown":
    """Every erratum: claimed, computed here from the source's own premises, and why they differ."""

    def form(value: float | str) -> str:
        if isinstance(value, str):
            return value
        return text.power(value, 3) if abs(value) >= 1e6 else text.significant(value, 4)

    return text.table(
        [
            {
                "source": item.source,
                "statement": item.what,
                "claimed": form(item.claimed),
                "computed": form(item.computed),
                "unit": item.unit,
                "why": item.why,
            }
            for item in errata()
        ],
        left=("statement", "unit", "why"),
    )
