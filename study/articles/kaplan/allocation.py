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
from study.articles.verdict import Verdict, Word, absent, with_interval
from study.inference.classical.huber import fit_huber
from study.inference.general.draws import fit_law
from study.laws.law import LawError
from study.laws.power import KAPLAN_ONE_FACTOR, pure_power
from study.laws.published import BESIROGLU, published_law

COUNTS = {"non_embedding": "non-embedding", "multiplying": "with the last layer", "total": "all"}
KAPLAN_N, KAPLAN_B, KAPLAN_S = 0.73, 0.24, 0.03  # of C_min, as Kaplan et al. print them (section 1.2); 0.73 is the essay's too
MOSTLY, HALF = 0.55, 0.5  # exponent of size: above, most of a budget goes into size; below, it does not
RAPID, HARDLY = 0.65, 0.1  # exponents of size and of adjusted steps: at least, and at most


@lru_cache(maxsize=4)
def best_runs(study: Kaplan) -> pd.DataFrame:
    """The run of lowest loss at each budget, with its batch and steps; N and C = 6 N D in Kaplan's count, without the embedding."""
    rows = frontier(study.path).reset_index(drop=True)
    return rows.assign(N=rows["N_non_embedding"], C=6 * rows["N_non_embedding"] * rows["D"])


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
    """Optimal size against compute under each count, and the exponent over ranges of budgets."""
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
    right.axhline(KAPLAN_N, color=style.KAPLAN, lw=0.8, ls="--")
    right.axhline(float(published_law("hoffmann-1").a), color=style.HOFFMANN, lw=0.8, ls="--")
    style.log_axis(right, "x", style.power, most=4)
    style.panel(right, "", "middle of the range of budgets (FLOP)", "exponent of $N_{opt}$ in $C$")
    return figure


@lru_cache(maxsize=4)
def predicted(study: Kaplan) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pearce and Song's local exponent by non-embedding size, under published constants and under this grid's own fit."""
    rows = study.path
    own, omega = fit_huber(rows["N_total"], rows["D"], rows["loss"]).surface, own_omega(rows)
    published, here = (predicted_local(surface, rows["N_non_embedding"], omega) for surface in (BESIROGLU, own))
    return published, here


@style.drawn
def local(study: Kaplan) -> Figure:
    """Local exponent along non-embedding size, beside the exponent measured over all budgets and Kaplan's."""
    figure, ax = style.canvas(7.0, 3.0)
    for found, name, colour in zip(predicted(study), ("Besiroglu et al.", "this grid's fit"), (style.MUTED, style.POSTERIOR),
                                   strict=True):
        ax.plot(found["N"], found["exponent"], color=colour, label=name)
    if (measured := _row(study, "non_embedding")) is not None:
        ax.axhline(float(measured["exponent"]), color=style.POSTERIOR, lw=0.8, ls=":", label="measured")
    ax.axhline(KAPLAN_N, color=style.KAPLAN, lw=0.8, ls="--", label="Kaplan et al.")
    ax.margins(y=0.08)
    style.log_axis(ax, "x")
    ax.legend(fontsize=7)
    style.panel(ax, "", "non-embedding parameters", "local exponent of $N_{opt}$ in $C$")
    return figure


def table(study: Kaplan) -> object:
    """Exponent of the optimal size by count."""
    return text.table([{"N counts": COUNTS[str(row.count_)], "exponent": f"{row.exponent:.3f}", "s.e.": f"{row.se:.3f}",
                        "budgets": str(row.budgets)}
                       for row in counts(study).rename(columns={"count": "count_"}).itertuples()])


def _row(study: Kaplan, count: str) -> pd.Series | None:
    rows = counts(study)
    found = rows[rows["count"] == count]
    return found.iloc[0] if len(found) else None


def formula(study: Kaplan) -> str:
    """From the smallest to the largest optimum, the local exponent that the formula gives under the grid's own fit."""
    sizes, (_, own) = optima(study.path, "non_embedding")["N_opt"], predicted(study)
    if sizes.empty:
        return text.ABSENT
    ends = np.interp(np.log([sizes.min(), sizes.max()]), np.log(own["N"]), own["exponent"])
    return f"{ends[0]:.2f} to {ends[1]:.2f}"


