"""What is asked, in whose words: the published laws side by side, and where the sources' own arithmetic fails."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import CHINCHILLA_C, TARGET_N
from study.laws.errata import errata
from study.laws.published import LAWS, published_law

if TYPE_CHECKING:
    from IPython.display import Markdown

DRAWN = (
    ("kaplan", "Kaplan 2020", style.KAPLAN, "-"),
    ("kaplan-surface", "Kaplan 2020, its L(N, D)", style.KAPLAN, "--"),
    ("hoffmann-1", "Hoffmann 2022, approach 1", style.HOFFMANN, ":"),
    ("hoffmann", "Hoffmann 2022, approach 3", style.HOFFMANN, "-"),
    ("hoffmann-rounded", "Hoffmann 2022, as printed", style.HOFFMANN, "--"),
    ("besiroglu", "Besiroglu 2024", style.REFIT, "-"),
    ("porian-1", "Porian 2024, Kaplan's protocol", style.OTHER, "--"),
    ("porian-5", "Porian 2024, tuned", style.OTHER, "-"),
    ("deepseek", "DeepSeek 2024", style.INK, "-"),
)  # keys of study.laws.published


@style.drawn
def laws() -> Figure:
    """Tokens a parameter at the optimum against C, one line a published law."""
    figure, ax = style.canvas(7.4, 4.2)
    C = np.geomspace(1e17, 1e25, 50)
    ax.set_xlim(C[0], C[-1])
    ax.set_ylim(5e-3, 1e3)
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", lambda y: f"{y:g}")
    labels = []
    for key, name, colour, dashes in DRAWN:
        ratio = published_law(key).tokens_per_parameter(C)
        ax.plot(C, ratio, color=colour, lw=1.4, ls=dashes)
        labels.append((max(float(ratio[-1]), 5e-3), name, colour))
    style.line_labels(ax, C[-1], labels, gap=0.05, size=7.5)
    ax.axvline(CHINCHILLA_C, color=style.FAINT, lw=0.8)
    ax.text(
        CHINCHILLA_C,
        0.98,
        "Chinchilla's budget ",
        transform=ax.get_xaxis_transform(),
        color=style.MUTED,
        fontsize=7.5,
        va="top",
        ha="right",
    )
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
                f"D/N at {text.power(CHINCHILLA_C, 3)} FLOP": text.significant(
                    float(law.tokens_per_parameter(CHINCHILLA_C))
                ),
            }
            for law in LAWS
        ],
        left=("N counts",),
    )


def mistakes() -> "Markdown":
    """Every erratum: claimed, computed here from the source's own premises, and why they differ."""

    def form(value: float | str, unit: str) -> str:
        if isinstance(value, str):
            return value
        number = text.power(value, 3) if abs(value) >= 1e6 else text.significant(value, 4 if unit == "nats/token" else 3)
        return f"{number} {unit}" if unit in ("FLOP", "nats/token") else number

    return text.table(
        [
            {
                "statement": f"**{item.source.split(' (')[0]}**: {text.literal(item.what)}",
                "claimed": form(item.claimed, item.unit),
                "computed": form(item.computed, item.unit),
                "why": text.literal(item.why),
            }
            for item in errata()
        ],
        left=("claimed", "computed", "why"),
    )
