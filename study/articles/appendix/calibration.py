"""Calibration and coverage, as recorded: do the posterior's intervals hold what they say?"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.approaches import BY_ROWS, POSTERIOR, approaches
from study.analysis.calibration import Recorded, answer_rows, headline_ranks, on_design, recorded
from study.analysis.study import Study
from study.analysis.tables import each, groups, lowest
from study.articles.shared import style, text, words
from study.articles.shared.page import callout
from study.inference.calibration.coverage import COVERED, NOISE, OUTLIER_SCALE, OUTLIERS, SHARED
from study.inference.calibration.ranks import ecdf_envelope

if TYPE_CHECKING:
    from IPython.display import Markdown

NONE = "No such study is recorded under runs/calibration/."
OURS = "posterior, headline"
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


def design_of(found: Recorded | None) -> str:
    """The grid whose cells a study simulates on."""
    return f"`{found.body['design']}`" if found else text.ABSENT


def replicates_of(found: Recorded | None) -> str:
    """How many studies it simulates of each kind."""
    return f"{found.body['replicates']}" if found else "0"


def missing(study: Study) -> None:
    """A warning where a calibration or coverage study is missing."""
    kinds = {"sbc": "simulation-based calibration", "coverage": "coverage study"}
    absent = [name for kind, name in kinds.items() if not recorded(study, kind)]
    if absent:
        callout("warning", "Checks that are not recorded", f"No {words.enumeration(absent)}: run `study calibrate`.")


def _worst(study: Study) -> tuple[Any, int]:
    """The test of the least adjusted p-value, and how many quantities were tested."""
    found = headline_ranks(study)
    tests = pd.DataFrame(found.body["tests"]) if found else pd.DataFrame({"quantity": ["none"], "holm": [float("nan")]})
    return lowest(tests, "holm"), len(tests) if found else 0


def truths(study: Study) -> str:
    """Truths drawn from the prior and fitted."""
    found = headline_ranks(study)
    return f"{found.body['draws']:,}" if found else "0"


def truths_design(study: Study) -> str:
    """The design they were fitted on."""
    return design_of(headline_ranks(study))


def ranks_verdict(study: Study) -> str:
    """Whether the ranks are uniform, else whose are not."""
    worst, tested = _worst(study)
    if not tested:
        return "nothing"
    if worst["holm"] > 0.05:
        return "no departure from uniform ranks"
    return f"**ranks of {SYMBOLS.get(worst['quantity'], worst['quantity'])} that are not uniform**"


def least_p(study: Study) -> str:
    """The least p-value after Holm's correction."""
    return text.two(float(_worst(study)[0]["holm"]))


def tested(study: Study) -> str:
    """Over how many quantities."""
    return f"{_worst(study)[1]}"


def _ours(study: Study) -> pd.DataFrame:
    table = answer_rows(on_design(study, "coverage"))
    return table[table["method"].astype(str).str.startswith(OURS)]


def covered(study: Study) -> str:
    """In how many of the simulated studies the headline's 95 % interval of the answer holds the truth, by scenario."""
    found = [f"{text.percent(row.covered_95)} of “{row.scenario}”" for row in each(_ours(study))]
    return words.enumeration(found)


def coverage_design(study: Study) -> str:
    """The grid whose cells the simulated studies of coverage use."""
    return design_of(on_design(study, "coverage"))


def coverage_truths(study: Study) -> str:
    """Their truths, as a word."""
    found = on_design(study, "coverage")
    return words.number_word(len(found.body["truths"])) if found else text.ABSENT


def least_covered(study: Study) -> str:
    """The least of these shares."""
    return text.percent(float(_ours(study)["covered_95"].min())) if len(_ours(study)) else text.ABSENT


def _rivals(study: Study) -> pd.DataFrame:
    """The classical methods on ample clean data, with `wider`, their width over the posterior's in ln; empty where none is."""
    found = on_design(study, "coverage")
    if found is None:
        return pd.DataFrame()
    dense = answer_rows(found)
    dense = dense[dense["scenario"] == "dense"]
    ours = dense[dense["method"].str.startswith(OURS)]
    rivals = dense[~dense["method"].str.startswith("posterior")]
    return rivals.assign(wider=rivals["log_width_95"] / ours["log_width_95"].iloc[0]) if len(ours) else pd.DataFrame()


