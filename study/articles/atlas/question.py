"""The question, its answer in one figure, and how far a new study may lie from it."""

from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

from study.articles.atlas import shown
from study.articles.shared import style, text, words
from study.atlas.read import Atlas
from study.atlas.verdicts import AT, COUNTED, FACTOR, forecast_holds, universal
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


def multiplying(atlas: Atlas) -> str:
    """Tokens a parameter of a new study at 1e21 FLOP, with its 95 % interval, where the parameters that multiply are counted."""
    return shown.both(atlas.new_study(f"R at {AT}"))


def ratio(atlas: Atlas) -> str:
    """The same where all parameters are counted, as the rule counts them."""
    return text.two(universal(atlas).point)


def ratio_95(atlas: Atlas) -> str:
    """Its 95 % interval."""
    found = universal(atlas)
    return text.interval(found.low, found.high, text.two)


def holds_rule(atlas: Atlas) -> Literal["holds", "does not hold"]:
    """Whether that interval holds the rule."""
    found = universal(atlas)
    return "holds" if found.low <= RULE <= found.high else "does not hold"


def decades(atlas: Atlas) -> str:
    """The powers of ten between its ends."""
    found = universal(atlas)
    return text.two(float(np.log10(found.high / found.low)))


def _excluding(atlas: Atlas) -> list[dict[str, Any]]:
    rows = ((row, row["ratio_own"]["ci95"]) for row in atlas.pooled.values())
    return [row for row, (low, high) in rows if not low <= RULE <= high]


def excluding(atlas: Atlas) -> str:
    """Pooled tables whose own 95 % interval, at their largest compute, does not hold the rule."""
    return words.none_or(len(_excluding(atlas)))


def excluding_by_total(atlas: Atlas) -> str:
    """Those of them that count all parameters, as the rule does."""
    return words.none_or(sum(row["source"]["N_convention"] == "total" for row in _excluding(atlas)))


def excluding_failing(atlas: Atlas) -> str:
    """Those of them whose forecast of their own top budget fails."""
    return words.none_or(sum(bool(row["forecast"]) and not forecast_holds(row) for row in _excluding(atlas)))


def below(atlas: Atlas) -> str:
    """Pooled tables whose median lies below it."""
    return words.none_or(sum(row["ratio_own"]["point"] < RULE for row in atlas.pooled.values()))


def support(atlas: Atlas) -> str:
    """What the tables do to the claim, by its verdict."""
    return {"reproduced": "support", "contradicted": "exclude"}.get(universal(atlas).word, "neither support nor exclude")


def low() -> str:
    """The low end of the range within which the claim must hold."""
    return text.two(RULE / FACTOR)


def high() -> str:
    """Its high end."""
    return text.two(RULE * FACTOR)


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
    """Tokens a parameter of every pooled table at its own largest budget, and of a new study, for two counts of N."""
    rows = atlas.pooled
    figure, ax = style.canvas(7.0, 0.24 * (len(rows) + 3) + 0.9)
    names = []
    for y, (name, row) in enumerate(rows.items()):
        shown.bar(ax, y, row["ratio_own"], style.POSTERIOR)
        names.append(f"{name}, {style.power(row['C'][1], 2)}")
    ends = [end for row in rows.values() for end in row["ratio_own"]["ci95"]]
    tops = [len(rows) + 0.5, len(rows) + 1.5]
    for top, kind, counted in zip(tops, ("base", COUNTED), ("multiplying", "total"), strict=True):
        found = atlas.new_study(f"R at {AT}", kind)
        shown.bar(ax, top, found, style.PREDICTIVE)
        ends += found["ci95"]
        names.append(f"a new study, {counted} N, {style.power(float(AT))}")
    ax.set_yticks([*range(len(rows)), *tops], names)
    ax.set_xlim(0.8 * min(ends), 1.25 * max(ends))
    ax.set_ylim(-0.7, tops[-1] + 0.8)
    style.log_axis(ax, "x", lambda x: f"{x:g}")
    ax.axvline(RULE, color=style.MUTED, lw=0.8, ls="--")
    ax.grid(visible=False, axis="y")
    style.panel(ax, "", "tokens a parameter")
    return figure
