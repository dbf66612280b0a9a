"""All tables together: the spread between laboratories, what a new study would be, and how sure the population is."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.articles.atlas import shown
from study.articles.shared import style, text, words
from study.atlas.read import Atlas
from study.atlas.together import COMPUTES, TAILS
from study.atlas.verdicts import AT, COUNTED
from study.inference.pooled.two_stage import MODEL
from study.laws.published import RULE

if TYPE_CHECKING:
    from IPython.display import Markdown

REJECTED = 0.01  # adjusted p-value below which ranks are not uniform
NAMES = {"alpha": "ln α", "beta": "ln β", "R": "ln D/N", "e": "ln E/byte", "T": "ln (L − E)/byte"}
COVARIATES = {"total": "total N", "non_embedding": "N without embedding", "constant": "constant rate", "tuned": "tuned",
              "vocabulary": "ln bytes a token"}

KINDS = {"base": ("parameters that multiply", style.POSTERIOR, 0.8),
         "total parameters": ("all parameters", style.PREDICTIVE, 1.25)}  # of new studies: name, colour, shift on the axis


def spreads(atlas: Atlas) -> "Markdown":
    """Mean of the base, and s.d. between laboratories and within one."""
    found = atlas.population["parameters"]
    return text.table([{"": shown_as, "mean": shown.both(found[f"mean {name}"]),
                        "s.d. between": shown.both(found[f"sd of {name} between"]),
                        "s.d. within": shown.both(found[f"sd of {name} within"])} for name, shown_as in NAMES.items()])


def covariates(atlas: Atlas) -> "Markdown":
    """Effect of each covariate on the exponents and on D/N."""
    found = atlas.population["parameters"]
    return text.table([{"": shown_as, **{NAMES[on]: shown.both(found[f"{name} on {on}"]) for on in ("alpha", "beta", "R")}}
                       for name, shown_as in COVARIATES.items()])


def reference(atlas: Atlas) -> str:
    """The compute at which studies are compared."""
    return text.power(atlas.population["reference_C"])


def between(atlas: Atlas) -> str:
    """The s.d. of ln D/N between laboratories at the reference."""
    return shown.both(atlas.population["parameters"]["sd of R between"])


def between_factor(atlas: Atlas) -> str:
    """The same as a factor."""
    return shown.both(atlas.population["parameters"]["sd of R between"], lambda sd: text.two(float(np.exp(sd))))


def tails() -> str:
    """Degrees of freedom of the Student-t population."""
    return f"{TAILS:g}"


def a(atlas: Atlas) -> str:
    """The exponent of a new study."""
    return shown.both(atlas.new_study("a"))


def prior_ratio(atlas: Atlas) -> str:
    """D/N at 1e21 by the population's own prior."""
    return shown.both(atlas.population["prior_predictive"]["R at 1e+21"])


def by_total(atlas: Atlas) -> str:
    """Whether a new study's ratio at 1e21 is the lower one where all parameters are counted."""
    total, base = (atlas.new_study(f"R at {AT}", kind)["point"] for kind in (COUNTED, "base"))
    return "lower one" if total < base else "higher one, so the contrast is not of the counts alone"


@style.drawn
def by_compute(atlas: Atlas) -> Figure:
    """Tokens a parameter of a new study against compute, for two counts of N, and the tables at their own budgets."""
    figure, ax = style.canvas(7.0, 3.6)
    crosses = [(row["C"][1], row["ratio_own"]["point"]) for row in atlas.pooled.values()]
    ends = [end for C in COMPUTES for kind in KINDS for end in atlas.new_study(f"R at {C:.3g}", kind)["ci95"]]
    ax.set_xlim(0.3 * min(C for C, _ in crosses), 4 * max(COMPUTES))
    ax.set_ylim(0.6 * min(ends), 1.6 * max(ends))
    for kind, (_, colour, shift) in KINDS.items():
        for C in COMPUTES:
            found = atlas.new_study(f"R at {C:.3g}", kind)
            for level, width in (("ci95", 1.4), ("ci50", 5.0)):
                ax.plot([C * shift] * 2, found[level], color=colour, lw=width, solid_capstyle="butt")
            ax.plot([C * shift], [found["point"]], "o", color="white", mec=colour, ms=4.5)
    ax.plot(*zip(*crosses, strict=True), "x", color=style.INK, ms=4)
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", lambda x: f"{x:g}")
    ax.axhline(RULE, color=style.MUTED, lw=0.8, ls="--")
    for (counted, colour, _), height in zip(KINDS.values(), (0.93, 0.86), strict=True):
        ax.text(0.02, height, counted, color=colour, transform=ax.transAxes)
    style.panel(ax, "", "$C$ (FLOP)", "tokens a parameter")
    return figure


def sensitivity(atlas: Atlas) -> "Markdown":
    """A new study's exponent and D/N when the model or its members change, as far as recorded."""
    rows = {"all tables": atlas.population["new_study"]["base"], **atlas.population["sensitivity"],
            **{f"without {name}": found for name, found in atlas.left_out["new_study_without"].items()}}
    return text.table([{"population": name, "a": shown.both(found["a"]), "D/N at 10²¹": shown.both(found["R at 1e+21"])}
                       for name, found in rows.items()])


def moved(atlas: Atlas) -> str:
    """The range of the median of D/N at 1e21 over them."""
    found = [*atlas.population["sensitivity"].values(), *atlas.left_out["new_study_without"].values()]
    points = [each["R at 1e+21"]["point"] for each in found]
    return f"{text.two(min(points))} to {text.two(max(points))}"


def gate(atlas: Atlas) -> str:
    """R-hat, the least effective draws and the divergences of the population."""
    seen = atlas.population["diagnostics"]
    effective, divergences = min(seen["ess_bulk"], seen["ess_tail"]), words.number_word(seen["divergences"])
    return f"R-hat {seen['rhat']:.3f}, {effective:,.0f} effective draws, {divergences} divergences"


def apart(atlas: Atlas) -> str:
    """The largest distance of a median between two stages and one model, in s.d."""
    if not atlas.has("joint"):
        return "not recorded yet"
    return f"{text.two(max(abs(value) for value in atlas.joint['apart'].values()))} standard deviations"


def calibration(atlas: Atlas) -> str:
    """Simulated atlases that were fitted, and the smallest adjusted p-value."""
    if not atlas.has("sbc"):
        return text.ABSENT
    found = atlas.calibration
    p_value = text.two(found["smallest_holm"])
    earlier = "" if found.get("model") == MODEL else " (of an earlier model)"
    return f"{found['finished']} of {found['atlases']} simulated atlases{earlier}, smallest adjusted p-value {p_value}"


def calibrated(atlas: Atlas) -> str:
    """Whether the ranks of its parameters are uniform in simulation."""
    if not atlas.has("sbc"):
        return "not recorded yet"
    return "uniform" if atlas.calibration["smallest_holm"] >= REJECTED else "not uniform"


def calibrated_95(atlas: Atlas) -> str:
    """The range over parameters of the coverage of 95 % intervals in simulation."""
    if not atlas.has("sbc"):
        return text.ABSENT
    covered = [row["coverage_95"] for row in atlas.calibration["tests"]]
    return f"{text.percent(min(covered))} to {text.percent(max(covered))}"
