"""The toy extrapolation: a funnel of errors against the distance, and where intervals stop holding the truth."""

from functools import lru_cache

import pandas as pd
from matplotlib.figure import Figure

from study.analysis.tables import groups
from study.analysis.toy import APPROACHES
from study.articles.kaplan.data import Kaplan
from study.articles.shared import style, text
from study.articles.verdict import Verdict

COLOURS = dict(zip(APPROACHES, (style.KAPLAN, style.HOFFMANN, style.REFIT, style.POSTERIOR), strict=True))
MISSING = "The toy extrapolation is not recorded: run `study calibrate --toy`."
GROWS = 1.5  # times the excess of the factor over 1, from the last fitted budget to the farthest forecast


@lru_cache(maxsize=4)
def rows(study: Kaplan) -> pd.DataFrame:
    """The recorded summary: a row a noise, number of runs, estimator and distance."""
    return pd.DataFrame(study.toy["coverage"]) if study.toy else pd.DataFrame()


@style.drawn
def funnel(study: Kaplan) -> Figure:
    """Estimated over true D_opt against the distance: 95 % of the simulated studies, by noise and estimator."""
    table = rows(study)
    if table.empty:
        return style.note(MISSING)
    noises, runs = sorted(table["noise"].unique()), sorted(table["runs"].unique())
    canvas, axes = style.canvas(7.4, 5.6, len(runs), len(noises), sharex=True, sharey=True, squeeze=False)
    for line, count in zip(axes, runs, strict=True):
        for ax, noise in zip(line, noises, strict=True):
            for name in APPROACHES:
                part = table[(table["noise"] == noise) & (table["runs"] == count) & (table["estimator"] == name)]
                x = part["decades"]
                ax.fill_between(x, 10 ** part["error_low"], 10 ** part["error_high"], color=COLOURS[name], alpha=0.18, lw=0)
                ax.plot(x, 10 ** part["error_median"], color=COLOURS[name], lw=1.2, label=name)
            ax.axhline(1, color=style.MUTED, lw=0.7)
            ax.set_yscale("log")
            style.panel(ax, f"{count:.0f} runs, noise {100 * noise:g} %")
    for ax in axes[-1]:
        ax.set_xlabel("decades beyond the largest compute")
    for ax in axes[:, 0]:
        ax.set_ylim(0.03, 30)
        style.log_axis(ax, "y", style.plain, most=5)
        ax.set_ylabel("estimate / truth")
    axes[0, 0].legend(fontsize=6.5)
    return canvas


@style.drawn
def coverage(study: Kaplan) -> Figure:
    """Share of the 95 % intervals that hold the true D_opt, by distance and estimator."""
    table = rows(study)
    if table.empty:
        return style.note(MISSING)
    noises = sorted(table["noise"].unique())
    canvas, axes = style.canvas(7.4, 2.7, 1, len(noises), sharey=True, squeeze=False)
    for ax, noise in zip(axes[0], noises, strict=True):
        for name in APPROACHES:
            part = table[(table["noise"] == noise) & (table["estimator"] == name)].groupby("decades")["covered_95"].mean()
            ax.plot(part.index, 100 * part, "o-", color=COLOURS[name], ms=3, label=name)
        ax.axhline(95, color=style.MUTED, lw=0.8, ls="--")
        ax.set_ylim(0, 102)
        style.panel(ax, f"noise {100 * noise:g} %", "decades beyond")
    axes[0, 0].set_ylabel("95 % intervals that hold (%)")
    axes[0, 0].legend(fontsize=6.5)
    return canvas


def table(study: Kaplan) -> object:
    """Typical factor of error at the largest compute, three and six decades beyond, and coverage, by estimator and noise."""
    found = rows(study)
    if found.empty:
        return text.absent(MISSING)
    out = []
    for noise, part in groups(found[found["runs"] == found["runs"].median()], "noise"):
        for name in APPROACHES:
            one = part[part["estimator"] == name].set_index("decades")
            out.append({"noise": text.percent(noise, 1), "estimator": name,
                        **{f"+{at} decades": f"× {one['factor'][at]:.2f}" for at in (0, 3, 6)},
                        "95 % holds, +6": text.percent(float(one["covered_95"][6]))})
    return text.table(out)


def verdict(study: Kaplan) -> Verdict:
    """The typical error grows with the distance: approach 3, the most noise, the table's number of runs."""
    found = rows(study)
    if found.empty:
        return Verdict("toy", "small becomes large", text.ABSENT, "not tested yet", float("nan"), "simulated")
    noise, runs = found["noise"].max(), found["runs"].median()
    part = found[(found["noise"] == noise) & (found["runs"] == runs) & (found["estimator"] == "approach 3")].set_index("decades")
    near, far = float(part["factor"][0]), float(part["factor"][6])
    ratio = (far - 1) / (near - 1)
    return Verdict("toy", "small becomes large", f"× {near:.2f} at the data, × {far:.2f} six decades beyond",
                   "reproduced" if ratio > GROWS else "contradicted", ratio, "simulated")


def case(study: Kaplan) -> str:
    """Estimator, number of runs and noise that the verdict is read at."""
    found = rows(study)
    if found.empty:
        return text.ABSENT
    return f"approach 3, {found['runs'].median():.0f} runs, noise {text.percent(float(found['noise'].max()))}"


def runs(study: Kaplan) -> str:
    """The number of runs of the table's studies."""
    found = rows(study)
    return text.ABSENT if found.empty else f"{found['runs'].median():.0f}"
