"""Every run: curves, generalisation, the gradient noise scale, speed, cost, and the table of all."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis import training
from study.analysis.study import Study
from study.analysis.tables import complete, each, groups
from study.articles.shared import style, text
from study.articles.shared.page import callout

if TYPE_CHECKING:
    from IPython.display import Markdown

TREND = 0.5  # a correlation from which on a trend is named


def failed(study: Study) -> None:
    """A note with the runs that diverged or failed, where there are any."""
    if found := training.failed(study):
        callout("note", "Runs that diverged or failed",
                "\n".join(f"- `{record.run_id}`, {record.status}: {record.reason}" for record in found))


def _gap(study: Study) -> pd.Series:
    rows = complete(study.frame)
    found: pd.Series = rows["loss"] - rows["train_loss"]
    return found


def _correlation(study: Study) -> float:
    gap = _gap(study)
    return float(np.corrcoef(np.log(complete(study.frame)["D"]), gap)[0, 1]) if gap.std() > 0 else 0.0


def gap(study: Study) -> str:
    """Validation minus training loss of the median run, nats a token."""
    return text.two(float(_gap(study).median())).replace("−", "")


def gap_side(study: Study) -> str:
    """On which side validation lies."""
    return "above" if float(_gap(study).median()) > 0 else "below"


def gap_largest(study: Study) -> str:
    """The largest difference of a run."""
    return text.two(float(_gap(study).max()))


def gap_trend(study: Study) -> str:
    """How the difference goes with the tokens seen."""
    r = _correlation(study)
    return "grows" if r > TREND else "falls" if r < -TREND else "has no clear trend"


def gap_correlation(study: Study) -> str:
    """Its correlation with ln D."""
    return text.signed(_correlation(study))


def _ratios(study: Study) -> pd.Series:
    rows = training.noise_scales(study).dropna(subset=["noise_scale"])
    found: pd.Series = rows["noise_scale"] / rows["batch_tokens"]
    return found


def known_scales(study: Study) -> str:
    """Runs whose gradient noise scale is known."""
    return f"{len(_ratios(study)):,} of {len(complete(study.frame)):,}"


def small_batches(study: Study) -> str:
    """How many of them had a batch below it."""
    return f"{int((_ratios(study) > 1).sum()):,}"


def batch_factor(study: Study) -> str:
    """By what factor, in the median."""
    return text.median(_ratios(study), text.two) if len(_ratios(study)) else text.ABSENT


def _share_at(study: Study, width: float) -> str:
    rows = training.speeds(study)
    return text.percent(float(rows[rows["width"] == width]["share"].median()))


def smallest_width(study: Study) -> str:
    """The smallest width of the runs."""
    return f"{complete(study.frame)['width'].min():g}"


def largest_width(study: Study) -> str:
    """The largest."""
    return f"{complete(study.frame)['width'].max():g}"


def smallest_speed(study: Study) -> str:
    """Share of the matmul peak at the smallest width."""
    return _share_at(study, complete(study.frame)["width"].min())


def largest_speed(study: Study) -> str:
    """At the largest."""
    return _share_at(study, complete(study.frame)["width"].max())


def price(study: Study) -> str:
    """What the grid's runs cost where every one has a price."""
    dollars = study.frame["dollars"]
    return "unknown: no price was set" if dollars.isna().any() else f"{text.two(float(dollars.sum()))} dollars"


def loss_error(study: Study) -> str:
    """The median standard error of a loss, nats."""
    return text.two(float(study.fit["loss_se"].median()))


@style.drawn
def curves(study: Study) -> Figure:
    """Validation loss along every run against its compute, coloured by the budget it ends at."""
    figure, ax = style.canvas(7.2, 4.0)
    palette, rows = style.colours(study), complete(study.frame)
    for row in each(rows):
        points = training.points(study.records[row.run_id])
        ax.plot(
            [p.flops for p in points], [p.validation_loss for p in points], color=palette[row.budget], lw=0.7, alpha=0.55
        )
        ax.plot([points[-1].flops], [points[-1].validation_loss], "o", color=palette[row.budget], ms=2.5)
    ax.set_xlim(float(rows["C_exact"].min()) / 300, float(rows["C_exact"].max()) * 1.3)
    ax.set_ylim(
        float(rows["loss"].min()) * 0.95,
        float(max(p.validation_loss for r in study.records.values() for p in training.points(r)[:1])) * 1.03,
    )
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", style.plain)
    style.line_labels(
        ax,
        ax.get_xlim()[1],
        [
            (float(group["loss"].min()), f"{style.power(budget)} FLOP", palette[budget])
            for budget, group in groups(rows, "budget")
        ],
    )
    style.panel(ax, "", "training compute so far, exact (FLOP)", "validation loss (nats/token)")
    return figure


