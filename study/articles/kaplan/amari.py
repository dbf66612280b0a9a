"""Learning curves before language models: Amari's four cases, each by a learner small enough to simulate."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.articles.shared import style, text
from study.articles.shared.words import lies
from study.articles.verdict import Verdict
from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.laws.learning_curves import CASES, Case, curve_law, learning_curve

SEED = 0
SIZES = tuple(2**k for k in range(5, 12))
TOLERANCE = 0.05  # of an exponent: the laws are asymptotic, the learners have seen at most a few thousand examples
COLOURS = (style.POSTERIOR, style.KAPLAN, style.HOFFMANN, style.REFIT)


@dataclass(frozen=True)
class Learned:
    """A case, its simulated curve and the fitted power law."""

    case: Case
    curve: pd.DataFrame
    posterior: LawPosterior


@lru_cache(maxsize=1)
def cases() -> tuple[Learned, ...]:
    """The four, simulated and fitted."""
    out = []
    for case in CASES:
        curve = learning_curve(case, seed=SEED, sizes=SIZES, learners=2000)
        out.append(Learned(case, curve, fit_law(curve_law(case), curve, seed=SEED)))
    return tuple(out)


@style.drawn
def curves() -> Figure:
    """Reducible error of the four learners against examples, and the theory's slopes."""
    figure, ax = style.canvas(7.0, 3.6)
    labels = []
    for found, colour in zip(cases(), COLOURS, strict=True):
        curve = found.curve
        excess = curve["loss"] - found.case.entropy
        ax.errorbar(curve["D"], excess, 2 * curve["se"], fmt="o", color=colour, ms=4, lw=1)
        guide = float(excess.iloc[-1]) * (curve["D"] / curve["D"].iloc[-1]) ** -found.case.exponent
        ax.plot(curve["D"], guide, color=colour, lw=1.2)
        labels.append((float(guide.iloc[-1]), f"{found.case.name}: $D^{{-{found.case.exponent:g}}}$", colour))
    ax.set_yscale("log")
    style.log_axis(ax, "x", style.plain)
    style.log_axis(ax, "y", style.power, most=6)
    style.line_labels(ax, float(SIZES[-1]), labels)
    style.panel(ax, "", "examples $D$", "reducible error")
    return figure


def table() -> object:
    """Case, exponent by theory, exponent recovered."""
    return text.table([{"learner": found.case.name, "exponent by theory": text.significant(-found.case.exponent, 2),
                        "exponent recovered": text.interval(*text.central(-found.posterior.theta["alpha"])),
                        "E, known (nats)": text.significant(found.case.entropy) if found.case.entropy else text.ABSENT}
                       for found in cases()])


def tolerance() -> str:
    """How far from theory's the median of an exponent may lie and still count as recovered."""
    return f"{TOLERANCE:g}"


def recovered() -> int:
    """How many of the four exponents lie in the 95 % interval, or within the tolerance of the median."""
    return sum(lies(found.case.exponent, found.posterior.theta["alpha"]) == "inside"
               or abs(float(np.median(found.posterior.theta["alpha"])) - found.case.exponent) < TOLERANCE for found in cases())


def verdict() -> Verdict:
    """All four exponents come out of simulation, or not."""
    held = recovered()
    return Verdict("amari", "-1, -2, -1/2, -1",
                   ", ".join(text.significant(-float(np.median(found.posterior.theta["alpha"]))) for found in cases()),
                   "reproduced" if held == len(CASES) else "contradicted", float(held), "simulated")
