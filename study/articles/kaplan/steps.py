"""Learning in steps, L(N, S): one law for the curves of all sizes (Kaplan, figures 4 right and 11)."""

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from study.analysis.batches import in_steps, tuned
from study.analysis.tables import groups
from study.articles.kaplan.batch import critical
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.shared.words import holds
from study.articles.verdict import Verdict, Word, absent, middle, with_interval
from study.inference.general.draws import fit_law
from study.inference.general.law_posterior import LawPosterior
from study.inference.scores import rms
from study.laws.law import LawError
from study.laws.power import pure_power
from study.laws.steps import KAPLAN

GRID = "batches"
ALIKE, UNLIKE = 1.25, 1.5  # largest over smallest exponent: up to, and above
FOLLOWS = 0.03  # r.m.s. of ln L about one law that still counts as following it


@lru_cache(maxsize=4)
def fitted(study: Kaplan) -> LawPosterior | None:
    """L(N, S_min) on the curves at a constant rate; None where they are not recorded."""
    curves = study.batch_curves
    if curves.empty:
        return None
    try:
        return in_steps(curves, critical(study), bytes_per_token=study.bytes_per_token)
    except LawError:
        return None


@lru_cache(maxsize=4)
def by_size(study: Kaplan) -> tuple[tuple[float, LawPosterior], ...]:
    """(N, training curve as a pure power law of steps) of each size at a constant rate."""
    curves = study.batch_curves
    if curves.empty:
        return ()
    rows = curves[(curves["schedule"] == "constant") & (curves["tokens"] > 0.1 * curves["D"])]
    rows = rows[rows["run_id"].isin(tuned(rows))]
    law = pure_power("step", response="validation_loss", bytes_per_token=study.bytes_per_token)
    return tuple((N, fit_law(law, group, seed=0, group="run_id")) for N, group in groups(rows, "N"))


@style.drawn
def figure(study: Kaplan) -> Figure:
    """Curves at a constant rate and the fitted law, by steps adjusted to a large batch."""
    found = fitted(study)
    if found is None:
        return style.note("The grid of batches is not recorded yet.")
    canvas, ax = style.canvas(7.0, 3.4)
    N, S = (np.exp(found.problem.columns[name]) * found.problem.reference[name] for name in ("N", "S_min"))
    palette = style.size_colours(np.unique(N))
    for size in np.unique(N):
        at = np.geomspace(S[size == N].min(), S[size == N].max(), 40)
        ax.plot(S[size == N], np.exp(found.problem.y[size == N]), "o", color=palette[size], ms=3)
        mean = found.mean({"N": np.full(40, size), "S_min": at}).T
        style.fan(ax, at, mean, palette[size], levels=(0.95,), label=style.short(size))
    ax.set_yscale("log")
    style.log_axis(ax, "x")
    style.log_axis(ax, "y", style.plain, most=6)
    ax.legend(fontsize=7)
    style.panel(ax, "", "steps, adjusted to a large batch", "validation loss (nats/token)")
    return canvas


def table(study: Kaplan) -> object:
    """Exponents beside Kaplan's."""
    found = fitted(study)
    if found is None:
        return text.absent("the grid of batches")
    return text.table([{"": f"$\\{name}$", "Kaplan": f"{KAPLAN[name]:g}", "here, with E": with_interval(found.theta[name])}
                       for name in ("alpha_N", "alpha_S")])


def side(study: Kaplan) -> str:
    """Whether the interval of the exponent of size holds Kaplan's: holds or excludes."""
    found = fitted(study)
    if found is None:
        return text.ABSENT
    return holds(found.theta["alpha_N"], KAPLAN["alpha_N"])


def eleven(study: Kaplan) -> Verdict:
    """Scatter of the curves about one law of N and S."""
    found = fitted(study)
    if found is None:
        return absent("figure-11", f"exponent in S {KAPLAN['alpha_S']:g}", GRID)
    error = found.problem.y - np.median(found.problem.log_mean(found.x), axis=0)
    scatter = rms(error)
    return Verdict("figure-11", f"exponent in S {KAPLAN['alpha_S']:g}",
                   f"{with_interval(found.theta['alpha_S'])} with a floor, r.m.s. {text.percent(scatter, 1)}",
                   "reproduced" if scatter < FOLLOWS else "contradicted", scatter, f"`{GRID}`")


def curves(study: Kaplan) -> Verdict:
    """Do training curves have one exponent whatever the size?"""
    found = by_size(study)
    if len(found) < 3:
        return absent("kaplan-curves", "nearly independent of size", GRID)
    middles = np.array([middle(posterior.theta["alpha"]) for _, posterior in found])
    spread = float(middles.max() / middles.min())
    word: Word = "reproduced" if spread < ALIKE else "contradicted" if spread > UNLIKE else "undecided"
    return Verdict("kaplan-curves", "nearly independent of size", "exponents " + ", ".join(f"{value:.3f}" for value in middles),
                   word, spread, f"`{GRID}`")