@style.drawn
def generalisation(study: Study) -> Figure:
    """Validation minus training loss against D, and loss on the other corpus against validation loss."""
    rows = complete(study.frame)
    other = rows[rows["ood_loss"].notna()]
    figure, axes = style.canvas(7.2, 3.0, 1, 2 if len(other) else 1, squeeze=False)
    palette = style.colours(study)
    left = axes[0, 0]
    left.scatter(rows["D"], rows["loss"] - rows["train_loss"], c=[palette[budget] for budget in rows["budget"]], s=18)
    left.axhline(0, color=style.MUTED, lw=0.8)
    left.set_xlim(rows["D"].min() / 1.5, rows["D"].max() * 1.5)
    style.log_axis(left, "x", most=5)
    style.panel(left, "validation − training subset", "training tokens $D$", "nats/token")
    if len(other):
        right = axes[0, 1]
        right.scatter(other["loss"], other["ood_loss"], c=[palette[budget] for budget in other["budget"]], s=18)
        slope, start = np.polyfit(other["loss"], other["ood_loss"], 1)
        ends = np.array([other["loss"].min(), other["loss"].max()])
        right.plot(ends, start + slope * ends, color=style.MUTED, lw=0.9)
        style.panel(right, "on the other corpus", "validation loss (nats/token)", "loss there (nats/token)")
    return figure


@style.drawn
def noise_scales(study: Study) -> Figure:
    """The gradient noise scale of each run against its loss, beside the batch it was trained with."""
    figure, ax = style.canvas(6.8, 3.4)
    palette, rows = style.colours(study), training.noise_scales(study)
    scales = rows["noise_scale"].to_numpy()
    good = np.isfinite(scales)
    if not good.any():
        return style.note("No run recorded a gradient noise scale.")
    tone = [palette[budget] for budget in rows["budget"]]
    ax.scatter(rows["loss"][good], scales[good], c=np.array(tone)[good], s=20)
    ax.scatter(rows["loss"], rows["batch_tokens"], marker="_", c=tone, s=40, lw=1.2)
    ax.set_ylim(
        min(scales[good].min(), rows["batch_tokens"].min()) / 2, max(scales[good].max(), rows["batch_tokens"].max()) * 2
    )
    style.log_axis(ax, "y", lambda y: f"{y:,.0f}")
    ax.invert_xaxis()
    style.panel(
        ax, "", "validation loss at the end (nats/token), falling to the right", "tokens: noise scale (dots), batch (dashes)"
    )
    return figure


@style.drawn
def throughput(study: Study) -> Figure:
    """Speed by width: exact FLOPs a second of training time, and as a share of the machine's measured matmul peak."""
    figure, (left, right) = style.canvas(7.2, 2.8, 1, 2)
    palette = style.colours(study)
    for row in each(training.speeds(study)):
        for ax, value in ((left, row.speed / 1e9), (right, 100 * row.share)):
            ax.plot([row.width], [value], "o", color=palette[row.budget], ms=4, alpha=0.8)
    for ax, label in ((left, "GFLOP a CPU-second"), (right, "% of measured matmul peak")):
        ax.set_ylim(bottom=0)
        style.log_axis(ax, "x", style.plain, most=6)
        style.panel(ax, "", "width $d$", label)
    return figure


def cost_table(study: Study) -> "Markdown":
    """FLOPs, hours, speed and price by budget, of the grid, and of the sweep."""
    parts = [(text.power(budget), group) for budget, group in groups(study.frame, "budget")]
    parts.append(("the grid", study.frame))
    if len(study.sweep):
        parts.append(("tuning sweep", study.sweep))
    return text.table(
        [
            {
                "budget (FLOP)": name,
                "runs": str(len(group)),
                "exact FLOP of training": text.power(float(group["C_exact"].sum())),
                "wall time": text.duration(float(group["seconds"].sum())),
                "CPU time": text.duration(float(group["cpu_seconds"].sum())),
                "GFLOP a CPU-second": text.significant(float(group["C_exact"].sum() / group["cpu_seconds"].sum()) / 1e9, 2),
                "dollars": _dollars(group),
            }
            for name, group in parts
        ]
    )


def _dollars(group: pd.DataFrame) -> str:
    """The recorded prices of runs, where all have one."""
    return text.ABSENT if group["dollars"].isna().any() else text.significant(float(group["dollars"].sum()), 2)


def runs_table(study: Study) -> "Markdown":
    """Every run of the grid that finished."""
    return text.table(
        [
            {
                "budget (FLOP)": text.power(row.budget),
                "role": row.role.replace("-", "\u2011"),
                "d × L": f"{row.width}{text.NBSP}×{text.NBSP}{row.layers}",
                "N": text.count(row.N),
                "D (tokens)": text.count(row.D),
                "seed": str(row.seed),
                "batch": f"{row.batch_tokens:,}",
                "LR": text.significant(row.learning_rate, 2),
                "loss (nats/token)": f"{row.loss:.4f}" if row.status == "complete" else row.status,
            }
            for row in each(study.frame.sort_values(["budget", "N", "D", "seed"]))
        ],
        left=("role", "d × L"),
    )
