"""Leave one laboratory out: what three, five or ten runs and everyone else's say of a study's largest budget."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.figure import Figure

from study.articles.atlas import shown
from study.articles.shared import style, text, words
from study.atlas.leave_out import COUNTS, FACTORS, HELD
from study.atlas.read import Atlas
from study.atlas.verdicts import HALF, calibrated, narrower
from study.inference.posterior import KHAT

if TYPE_CHECKING:
    from IPython.display import Markdown

LEVELS = ("50", "80", "95")
WANTED = 1 / 3  # of the default prior's median width from three runs
MEET = {"hold": "meet", "do not hold": "do not meet"}
OWN = "own-cpu"  # this study's table in the population: its first grid


def coverage(atlas: Atlas) -> "Markdown":
    """Coverage, width and error of D_opt, and coverage of losses, by prior and number of runs."""
    rows = []
    for runs in COUNTS:
        for prior in dict.fromkeys(("default", "atlas", atlas.prior)):
            chosen = atlas.predictions(prior, runs)
            held = {f"{level} %": f"{atlas.covered(prior, runs, level)[0]} of {len(chosen)}" for level in LEVELS}
            losses = sum(row["losses_inside"]["95"] for row in chosen), sum(row["losses"] for row in chosen)
            rows.append({"runs": str(runs), "prior": shown.named(prior), **held,
                         "width (decades)": text.two(atlas.median_width(prior, runs) / float(np.log(10))),
                         "error (factor)": text.two(_error(atlas, prior, runs)),
                         "losses in 95 %": text.percent(losses[0] / losses[1])})
    return text.table(rows, left=("prior",))


@style.drawn
def intervals(atlas: Atlas) -> Figure:
    """D_opt at each study's largest budget over its own answer, from three runs, by prior."""
    names = [row["study"] for row in atlas.predictions(atlas.prior, COUNTS[0])]
    figure, ax = style.canvas(7.0, 0.28 * len(names) + 1.0)
    for prior, colour, shift in (("default", style.PRIOR, -0.17), (atlas.prior, style.POSTERIOR, 0.17)):
        for row in atlas.predictions(prior, COUNTS[0]):
            y = names.index(row["study"]) + shift
            for level, width in (("95", 1.4), ("50", 4.0)):
                ax.plot(np.array(row["intervals"][level]) / row["truth"], [y, y], color=colour, lw=width, solid_capstyle="butt")
            ax.plot([row["point"] / row["truth"]], [y], "o", color="white", mec=colour, ms=3.6)
        ax.text(0.99, 0.03 + 0.05 * (prior != "default"), f"{shown.named(prior)} prior", color=colour, ha="right",
                transform=ax.transAxes)
    ax.axvline(1.0, color=style.INK, lw=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlim(1e-3, 1e3)
    style.log_axis(ax, "x", style.power)
    ax.grid(visible=False, axis="y")
    style.panel(ax, "", "predicted optimal tokens at the largest budget, over those by all runs")
    return figure


@style.drawn
def widths(atlas: Atlas) -> Figure:
    """The width of the 95 % interval of D_opt by number of runs, a line a study, with the default prior and the one in use."""
    figure, axes = style.canvas(7.0, 2.8, 1, 2, sharey=True)
    for ax, prior, colour in zip(axes, ("default", atlas.prior), (style.PRIOR, style.POSTERIOR), strict=True):
        chosen = [row for row in atlas.left_out["predictions"] if row["prior"] == prior]
        for study in dict.fromkeys(row["study"] for row in chosen):
            own = sorted((row["runs"], row["log_width"] / np.log(10)) for row in chosen if row["study"] == study)
            ax.plot(*zip(*own, strict=True), color=colour, lw=0.8, alpha=0.5)
        ax.plot(COUNTS, [atlas.median_width(prior, runs) / np.log(10) for runs in COUNTS], "o-", color=style.INK, ms=4)
        ax.set_xticks(COUNTS)
        style.panel(ax, f"{shown.named(prior)} prior", "runs")
    axes[0].set_ylabel("decades of the 95 % interval")
    return figure


def studies(atlas: Atlas) -> str:
    """Studies that are predicted from three runs with the population as prior."""
    return str(atlas.covered("atlas", COUNTS[0], "95")[1])


def without_default(atlas: Atlas) -> str:
    """Those of them that the default prior could not fit from three runs."""
    by = {prior: {row["study"] for row in atlas.predictions(prior, COUNTS[0])} for prior in ("default", "atlas")}
    return words.enumeration(sorted(by["atlas"] - by["default"]))


def rough_default(atlas: Atlas) -> str:
    """Fits of three runs under the default prior whose k-hat says that the ends of the interval are rough."""
    return _rough(atlas.predictions("default", COUNTS[0]))


def rough_in_use(atlas: Atlas) -> str:
    """The same with the prior in use."""
    return _rough(atlas.predictions(atlas.prior, COUNTS[0]))


def khat() -> str:
    """The k-hat above which they are."""
    return f"{KHAT:g}"


def _rough(rows: list[dict[str, Any]]) -> str:
    return f"{sum(row['khat'] > KHAT for row in rows)} of {len(rows)}"


def half_low() -> str:
    """The least share of the studies that the 50 % intervals may hold."""
    return text.percent(HALF[0])


def half_high() -> str:
    """The largest."""
    return text.percent(HALF[1])


def inner_ten(atlas: Atlas) -> str:
    """Studies that the 50 % intervals of the population as it is hold from most runs, and which way they err."""
    return f"{'{} of {}'.format(*atlas.covered('atlas', COUNTS[-1], '50'))} ({_err(atlas, 'atlas', COUNTS[-1])})"


def own() -> str:
    """This study's table in the population."""
    return OWN


def own_lies(atlas: Atlas) -> Literal["inside", "outside"]:
    """Where that table's own answer at its largest budget lies beside the interval from its three runs, the prior in use."""
    return "outside" if OWN in {row["study"] for row in atlas.missed(prior=atlas.prior)} else "inside"


def factors() -> str:
    """The factors that widen the population, in words."""
    return " or ".join(f"{factor:g}" for factor in FACTORS)


def held() -> str:
    """The share of studies that the 95 % intervals must hold."""
    return text.percent(HELD)


def chosen(atlas: Atlas) -> str:
    """The prior in use, and whether it brings the intervals there."""
    if atlas.factor == 1:
        return "the population as it is"
    reached = atlas.left_out["widening"]["holds"]
    return f"widened by {atlas.factor:g}" + ("" if reached else ", the widest, which still falls short")


def widened_95(atlas: Atlas) -> str:
    """Studies that the 95 % interval of the prior in use holds from three runs."""
    return "{} of {}".format(*atlas.covered(atlas.prior, COUNTS[0], "95"))


def widened_50(atlas: Atlas) -> str:
    """Studies that its 50 % interval holds."""
    return "{} of {}".format(*atlas.covered(atlas.prior, COUNTS[0], "50"))


def widened_meet(atlas: Atlas) -> str:
    """Whether its intervals meet them."""
    return MEET[calibrated(atlas, atlas.prior)]


def widened_share(atlas: Atlas) -> str:
    """Its median width over the default's, from three runs."""
    return text.two(narrower(atlas, COUNTS[0], atlas.prior))


def wanted(atlas: Atlas) -> str:
    """Whether that is the third that was wanted, for the population as it is and for the prior in use."""
    return ", ".join(f"{'within' if narrower(atlas, COUNTS[0], prior) <= WANTED else 'above'} it {name}"
                     for prior, name in (("atlas", "as it is"), (atlas.prior, "in use")))


def middle(atlas: Atlas) -> str:
    """Which way the 50 % interval of the prior in use errs by its bounds: too wide, too narrow, or neither."""
    return _err(atlas, atlas.prior, COUNTS[0])


def _err(atlas: Atlas, prior: str, runs: int) -> str:
    inside, studies = atlas.covered(prior, runs, "50")
    low, high = HALF
    return "too wide" if inside > high * studies else "too narrow" if inside < low * studies else "within the bounds"


def meet(atlas: Atlas) -> str:
    """Whether the intervals meet the bounds on coverage."""
    return MEET[calibrated(atlas)]


def errors(atlas: Atlas) -> str:
    """The median error from three runs and from ten, a factor, the population as it is."""
    return _errors(atlas, "atlas")


def errors_default(atlas: Atlas) -> str:
    """The same under the default prior."""
    return _errors(atlas, "default")


def default_ten(atlas: Atlas) -> str:
    """Studies that the default prior's 95 % interval holds from most runs."""
    return "{} of {}".format(*atlas.covered("default", COUNTS[-1], "95"))


def _errors(atlas: Atlas, prior: str) -> str:
    return " and ".join(text.two(_error(atlas, prior, runs)) for runs in (COUNTS[0], COUNTS[-1]))


def _error(atlas: Atlas, prior: str, runs: int) -> float:
    return float(np.exp(np.median([abs(row["log_error"]) for row in atlas.predictions(prior, runs)])))


def covered_95(atlas: Atlas) -> str:
    """Studies that the 95 % interval from three runs holds."""
    held, of = atlas.covered("atlas", COUNTS[0], "95")
    return f"{held} of {of}"


def covered_50(atlas: Atlas) -> str:
    """Studies that the 50 % interval from three runs holds."""
    held, of = atlas.covered("atlas", COUNTS[0], "50")
    return f"{held} of {of}"


def share(atlas: Atlas) -> str:
    """Median width with the atlas's prior over the default's, from three runs."""
    return text.two(narrower(atlas))


def decades(atlas: Atlas) -> str:
    """Median width from three runs with the prior in use, decades."""
    return text.two(atlas.median_width(atlas.prior, COUNTS[0]) / float(np.log(10)))


def decades_default(atlas: Atlas) -> str:
    """The same with the default prior."""
    return text.two(atlas.median_width("default", COUNTS[0]) / float(np.log(10)))


def missed(atlas: Atlas) -> str:
    """The studies that three runs and the others miss, with the population as it is."""
    return words.enumeration([row["study"] for row in atlas.missed()])


def missed_in_use(atlas: Atlas) -> str:
    """Those that the prior in use misses."""
    return words.enumeration([row["study"] for row in atlas.missed(prior=atlas.prior)])


def places(atlas: Atlas) -> "Markdown":
    """Where each study lies in what the other laboratories predict, in percent: alpha, beta, D/N, E and the rest."""
    shown_as = {"alpha": "α", "beta": "β", "R": "D/N", "e": "E/byte", "T": "(L − E)/byte"}
    return text.table([{"study": name, **{label: f"{100 * found[key]:.0f}" if key in found else text.ABSENT
                                          for key, label in shown_as.items()}}
                       for name, found in atlas.left_out["places"].items()])
