"""The trend inside the runs: tokens a parameter at the optimum, budget by budget, without the law and by it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis import profiles
from study.analysis.profiles import Vertex, known
from study.analysis.study import SEED, Study
from study.articles.shared import style, text, words
from study.inference.parameters import Array

WAYS = {1: "rise", -1: "fall", 0: "stay as they are"}
PAIRS = 4000  # of a draw of the law and one of the noise


def _ends(study: Study) -> tuple[Vertex, Vertex] | None:
    found = profiles.compared(study)
    return (found[0], found[-1]) if len(found) > 1 else None


def first_budget(study: Study) -> str:
    """The smallest budget whose optimum lies inside."""
    found = _ends(study)
    return text.ABSENT if found is None else text.power(found[0].budget)


def last_budget(study: Study) -> str:
    """The largest, and whether it was held out."""
    found = _ends(study)
    return text.ABSENT if found is None else f"{text.power(found[1].budget)} FLOP{' (held out)' if found[1].held_out else ''}"


def measured(study: Study) -> str:
    """From and to how many tokens a parameter the measured optima go."""
    found = _ends(study)
    return text.ABSENT if found is None else f"{text.two(found[0].measured)} to {text.two(found[1].measured)}"


def by_law(study: Study) -> str:
    """The same by the law, at the same cells."""
    found = _ends(study)
    return text.ABSENT if found is None else " to ".join(text.median(known(one.law), text.two) for one in found)


def ways(study: Study) -> str:
    """Which way the runs and the law go with compute."""
    found = profiles.compared(study)
    if len(found) < 2:
        return "no trend shows"
    measured = profiles.direction([one.measured for one in found])
    law = profiles.direction([float(np.median(known(one.law))) for one in found])
    if measured == law:
        return f"both {WAYS[law]}"
    said = f"the measured ones {WAYS[measured]} and the law's {WAYS[law]}"
    return f"**{said}**" if {measured, law} == {1, -1} else said


def held(study: Study) -> str:
    """How many of the measured optima the law's 95 % interval holds."""
    found = profiles.compared(study)
    return words.none_or(sum(words.lies(one.measured, known(one.law)) == "inside" for one in found))


def above(study: Study) -> str:
    """How many of them lie above the law's median."""
    return words.none_or(sum(one.measured > float(np.median(known(one.law))) for one in profiles.compared(study)))


def apart(study: Study) -> str:
    """At how many budgets the two differ by more than the law's uncertainty and the noise between seeds allow."""
    found = profiles.compared(study)
    rng, count = np.random.default_rng(SEED), 0
    for one in found:
        if not known(one.by_noise).size:
            return text.ABSENT
        law, noise = (np.log(rng.choice(known(draws), PAIRS)) for draws in (one.law, one.by_noise))
        count += words.lies(0.0, law - noise) != "inside"
    return words.none_or(count)


def budgets(study: Study) -> str:
    """Of how many."""
    return words.number_word(len(profiles.compared(study)))


def elsewhere(study: Study) -> str:
    """The same by the loss on the other corpus, where it is known."""
    found = [one for one in profiles.vertices(study) if np.isfinite(one.elsewhere)]
    if len(found) < 2:
        return ""
    corpus = next(cell.config.ood_corpus for cell in study.grid.cells if cell.config.ood_corpus)
    ends = " to ".join(text.two(one.elsewhere) for one in (found[0], found[-1]))
    return f"By the loss on `{corpus}`, English text, they go from {ends}."


def dots(ax: Axes, study: Study) -> None:
    """The measured optima on a figure of D/N against C = 6 N D, with the 95 % interval of the noise between seeds."""
    found = profiles.compared(study)
    for one in found:
        _mark(ax, one, one.C, style.INK, size=4)
    if found:
        ax.annotate("measured", (found[-1].C, found[-1].measured), xytext=(6, 9), textcoords="offset points", color=style.INK)


def _mark(ax: Axes, one: Vertex, x: float, colour: str, size: float) -> None:
    """A measured optimum, a square where it was held out, with the 95 % interval of the noise between seeds."""
    if known(one.by_noise).size:
        ax.plot([x] * 2, text.central(known(one.by_noise)), color=colour, lw=1.2, zorder=5)
    ax.plot([x], [one.measured], "s" if one.held_out else "o", color=colour, ms=size, mec="white", zorder=6)


@style.drawn
def ratios(study: Study) -> Figure:
    """D/N at the optimum against compute: the runs' own vertices, by both corpora, and the law's at the same cells."""
    found = profiles.vertices(study)
    if not found:
        return style.note("No budget has three sizes yet.")
    figure, ax = style.canvas(7.0, 3.1)
    C, palette = np.array([one.budget for one in found]), style.colours(study)
    if inside := [one for one in found if known(one.law).size]:
        style.fan(ax, np.array([one.budget for one in inside]), np.stack([_filled(one.law) for one in inside]), style.POSTERIOR,
                  levels=(0.95, 0.5))
    for one in found:
        _mark(ax, one, one.budget, palette[one.budget], size=6.5)
        ax.plot([one.budget * 1.08], [one.elsewhere], "D", color="white", mec=style.MUTED, ms=4, zorder=4)
    ax.set_xlim(C[0] / 1.6, C[-1] * 1.6)
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", style.plain)
    ax.set_ylim(top=ax.get_ylim()[1] * 1.4)  # room for the names
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    for y, (name, colour) in zip((0.97, 0.9, 0.83), (("● measured", style.INK), ("◇ on the other corpus", style.MUTED),
                                                     ("the law, at the same cells", style.POSTERIOR)), strict=True):
        ax.text(0.02, y, name, transform=ax.transAxes, va="top", color=colour, fontsize=7.5, bbox=box, zorder=7)
    style.panel(ax, "", "budget (exact FLOP)", "tokens a parameter at the vertex")
    return figure


def _filled(draws: Array) -> Array:
    """The same number of draws, those without a vertex as the median of the rest: a fan has no gaps."""
    return np.where(np.isfinite(draws), draws, np.median(known(draws)))
