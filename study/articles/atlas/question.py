"""The question, its answer in one figure, and how far a new study may lie from it."""

from matplotlib.figure import Figure

from study.articles.atlas import shown
from study.articles.shared import style, text
from study.atlas.read import Atlas
from study.atlas.verdicts import FACTOR, universal
from study.laws.published import RULE


def rule() -> str:
    """Tokens a parameter of the rule of thumb."""
    return f"{RULE:g}"


def tables(atlas: Atlas) -> str:
    """Tables in the population."""
    return str(len(atlas.pooled))


def laboratories(atlas: Atlas) -> str:
    """Laboratories in the population, this study among them."""
    return str(len(atlas.laboratories))


def runs(atlas: Atlas) -> str:
    """Rows of all pooled tables."""
    return f"{sum(row['rows'] for row in atlas.pooled.values()):,}"


def ratio(atlas: Atlas) -> str:
    """Tokens a parameter of a new study at 1e21 FLOP."""
    return shown.point(atlas.new_study("R at 1e+21"), text.two)


def ratio_95(atlas: Atlas) -> str:
    """Its 95 % interval."""
    return shown.ends(atlas.new_study("R at 1e+21"))


def total(atlas: Atlas) -> str:
    """The same for a study that counts total parameters."""
    return shown.both(atlas.new_study("R at 1e+21", "total parameters"))


def verdict(atlas: Atlas) -> str:
    """The word on the claim."""
    return universal(atlas).word


def factor() -> str:
    """Within which the claim must hold."""
    return f"{FACTOR:g}"


def least(atlas: Atlas) -> str:
    """The smallest ratio of any pooled table at its own largest budget."""
    return text.two(min(row["ratio_own"]["point"] for row in atlas.pooled.values()))


def most(atlas: Atlas) -> str:
    """The largest."""
    return text.two(max(row["ratio_own"]["point"] for row in atlas.pooled.values()))


@style.drawn
def forest(atlas: Atlas) -> Figure:
    """Tokens a parameter of every pooled table at its own largest budget, and of a new study at 1e21 FLOP."""
    rows = atlas.pooled
    figure, ax = style.canvas(7.0, 0.24 * (len(rows) + 2) + 0.9)
    colours = shown.laboratory_colours(atlas.laboratories)
    names = []
    for y, (name, row) in enumerate(rows.items()):
        shown.bar(ax, y, row["ratio_own"], colours[row["laboratory"]])
        names.append(f"{name}, {style.power(row['C'][1], 2)}")
    top = len(rows) + 0.5
    shown.bar(ax, top, atlas.new_study("R at 1e+21"), style.PREDICTIVE)
    ax.set_yticks([*range(len(rows)), top], [*names, "a new study, " + style.power(1e21)])
    ax.set_xlim(0.5, 400)
    ax.set_ylim(-0.7, top + 0.8)
    style.log_axis(ax, "x", lambda x: f"{x:g}")
    ax.axvline(RULE, color=style.MUTED, lw=0.8, ls="--")
    ax.grid(visible=False, axis="y")
    style.panel(ax, "", "tokens a parameter at the table's largest budget (FLOP)")
    return figure
