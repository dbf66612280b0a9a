"""The claims that the atlas answers, with what was claimed, what was measured, and the verdict."""

import math
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from study.articles.atlas import question, shown
from study.articles.claims import claims_of
from study.articles.shared import style, text
from study.articles.verdict import Verdict, Word
from study.atlas import verdicts as judged
from study.atlas.read import Atlas

if TYPE_CHECKING:
    from IPython.display import Markdown


def verdicts(atlas: Atlas) -> tuple[Verdict, ...]:
    """One row a claim, in the sources' order."""
    return (twenty(atlas), cleaner(atlas), methods(atlas))


def twenty(atlas: Atlas) -> Verdict:
    """20 tokens a parameter as a structural property: D/N of a new study."""
    found = judged.universal(atlas)
    return Verdict("lab-twenty", question.rule(), _measured(found), found.word, found.point, _tables(atlas))


def cleaner(atlas: Atlas) -> Verdict:
    """Cleaner text and E: the pair of corpora whose difference is least sure."""
    found = judged.cleaner(atlas)
    words = {each.word for each in found.values()}
    low, high = judged.CLAIMED
    shown_as = "; ".join(f"{_measured(each)} ({name})" for name, each in found.items())
    least = min(found.values(), key=lambda each: each.point)
    word = words.pop() if len(words) == 1 else "undecided"
    return Verdict("lab-cleaner", f"{low:g} to {high:g} nats", shown_as, word, least.point, "Marin's tables")


def methods(atlas: Atlas) -> Verdict:
    """IsoFLOP parabolas beside the law of all points, table by table."""
    held, of = judged.methods(atlas)
    word: Word = "reproduced" if held >= 0.9 * of else "contradicted"
    return Verdict("three-methods", "they agree", f"{held} of {of} tables", word, held / of if of else math.nan, f"{of} tables")


def table(atlas: Atlas) -> "Markdown":
    """Every claim and its verdict."""
    says = {claim.key: claim.says for claim in claims_of("atlas")}
    return text.table([{"claim": says[row.claim], "claimed": row.claimed, "measured": row.measured, "verdict": row.word}
                       for row in verdicts(atlas)], left=("claimed", "measured", "verdict"))


def methods_agree(atlas: Atlas) -> str:
    """Tables whose parabolas lie in the law's interval."""
    held, of = judged.methods(atlas)
    return f"{held} of {of}"


def _measured(found: judged.Verdict) -> str:
    return f"{text.two(found.point)} {text.interval(found.low, found.high, text.two)}"


def _tables(atlas: Atlas) -> str:
    return f"{question.tables(atlas)} tables"


@style.drawn
def entropy(atlas: Atlas) -> Figure:
    """E in nats a byte of every pooled table whose loss has a unit."""
    rows = {name: row for name, row in atlas.pooled.items() if row["E_per_byte"]}
    ordered = sorted(rows.items(), key=lambda item: item[1]["E_per_byte"]["point"])
    figure, ax = style.canvas(7.0, 0.24 * len(rows) + 0.8)
    colours = shown.laboratory_colours(atlas.laboratories)
    for y, (_, row) in enumerate(ordered):
        shown.bar(ax, y, row["E_per_byte"], colours[row["laboratory"]])
    ax.set_yticks(range(len(ordered)), [f"{name}: {row['corpus']}" for name, row in ordered])
    ax.grid(visible=False, axis="y")
    style.panel(ax, "", "$E$ (nats a byte)")
    return figure
