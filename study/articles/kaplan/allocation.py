"""How a growing budget divides (Kaplan, figures 3, 13, 14), and the exponent by range and count (Pearce and Song)."""

from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.batches import at_c_min, growth
from study.analysis.exponents import by_count, by_range, optima, own_omega, predicted_local
from study.analysis.one_factor import frontier
from study.articles.kaplan import batch
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.verdict import Verdict, Word, absent
from study.inference.classical.huber import fit_huber
from study.inference.general.draws import fit_law
from study.laws import c_min
from study.laws.law import LawError
from study.laws.power import KAPLAN_ONE_FACTOR, pure_power
from study.laws.published import BESIROGLU, published_law

COUNTS = {"non_embedding": "non-embedding", "multiplying": "with the last layer", "total": "all"}
KAPLAN_A = 0.73


@lru_cache(maxsize=4)
def best_runs(study: Kaplan) -> pd.DataFrame:
    """The run of lowest loss at each budget, with its batch and steps."""
    return frontier(study.path).reset_index(drop=True)


@lru_cache(maxsize=4)
def counts(study: Kaplan) -> pd.DataFrame:
    """Exponent of N_opt in C by what N counts."""
    return by_count(study.path)


@style.drawn
def divided(study: Kaplan) -> Figure:
    """Size, batch and steps of the best run of each budget, relative to the smallest budget's."""
    rows = best_runs(study)
    figure, ax = style.canvas(7.0, 3.4)
    labels = []
    for column, name, colour in (("N", "size", style.POSTERIOR), ("batch_tokens", "batch", style.KAPLAN),
                                 ("steps", "steps", style.HOFFMANN)):
        y = rows[column] / rows[column].iloc[0]
        ax.plot(rows["C"], y, "o-", color=colour, ms=4)
        labels.append((float(y.iloc[-1]), name, colour))
    ax.set_yscale("log")
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", style.plain)
    style.line_labels(ax, float(rows["C"].iloc[-1]), labels)
    style.panel(ax, "", "compute of the best run (FLOP)", "relative to the smallest budget")
    return figure


@style.drawn
def by_counts(study: Kaplan) -> Figure:
    """Optimal size against compute under each count, and the local exponent that Pearce and Song derive."""
    figure, (left, right) = style.canvas(7.4, 3.2, 1, 2)
    for (count, name), colour in zip(COUNTS.items(), (style.KAPLAN, style.POSTERIOR, style.HOFFMANN), strict=True):
        found = optima(study.path, count)
        left.plot(found["C"], found["N_opt"], "o-", color=colour, ms=4, label=name)
        ranges = by_range(study.path, count)
        if len(ranges):
            middle = np.sqrt(ranges["low"] * ranges["high"])
            right.errorbar(middle, ranges["exponent"], ranges["se"].fillna(0), fmt="o", color=colour, ms=3.5, lw=0.8)
    left.set_yscale("log")
    style.log_axis(left, "x", style.power, most=4)
    style.log_axis(left, "y", most=5)
    left.legend(fontsize=7)
    style.panel(left, "", "$C = 6ND$ with that count (FLOP)", "optimal size")
    right.axhline(KAPLAN_A, color=style.KAPLAN, lw=0.8, ls="--")
    right.axhline(float(published_law("hoffmann-1").a), color=style.HOFFMANN, lw=0.8, ls="--")
    style.log_axis(right, "x", style.power, most=4)
    style.panel(right, "", "middle of the range of budgets (FLOP)", "exponent of $N_{opt}$ in $C$")
    return figure


@style.drawn
def local(study: Kaplan) -> Figure:
    """Local exponent along non-embedding size: under published constants and under this grid's own fit of total parameters."""
    figure, ax = style.canvas(7.0, 3.0)
    rows = study.path
    own = fit_huber(rows["N_total"], rows["D"], rows["loss"]).surface
    omega = own_omega(rows)
    for surface, name, colour in ((BESIROGLU, "Besiroglu et al.", style.MUTED), (own, "this grid's fit", style.POSTERIOR)):
        found = predicted_local(surface, rows["N_non_embedding"], omega)
        ax.plot(found["N"], found["exponent"], color=colour, label=name)
    style.log_axis(ax, "x")
    ax.legend(fontsize=7)
    style.panel(ax, "", "non-embedding parameters", "local exponent of $N_{opt}$ in $C$")
    return figure


def table(study: Kaplan) -> object:
    """Exponent of the optimal size by count."""
    return text.table([{"N counts": COUNTS[str(row.count_)], "exponent": f"{row.exponent:.3f}", "s.e.": f"{row.se:.3f}",
                        "budgets": str(row.budgets)}
                       for row in counts(study).rename(columns={"count": "count_"}).itertuples()])


