"""Calibration and coverage studies, as recorded under runs/calibration/: do the posterior's intervals hold what they say?"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import Analysis
from study.figures.frames import each, groups, least
from study.inference.calibration.coverage import NOISE, OUTLIER_SCALE, OUTLIERS, SHARED
from study.inference.calibration.ranks import ecdf_envelope

if TYPE_CHECKING:
    from IPython.display import Markdown

NONE = "No such study is recorded under runs/calibration/."
SYMBOLS = {
    "alpha": "α",
    "beta": "β",
    "nu": "ν",
    "tau": "τ",
    "N_opt": "$N_{opt}$",
    "D_opt_at": "$D_{opt}(N)$",
    "loss_opt": "L at optimum",
    "log_likelihood": "ln likelihood",
}


@dataclass(frozen=True)
class Recorded:
    """One study: its record, and its rows."""

    body: dict[str, Any]
    rows: pd.DataFrame


def recorded(study: Analysis, kind: str) -> tuple[Recorded, ...]:
    """The studies whose file names begin with `kind` ("sbc" or "coverage"), under the analysis's runs or the project's own."""
    for folder in (study.runs / "calibration", Path("runs") / "calibration"):
        paths = sorted(folder.glob(f"{kind}-*.json"))
        if paths:
            return tuple(Recorded(json.loads(path.read_text()), pd.read_csv(path.with_suffix(".csv"))) for path in paths)
    return ()


def headline_ranks(study: Analysis) -> Recorded | None:
    """The calibration of the headline on this grid's design; else of the headline on any; else the first there is."""
    found = [one for one in recorded(study, "sbc") if one.body["tests"]]  # none where too few fits had a rank
    order = sorted(found, key=lambda one: (one.body["target"] != "headline", one.body["design"] != study.grid.name))
    return order[0] if order else None


@style.drawn
def ranks(study: Analysis) -> Figure:
    """Empirical distribution of the ranks minus the uniform's, one panel a quantity, in its simultaneous 95 % band."""
    found = headline_ranks(study)
    if found is None:
        return style.note(NONE)
    names = [row["quantity"] for row in found.body["tests"]]
    good = found.rows[found.rows["how"] != "failed"]
    columns = 5
    height = -(-len(names) // columns)
    figure, axes = style.canvas(7.4, 1.35 * height + 0.4, height, columns, squeeze=False, sharex=True, sharey=True)
    z, low, high = ecdf_envelope(len(good), found.body["ranked_among"])
    seen = np.unique(np.linspace(0, len(z) - 1, 100).astype(int))  # of the points that are judged, enough to draw
    for ax, name in zip(axes.flat, names, strict=False):
        values = good[name].to_numpy()
        ecdf = np.searchsorted(np.sort(values), np.arange(1, found.body["ranked_among"] + 1)) / len(values)
        out = bool(((ecdf < low) | (ecdf > high)).any())
        ax.fill_between(z[seen], (low - z)[seen], (high - z)[seen], color=style.GRID, lw=0)
        ax.plot(z[seen], (ecdf - z)[seen], color=style.KAPLAN if out else style.POSTERIOR, lw=1)
        ax.set_title(SYMBOLS.get(name, name), fontsize=8)
        ax.tick_params(labelsize=6.5)
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    figure.supxlabel("rank / number of draws", fontsize=8.5)
    figure.supylabel("share of ranks below − expected", fontsize=8.5)
    return figure


def studies(study: Analysis) -> "Markdown":
    """Every calibration study: design, model, draws, how fitted, the smallest adjusted p-value, coverage of D_opt."""
    found = recorded(study, "sbc")
    if not found:
        return text.absent(NONE)
    rows = []
    for one in found:
        tests = pd.DataFrame(one.body["tests"])
        p = held = text.ABSENT
        if len(tests):
            worst, answer = least(tests, "holm"), tests[tests["quantity"] == "D_opt_at"].iloc[0]
            p = f"{text.significant(worst['holm'], 2)}, {SYMBOLS.get(worst['quantity'], worst['quantity'])}"
            held = " / ".join(text.percent(answer[f"coverage_{level}"]) for level in (50, 80, 95))
        rows.append(
            {
                "design": one.body["design"],
                "model": one.body["target"],
                "drawn by": ", ".join(f"{n:,} {how}" for how, n in one.body["fitted_by"].items()),
                "draws": f"{one.body['draws']:,}",
                "k-hat > 0.7": text.ABSENT
                if one.body.get("khat_over_0.7") is None
                else text.percent(one.body["khat_over_0.7"], 1),
                "least p (Holm)": p,
                "coverage of $D_{opt}(N)$": held,
            }
        )
    return text.table(rows, left=("model", "drawn by", "least p (Holm)"))


def coverage_study(study: Analysis) -> Recorded | None:
    """The coverage study on this grid's design, else the first there is."""
    found = recorded(study, "coverage")
    order = sorted(found, key=lambda one: one.body["design"] != study.grid.name)
    return order[0] if order else None


@style.drawn
def coverage(study: Analysis) -> Figure:
    """Share of intervals that hold the truth, by method and scenario, for the answer."""
    found = coverage_study(study)
    if found is None:
        return style.note(NONE)
    table = answer_rows(found)
    scenarios = list(dict.fromkeys(table["scenario"]))
    methods = list(dict.fromkeys(table["method"]))
    figure, axes = style.canvas(7.4, 0.3 * len(methods) + 1.3, 1, len(scenarios), squeeze=False, sharey=True)
    tones = {0.5: style.PREDICTIVE, 0.8: style.HOFFMANN, 0.95: style.POSTERIOR}
    for ax, (scenario, mine) in zip(axes.flat, groups(table, "scenario"), strict=True):
        for row in each(mine):
            y = len(methods) - 1 - methods.index(row.method)
            for level, tone in tones.items():
                ax.plot([100 * getattr(row, f"covered_{round(100 * level)}")], [y], "o", color=tone, ms=4.5)
        for level, tone in tones.items():
            ax.axvline(100 * level, color=tone, lw=0.8, ls="--")
        ax.set_xlim(0, 104)
        ax.set_title(scenario, fontsize=8)
    axes[0, 0].set_yticks(range(len(methods)), methods[::-1], fontsize=7)
    figure.supxlabel("intervals that hold the truth (%), nominal dashed", fontsize=8.5)
    return figure


def answer_rows(found: Recorded) -> pd.DataFrame:
    """The rows of the summary about D_opt at the reference size, in wide form: scenario, method, covered_50, _80, _95."""
    table = pd.DataFrame(found.body["coverage"])
    return table[table["quantity"] == "D_opt_at"] if "quantity" in table else table


def scenarios(study: Analysis) -> str:
    """What the coverage study simulated."""
    found = coverage_study(study)
    if found is None:
        return ""
    E = [truth["E"] for truth in found.body["truths"]]
    return (
        f"It is of {found.body['replicates']} simulated studies in four scenarios: “dense”, all cells and normal noise of "
        f"{text.percent(NOISE, 1)}; “small”, every fourth cell; “contaminated”, one loss in {round(1 / OUTLIERS)} raised by a "
        f"half-normal error of {text.percent(OUTLIER_SCALE)}; “shared”, an error of {text.percent(SHARED, 1)} that the runs of a "
        f"width share. In all of them the law is true, with $E$ of {min(E)} to {max(E)}: what intervals hold under a wrong law "
        "is not tested."
    )
