"""The claims that the atlas answers, with what was claimed, what was measured, and the verdict."""

import math
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from study.articles.atlas import question, shown
from study.articles.claims import claims_of
from study.articles.shared import style, text, words
from study.articles.verdict import Verdict
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
    shown_as = f"{_measured(found)}, {judged.COUNTED}"
    return Verdict("lab-twenty", question.rule(), shown_as, found.word, found.point, _tables(atlas))


def cleaner(atlas: Atlas) -> Verdict:
    """Cleaner text and E: the pair of corpora whose difference is least sure."""
    found = judged.cleaner(atlas)
    picked = {each.word for each in found.values()}
    low, high = judged.CLAIMED
    shown_as = "; ".join(f"{_measured(each)} ({name})" for name, each in found.items())
    least = min(found.values(), key=lambda each: each.point)
    word = picked.pop() if len(picked) == 1 else "undecided"
    return Verdict("lab-cleaner", f"{low:g} to {high:g} nats a token", shown_as, word, least.point, "Marin's tables")


def methods(atlas: Atlas) -> Verdict:
    """IsoFLOP parabolas beside the law of all points, table by table."""
    found = judged.with_parabolas(atlas)
    held, of = sum(map(judged.agrees, found.values())), len(found)
    return Verdict("three-methods", "they agree", f"two of them do on {held} of {of} tables", judged.methods(atlas),
                   held / of if of else math.nan, f"{of} tables")


def table(atlas: Atlas) -> "Markdown":
    """Every claim and its verdict."""
    says = {claim.key: claim.says for claim in claims_of("atlas")}
    return text.table([{"claim": says[row.claim], "claimed": row.claimed, "measured": row.measured, "verdict": row.word}
                       for row in verdicts(atlas)], left=("claimed", "measured", "verdict"))


def methods_agree(atlas: Atlas) -> str:
    """Tables whose parabolas lie in the law's interval, of those that have budgets."""
    found = judged.with_parabolas(atlas)
    return f"{sum(map(judged.agrees, found.values()))} of {len(found)}"


def methods_porian(atlas: Atlas) -> str:
    """How many of the tables that have budgets are steps of Porian et al."""
    return words.none_or(sum(name.startswith("porian-") for name in judged.with_parabolas(atlas)))


def methods_share() -> str:
    """The share of the tables on which the two methods should agree."""
    return text.percent(judged.METHODS_AGREE)


def methods_chinchilla(atlas: Atlas) -> str:
    """The exponent of Chinchilla's points by parabolas, and by the law."""
    row = atlas.alone[judged.CHINCHILLA]
    return f"{text.two(row['parabolas'])} by parabolas and {shown.both(row['a'])} by the law"


def forecast_failed(atlas: Atlas) -> str:
    """Those of Marin's compared tables that fail their forecast."""
    return words.enumeration([name for name in (judged.COARSE, *judged.CLEAN) if not judged.forecast_holds(atlas.alone[name])])


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
    for y, (_, row) in enumerate(ordered):
        shown.bar(ax, y, row["E_per_byte"], style.POSTERIOR)
    ax.set_yticks(range(len(ordered)), [f"{name}: {row['corpus']}" for name, row in ordered])
    ax.grid(visible=False, axis="y")
    style.panel(ax, "", "$E$ (nats a byte)")
    return figure
