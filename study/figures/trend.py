"""Tokens a parameter at the optimum, budget by budget: read off the runs, and off the law at the same cells."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.figures import noise, style, text
from study.figures.analysis import SEED, Analysis
from study.figures.design import colours
from study.figures.frames import complete, groups
from study.inference.parameters import Array

if TYPE_CHECKING:
    from IPython.display import Markdown

RESAMPLES = 2000
STEADY = 0.1  # a change of D/N too small to call a trend


@dataclass(frozen=True)
class Vertex:
    """D/N at the vertex of a parabola of loss in ln N through one budget's profile; nan where there is none inside."""

    budget: float  # exact FLOP
    held_out: bool
    measured: float
    by_noise: Array  # (S,) the same under the noise between seeds; empty where that is unknown
    elsewhere: float  # by the loss on the other corpus
    law: Array  # (S,) of the posterior's losses at the same cells


@lru_cache(maxsize=4)
def vertices(study: Analysis) -> tuple[Vertex, ...]:
    """One a budget of three sizes and more, ascending, the held-out ones among them."""
    rows = complete(study.frame)
    rows = rows[rows["role"].isin(["isoflop", "held-out"])]
    rng, out = np.random.default_rng(SEED), []
    for budget, group in groups(rows, "budget"):
        path = group.sort_values("N")
        N, D, loss = (path[name].to_numpy(dtype=float) for name in ("N", "D", "loss"))
        if len(N) < 3:
            continue
        sd, freedom = noise.seed_sd_at(study, budget)
        seeds = loss[:, None] * np.exp(sd * rng.standard_normal((len(N), RESAMPLES))) if freedom else np.empty((len(N), 0))
        law = study.posterior.draws.loss(N[:, None], D[:, None])
        other = path["ood_loss"].to_numpy(dtype=float)
        out.append(Vertex(float(budget), budget in study.held_out_budgets, float(ratio(N, D, loss[:, None])[0]),
                          ratio(N, D, seeds), float(ratio(N, D, other[:, None])[0]), ratio(N, D, law)))
    return tuple(out)


def ratio(N: Array, D: Array, loss: Array) -> Array:
    """D/N at the vertices of parabolas in ln N through losses (R, S), D read between the cells; nan where none is inside."""
    x = np.log(N)
    _, slope, curvature = np.linalg.pinv(np.vander(x - x.mean(), 3, increasing=True)) @ loss
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x.mean() - slope / (2 * curvature)
    inside = (curvature > 0) & (at >= x.min()) & (at <= x.max())
    return np.where(inside, np.exp(np.interp(np.where(inside, at, x.mean()), x, np.log(D)) - at), np.nan)


@style.drawn
def ratios(study: Analysis) -> Figure:
    """D/N at the optimum against compute: the runs' own vertices, by both corpora, and the law's at the same cells."""
    found = vertices(study)
    if not found:
        return style.note("No budget has three sizes yet.")
    figure, ax = style.canvas(7.0, 3.4)
    C, palette = np.array([one.budget for one in found]), colours(study)
    if inside := [one for one in found if _known(one.law).size]:
        style.fan(ax, np.array([one.budget for one in inside]), np.stack([_filled(one.law) for one in inside]), style.POSTERIOR,
                  levels=(0.95, 0.5))
    for one in found:
        if _known(one.by_noise).size:
            ax.plot([one.budget] * 2, text.central(_known(one.by_noise)), color=palette[one.budget], lw=1.4)
        ax.plot([one.budget], [one.measured], "s" if one.held_out else "o", color=palette[one.budget], ms=6.5, mec="white",
                zorder=5)
        ax.plot([one.budget * 1.08], [one.elsewhere], "D", color="white", mec=style.MUTED, ms=4, zorder=4)
    ax.set_xlim(C[0] / 1.6, C[-1] * 1.6)
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", lambda y: f"{y:g}")
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    for y, (name, colour) in zip((0.97, 0.9, 0.83), (("● measured", style.INK), ("◇ on the other corpus", style.MUTED),
                                                     ("the law, at the same cells", style.POSTERIOR)), strict=True):
        ax.text(0.02, y, name, transform=ax.transAxes, va="top", color=colour, fontsize=7.5, bbox=box, zorder=7)
    style.panel(ax, "", "budget (exact FLOP)", "tokens a parameter at the vertex")
    return figure


def _known(draws: Array) -> Array:
    """Those with a vertex."""
    return draws[np.isfinite(draws)]


def _filled(draws: Array) -> Array:
    """The same number of draws, those without a vertex as the median of the rest: a fan has no gaps."""
    return np.where(np.isfinite(draws), draws, np.median(_known(draws)))


def table(study: Analysis) -> "Markdown":
    """The same in numbers."""
    def shown(draws: Array) -> str:
        return text.interval(*text.central(_known(draws)), _two) if _known(draws).size else text.ABSENT

    return text.table([{
        "budget (FLOP)": text.power(one.budget) + (", held out" if one.held_out else ""),
        "D/N, measured": _two(one.measured),
        "by seed noise, 95 %": shown(one.by_noise),
        "on the other corpus": _two(one.elsewhere),
        "D/N, the law": _two(float(np.median(_known(one.law)))) if _known(one.law).size else text.ABSENT,
        "95 %": shown(one.law),
    } for one in vertices(study)])


def _two(x: float) -> str:
    return text.significant(x, 2)


def drift(study: Analysis) -> str:
    """Whether tokens a parameter at the optimum go the same way with compute in the runs and in the law."""
    found = [one for one in vertices(study) if np.isfinite(one.measured) and _known(one.law).size]
    if len(found) < 2:
        return "Fewer than two budgets have their optimum inside, so the runs alone show no trend."
    first, last = found[0], found[-1]
    law = [float(np.median(_known(one.law))) for one in found]
    inside = sum(low <= one.measured <= high for one in found for low, high in (text.central(_known(one.law)),))
    count = "all" if inside == len(found) else f"{text.number_word(inside)} of the"
    holds = f"the law's 95 % interval holds {count} {text.number_word(len(found))}"
    ways = {way([one.measured for one in found]), way(law)}
    verdict = f"**the runs and the law go opposite ways**, and {holds}" if ways == {1, -1} else holds
    return (
        f"From {text.power(first.budget)} to {text.power(last.budget)} FLOP{', held out,' if last.held_out else ''} the measured "
        f"optima go from {_two(first.measured)} to {_two(last.measured)} tokens a parameter, the law's at the "
        f"same cells from {_two(law[0])} to {_two(law[-1])}: {verdict}."
    )


def way(values: list[float]) -> int:
    """1 where values rise by more than `STEADY` over the budgets, by a line in their order and ln; -1 where they fall; else 0."""
    slope = float(np.polyfit(np.arange(len(values)), np.log(values), 1)[0]) * (len(values) - 1)
    return 0 if abs(slope) < np.log1p(STEADY) else int(np.sign(slope))


def by_corpus(study: Analysis) -> str:
    """The trend by the loss on the grid's corpus, and by that on the other where it is known."""
    return " ".join(filter(None, (drift(study), elsewhere(study))))


def elsewhere(study: Analysis) -> str:
    """The same by the loss on the other corpus; nothing where that is unknown."""
    known = [one for one in vertices(study) if np.isfinite(one.elsewhere)]
    if len(known) < 2:
        return ""
    corpus = next(cell.config.ood_corpus for cell in study.grid.cells if cell.config.ood_corpus)
    return f"By the loss on `{corpus}` they go from {_two(known[0].elsewhere)} to {_two(known[-1].elsewhere)}."
