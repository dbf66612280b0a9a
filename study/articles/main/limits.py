"""What the study cannot say: how far the question lies beyond the runs."""

from matplotlib.figure import Figure

from study.analysis.answers import middle_tokens
from study.analysis.study import CHINCHILLA_C, TARGET_N, Study
from study.articles.shared import style, text, words

WORD = 6  # bytes of a word and its space, about as many as in English


def recipe(study: Study) -> str:
    """Where the rule for learning rate and batch is from."""
    return "that was tuned at small budgets" if len(study.sweep) else "that was taken over from another grid"


def context(study: Study) -> str:
    """Tokens of a context."""
    return f"{study.grid.cells[0].config.context:,}"


def context_bytes(study: Study) -> str:
    """Bytes of it."""
    return text.count(study.grid.cells[0].config.context * study.bytes_per_token)


def _english(study: Study) -> tuple[float, str]:
    """Bits a byte of the best run on English, where another corpus was read, else on its own; and that corpus."""
    return min((record.losses["ood"].bits_per_byte, record.config.ood_corpus) if "ood" in record.losses
               else (record.losses["validation"].bits_per_byte, record.config.corpus)
               for record in study.records.values() if record.status == "complete")


def english(study: Study) -> str:
    """The corpus of English."""
    return f"`{_english(study)[1]}`"


def english_bits(study: Study) -> str:
    """What the best run needs on it, bits a byte."""
    return text.significant(_english(study)[0])


def word_bytes() -> str:
    """Bytes of a word, as a word."""
    return words.number_word(WORD)


def word_chance(study: Study) -> str:
    """The probability of a word of English by that run."""
    return f"{text.two(100 * 2.0 ** (-WORD * _english(study)[0]))} %"


@style.drawn
def extrapolation(study: Study) -> Figure:
    """How far each question lies beyond the runs: in N, D and C."""
    figure, ax = style.canvas(7.0, 2.6)
    tokens = middle_tokens(study)
    rows = [
        ("parameters $N$", study.fit["N"], TARGET_N),
        ("tokens $D$", study.fit["D"], tokens),
        ("compute $C$", study.fit["C"], 6 * TARGET_N * tokens),
    ]
    for y, (_, values, asked) in enumerate(rows[::-1]):
        low, high = float(values.min()), float(values.max())
        ax.plot([low, high], [y, y], color=style.POSTERIOR, lw=7, solid_capstyle="butt")
        ax.plot([high, asked], [y, y], color=style.FAINT, lw=1.2, ls=":")
        ax.plot([asked], [y], "o", color=style.INK, ms=6)
        ax.annotate(
            f"× {asked / high:,.0f}" if asked / high < 1e5 else f"× {style.power(asked / high)}",
            ((high * asked) ** 0.5, y),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    ax.set_yticks(range(3), [name for name, _, _ in rows[::-1]])
    ax.set_ylim(-0.6, 2.6)
    ax.set_xlim(float(study.fit["N"].min()) / 3, CHINCHILLA_C)
    style.log_axis(ax, "x", style.power)
    ax.text(float(study.fit["N"].max()), 2.35, " fitted", color=style.POSTERIOR, fontsize=8)
    ax.text(TARGET_N, 2.35, "asked", color=style.INK, fontsize=8, ha="center")
    style.panel(ax, "", "count (parameters, tokens, FLOP)")
    return figure