def pearce_song(study: Kaplan) -> Verdict:
    """Dropping the embedding raises the exponent; does it reach Kaplan's?"""
    found = {str(row["count"]): row for row in counts(study).to_dict("records")}
    if not {"non_embedding", "total"} <= set(found):
        return Verdict("pearce-song", f"{KAPLAN_A:g}", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    low, high = found["total"], found["non_embedding"]
    rise = float(high["exponent"] - low["exponent"])
    reach = 2 * float(np.hypot(high["se"], low["se"]))
    word: Word = "reproduced" if rise > reach else "contradicted" if rise < -reach else "undecided"
    return Verdict("pearce-song", f"higher without embedding, {KAPLAN_A:g}",
                   f"{high['exponent']:.2f} without, {low['exponent']:.2f} with", word, rise, f"`{study.grid}`")


def figure_three(study: Kaplan) -> Verdict:
    """Most of a growing budget goes into size."""
    try:
        found = growth(best_runs(study))
    except LawError:
        return Verdict("figure-3", "mostly size", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    word: Word = "reproduced" if found["N"] > 0.55 else "contradicted" if found["N"] < 0.5 else "undecided"
    return Verdict("figure-3", f"size {c_min.KAPLAN.N:.2f}, batch {c_min.KAPLAN.B:.2f}, steps {c_min.KAPLAN.S:.2f}",
                   f"size {found['N']:.2f}, batch {found['batch']:.2f}, steps {found['steps']:.2f}", word, found["N"],
                   f"`{study.grid}`")


@lru_cache(maxsize=4)
def adjusted(study: Kaplan) -> pd.DataFrame | None:
    """The best run of each budget with C_min and S_min; None without a critical batch."""
    found = batch.critical(study)
    return None if found is None else at_c_min(best_runs(study), found)


@style.drawn
def c_min_figure(study: Kaplan) -> Figure:
    """Loss and size against C and against C_min."""
    rows = adjusted(study)
    if rows is None:
        return style.note("The grid of batches is not recorded yet: there is no C_min.")
    figure, axes = style.canvas(7.4, 3.1, 1, 2)
    for column, name, marks, colour in (("C_min", "$C_{min}$", "o-", style.POSTERIOR), ("C", "$C$", "s--", style.MUTED)):
        for ax, y in zip(axes, ("loss", "N"), strict=True):
            ax.plot(rows[column], rows[y], marks, color=colour, ms=4, mfc="none", label=name)
    for ax, y in zip(axes, ("loss (nats/token)", "size of the best run"), strict=True):
        ax.set_yscale("log")
        style.log_axis(ax, "x", style.power, most=4)
        style.log_axis(ax, "y", most=5)
        style.panel(ax, "", "compute (FLOP)", y)
    axes[0].legend(fontsize=7)
    return figure


def figure_thirteen(study: Kaplan) -> Verdict:
    """The exponent of the loss in C_min."""
    rows, (alpha, _) = adjusted(study), KAPLAN_ONE_FACTOR["C_min"]
    if rows is None or len(rows) < 3:
        return absent("figure-13", f"exponent {alpha:g}", "batches")
    draws = fit_law(pure_power("C_min", bytes_per_token=study.bytes_per_token), rows, seed=0, fallback=False).theta["alpha"]
    low, high = text.central(draws)
    return Verdict("figure-13", f"exponent {alpha:g}", f"{np.median(draws):.3f} {text.interval(low, high)}",
                   "reproduced" if low <= alpha <= high else "contradicted", float(np.median(draws)), f"`{study.grid}`, `batches`")


def figure_fourteen(study: Kaplan) -> Verdict:
    """Size against C_min, and whether the adjusted steps grow."""
    rows = adjusted(study)
    if rows is None or len(rows) < 3:
        return absent("figure-14", f"N {KAPLAN_A:g}, S {c_min.KAPLAN.S:.2f}", "batches")
    found = growth(rows.assign(steps=rows["S_min"]), "C_min")
    word: Word = "reproduced" if found["N"] > 0.65 and found["steps"] < 0.1 else "contradicted"
    return Verdict("figure-14", f"N {KAPLAN_A:g}, S {c_min.KAPLAN.S:.2f}", f"N {found['N']:.2f}, S {found['steps']:.2f}", word,
                   found["N"], f"`{study.grid}`, `batches`")


def exponent(study: Kaplan) -> str:
    """The frontier's exponent of size, for the prose."""
    found = frontier(study.path)
    return text.significant(float(np.polyfit(np.log(found["C"]), np.log(found["N"]), 1)[0])) if len(found) > 1 else text.ABSENT