def _nearest(study: Study) -> Any:
    """The one nearest to 95 %."""
    rivals = _rivals(study)
    return lowest(rivals.assign(off=(rivals["covered_95"] - 0.95).abs()), "off") if len(rivals) else None


def nearest(study: Study) -> str:
    """Its name."""
    found = _nearest(study)
    return "none" if found is None else str(found["method"])


def nearest_covered(study: Study) -> str:
    """How often its interval holds the truth."""
    found = _nearest(study)
    return text.ABSENT if found is None else text.percent(float(found["covered_95"]))


def nearest_wider(study: Study) -> str:
    """How many times as wide as the posterior's it is, in ln."""
    found = _nearest(study)
    return text.ABSENT if found is None else text.two(float(found["wider"]))


def rows_wider(study: Study) -> str:
    """How many times as wide as the posterior's the interval of Huber's fit by a bootstrap of rows is there, in ln."""
    rivals = _rivals(study)
    found = rivals[rivals["method"] == "row bootstrap"] if len(rivals) else rivals
    return text.two(float(found["wider"].iloc[0])) if len(found) else text.ABSENT


def rows_wider_here(study: Study) -> str:
    """And on the study's own runs."""
    width = {one.name: np.log(one.interval[1] / one.interval[0]) for one in approaches(study) if one.interval}
    return text.two(float(width[BY_ROWS] / width[POSTERIOR])) if BY_ROWS in width else text.ABSENT


def replicates(study: Study) -> str:
    """Simulated studies a scenario."""
    return replicates_of(on_design(study, "coverage"))


def noise() -> str:
    """Normal noise of the scenarios, of the loss."""
    return text.percent(NOISE, 1)


def outliers() -> str:
    """One loss in so many is raised in “contaminated”."""
    return f"{round(1 / OUTLIERS)}"


def outlier_scale() -> str:
    """The scale of its half-normal error."""
    return text.percent(OUTLIER_SCALE)


def shared_error() -> str:
    """The error that the runs of a width share in “shared”."""
    return text.percent(SHARED, 1)


def floors(study: Study) -> str:
    """From and to which E the truths go."""
    found = on_design(study, "coverage")
    E = [truth["E"] for truth in found.body["truths"]] if found else []
    return f"{min(E)} to {max(E)}" if E else text.ABSENT


def floor_lies(study: Study) -> str:
    """Where the median of this study's fitted E lies beside that range."""
    found, E = on_design(study, "coverage"), float(np.median(study.posterior.parameters.E))
    truths = [truth["E"] for truth in found.body["truths"]] if found else []
    return ("inside" if min(truths) <= E <= max(truths) else "outside") if truths else text.ABSENT


def floor(study: Study) -> str:
    """That median, nats a token."""
    return text.median(study.posterior.parameters.E, text.two)


@style.drawn
def ranks(study: Study) -> Figure:
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


def studies(study: Study) -> "Markdown":
    """Every calibration study: design, model, draws, how fitted, the smallest adjusted p-value, coverage of D_opt."""
    found = recorded(study, "sbc")
    if not found:
        return text.absent(NONE)
    rows = []
    for one in found:
        tests = pd.DataFrame(one.body["tests"])
        p = held = text.ABSENT
        if len(tests):
            worst, answer = lowest(tests, "holm"), tests[tests["quantity"] == "D_opt_at"].iloc[0]
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


@style.drawn
def coverage(study: Study) -> Figure:
    """Share of intervals that hold the truth, by method and scenario, for the answer."""
    found = on_design(study, "coverage")
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
                ax.plot([100 * getattr(row, COVERED[level])], [y], "o", color=tone, ms=4.5)
        for level, tone in tones.items():
            ax.axvline(100 * level, color=tone, lw=0.8, ls="--")
        ax.set_xlim(0, 104)
        ax.set_title(scenario, fontsize=8)
    axes[0, 0].set_yticks(range(len(methods)), methods[::-1], fontsize=7)
    handles = [axes[0, 0].plot([], [], "o", color=tone, ms=4.5, label=f"{100 * level:g} %")[0] for level, tone in tones.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), fontsize=7.5)
    figure.supxlabel("intervals that hold the truth (%), nominal dashed", fontsize=8.5)
    return figure