def by_halves(study: Kaplan) -> str:
    """The measured exponent without the embedding over the smaller and over the larger half of the budgets."""
    ranges = by_range(study.path, "non_embedding")
    if ranges.empty:
        return text.ABSENT
    halves = ranges[ranges["budgets"] == max(int(ranges["budgets"].min()), int(ranges["budgets"].max()) // 2)].sort_values("low")
    return f"{halves['exponent'].iloc[0]:.2f} to {halves['exponent'].iloc[-1]:.2f}"


def direction(study: Kaplan) -> str:
    """What leaving the embedding out does to the exponent, beyond two standard errors: raises, lowers or leaves."""
    high, low = _row(study, "non_embedding"), _row(study, "total")
    if high is None or low is None:
        return text.ABSENT
    rise, reach = _rise(high, low)
    return "raises" if rise > reach else "lowers" if rise < -reach else "hardly moves"


def _rise(high: pd.Series, low: pd.Series) -> tuple[float, float]:
    """By how much the exponent rises, and two standard errors of that."""
    return float(high["exponent"] - low["exponent"]), 2 * float(np.hypot(high["se"], low["se"]))


def pearce_song(study: Kaplan) -> Verdict:
    """Dropping the embedding raises the exponent to Kaplan's: the amount decides, within two standard errors."""
    high, low = _row(study, "non_embedding"), _row(study, "total")
    claimed = f"{KAPLAN_N:g} without embedding"
    if high is None or low is None:
        return Verdict("pearce-song", claimed, text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    rise, reach = _rise(high, low)
    short = abs(KAPLAN_N - float(high["exponent"])) - 2 * float(high["se"])
    word: Word = "reproduced" if rise > reach and short <= 0 else "contradicted" if rise < -reach or short > 0 else "undecided"
    return Verdict("pearce-song", claimed, f"{high['exponent']:.2f} without, {low['exponent']:.2f} with", word,
                   float(high["exponent"]), f"`{study.grid}`")


def figure_three(study: Kaplan) -> Verdict:
    """Most of a growing budget goes into size."""
    try:
        found = growth(best_runs(study))
    except LawError:
        return Verdict("figure-3", "mostly size", text.ABSENT, "not testable here", float("nan"), f"`{study.grid}`")
    word: Word = "reproduced" if found["N"] > MOSTLY else "contradicted" if found["N"] < HALF else "undecided"
    return Verdict("figure-3", f"size {KAPLAN_N:g}, batch {KAPLAN_B:g}, steps {KAPLAN_S:g}",
                   f"size {found['N']:.2f}, batch {found['batch']:.2f}, steps {found['steps']:.2f}", word, found["N"],
                   f"`{study.grid}`")


@lru_cache(maxsize=4)
def adjusted(study: Kaplan) -> pd.DataFrame | None:
    """The best run of each budget with C_min and S_min; None without a critical batch."""
    found = batch.critical(study)
    return None if found is None else at_c_min(best_runs(study), found)


def figure_thirteen(study: Kaplan) -> Verdict:
    """The exponent of the loss in C_min."""
    rows, (alpha, _) = adjusted(study), KAPLAN_ONE_FACTOR["C_min"]
    if rows is None or len(rows) < 3:
        return absent("figure-13", f"exponent {alpha:g}", "batches")
    draws = fit_law(pure_power("C_min", bytes_per_token=study.bytes_per_token), rows, seed=0).theta["alpha"]
    low, high = text.central(draws)
    return Verdict("figure-13", f"exponent {alpha:g}", with_interval(draws),
                   "reproduced" if low <= alpha <= high else "contradicted", float(np.median(draws)), f"`{study.grid}`, `batches`")


def figure_fourteen(study: Kaplan) -> Verdict:
    """Size against C_min, and whether the adjusted steps grow."""
    rows = adjusted(study)
    if rows is None or len(rows) < 3:
        return absent("figure-14", f"N {KAPLAN_N:g}, S {KAPLAN_S:g}", "batches")
    found = growth(rows.assign(steps=rows["S_min"]), "C_min")
    word: Word = "reproduced" if found["N"] > RAPID and found["steps"] < HARDLY else "contradicted"
    return Verdict("figure-14", f"N {KAPLAN_N:g}, S {KAPLAN_S:g}", f"N {found['N']:.2f}, S {found['steps']:.2f}", word,
                   found["N"], f"`{study.grid}`, `batches`")


def largest_batch(study: Kaplan) -> str:
    """The largest batch of the best runs, share of the critical batch at the run's loss: C exceeds C_min by as much."""
    rows = adjusted(study)
    return text.ABSENT if rows is None else text.percent(float((rows["batch_tokens"] / rows["B_crit"]).max()), 1)
