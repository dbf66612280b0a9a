"""What happened: training curves, isoFLOP profiles, generalisation, throughput and cost, failures."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import Analysis
from study.figures.design import colours
from study.figures.frames import complete, each, groups
from study.record import CurvePoint, RunRecord

if TYPE_CHECKING:
    from IPython.display import Markdown


@style.drawn
def curves(study: Analysis) -> Figure:
    """Validation loss along every run against its compute, coloured by the budget it ends at."""
    figure, ax = style.canvas(7.2, 4.0)
    palette, rows = colours(study), complete(study.frame)
    for row in each(rows):
        points = _of(study.records[row.run_id])
        ax.plot(
            [p.flops for p in points], [p.validation_loss for p in points], color=palette[row.budget], lw=0.7, alpha=0.55
        )
        ax.plot([points[-1].flops], [points[-1].validation_loss], "o", color=palette[row.budget], ms=2.5)
    ax.set_xlim(float(rows["C_exact"].min()) / 300, float(rows["C_exact"].max()) * 1.3)
    ax.set_ylim(
        float(rows["loss"].min()) * 0.95,
        float(max(p.validation_loss for r in study.records.values() for p in _of(r)[:1])) * 1.03,
    )
    style.log_axis(ax, "x", style.power)
    style.log_axis(ax, "y", lambda y: f"{y:g}")
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


def _of(record: RunRecord) -> list[CurvePoint]:
    return [point for point in record.curve if point.tokens > 0 and np.isfinite(point.validation_loss)]


@style.drawn
def profiles(study: Analysis) -> Figure:
    """Loss against N at each budget: runs, the parabola of approach 2, and the posterior of the law along the same cells."""
    figure, ax = style.canvas(7.2, 4.8)
    palette, draws = colours(study), study.posterior.draws
    rows = complete(study.frame)
    rows = rows[rows["role"].isin(["isoflop", "seed", "held-out"])]
    ax.set_xlim(float(rows["N"].min()) / 1.3, float(rows["N"].max()) * 1.08)
    ax.set_ylim(float(rows["loss"].min()) * 0.97, float(rows["loss"].max()) * 1.02)
    style.log_axis(ax, "x")
    for budget, group in groups(rows, "budget"):
        path = group[group["role"] != "seed"].sort_values("N")
        held = budget in study.held_out_budgets
        if len(path) > 1:
            x = np.geomspace(float(path["N"].min()), float(path["N"].max()), 40)
            tokens = np.exp(np.interp(np.log(x), np.log(path["N"]), np.log(path["D"])))
            style.fan(ax, x, draws.loss(x[:, None], tokens[:, None]), palette[budget], levels=(0.95,))
            if len(path) > 2 and not held:
                parabola = np.polyfit(np.log(path["N"]), path["loss"], 2)
                ax.plot(x, np.polyval(parabola, np.log(x)), color=style.INK, ls=":", lw=1, zorder=4)
        ax.plot(
            group["N"], group["loss"], "s" if held else "o", color=palette[budget], ms=4.5, mec="white", mew=0.5, zorder=5
        )
        last = path.iloc[-1] if len(path) else group.iloc[-1]
        ax.annotate(
            f"{style.power(budget)} FLOP",
            (last["N"], last["loss"]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=palette[budget],
            fontsize=8,
            annotation_clip=False,
        )
    optimum = np.geomspace(float(study.fit["C"].min()) / 2, float(study.frame["C"].max()) * 2, 50)
    ax.plot(
        np.median(draws.N_opt(optimum[:, None]), axis=1),
        optimal_loss(study, optimum),
        color=style.INK,
        lw=1,
        ls="--",
        zorder=3,
    )
    style.panel(ax, "", "parameters $N$", "validation loss (nats/token)")
    return figure


def optimal_loss(study: Analysis, C: np.ndarray) -> np.ndarray:
    """Median over draws of the loss at each draw's own optimum."""
    draws, at = study.posterior.draws, np.asarray(C)[:, None]
    return np.asarray(np.median(draws.loss(draws.N_opt(at), draws.D_opt(at)), axis=1))


def runs_table(study: Analysis) -> "Markdown":
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


@style.drawn
def generalisation(study: Analysis) -> Figure:
    """Validation minus training loss against D, and loss on the other corpus against validation loss."""
    rows = complete(study.frame)
    other = rows[rows["ood_loss"].notna()]
    figure, axes = style.canvas(7.2, 3.0, 1, 2 if len(other) else 1, squeeze=False)
    palette = colours(study)
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


def noise_scale(record: RunRecord) -> float:
    """B_simple over the second half of a run in tokens: the ratio of the averages of tr(Sigma) and |G|^2; nan where unknown."""
    late = [
        p
        for p in record.curve
        if p.tokens >= record.config.tokens / 2 and np.isfinite(p.gradient_square) and np.isfinite(p.gradient_trace)
    ]
    square = float(np.mean([p.gradient_square for p in late])) if late else float("nan")
    return float(np.mean([p.gradient_trace for p in late])) / square if square > 0 else float("nan")


@style.drawn
def noise_scales(study: Analysis) -> Figure:
    """The gradient noise scale of each run against its loss, beside the batch it was trained with."""
    figure, ax = style.canvas(6.8, 3.4)
    palette, rows = colours(study), complete(study.frame)
    scales = np.array([noise_scale(study.records[run_id]) for run_id in rows["run_id"]])
    good = np.isfinite(scales) & (scales > 0)
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


def peaks(study: Analysis) -> dict[str, float]:
    """The highest matmul speed that any run measured, by processor, FLOP/s: a busy machine measures less than it has."""
    out: dict[str, float] = {}
    for record in study.records.values():
        out[record.provenance.cpu] = max(out.get(record.provenance.cpu, 0.0), record.timing.matmul_peak)
    return out


@style.drawn
def throughput(study: Analysis) -> Figure:
    """Speed by width: exact FLOPs a second of training time, and as a share of the machine's measured matmul peak."""
    figure, (left, right) = style.canvas(7.2, 2.8, 1, 2)
    palette, peak = colours(study), peaks(study)
    for row in each(complete(study.frame)):
        timing, cpu = study.records[row.run_id].timing, study.records[row.run_id].provenance.cpu
        left.plot([row.width], [row.C_exact / timing.train_cpu / 1e9], "o", color=palette[row.budget], ms=4, alpha=0.8)
        right.plot(
            [row.width],
            [100 * row.C_exact / (timing.train_cpu * peak[cpu])],
            "o",
            color=palette[row.budget],
            ms=4,
            alpha=0.8,
        )
    for ax, label in ((left, "GFLOP a CPU-second"), (right, "% of measured matmul peak")):
        ax.set_ylim(bottom=0)
        style.log_axis(ax, "x", lambda x: f"{x:g}", most=6)
        style.panel(ax, "", "width $d$", label)
    return figure


def cost(study: Analysis) -> "Markdown":
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
                "exact FLOP": text.power(float(group["C_exact"].sum())),
                "process-time": text.duration(float(group["seconds"].sum())),
                "CPU-time": text.duration(float(group["cpu_seconds"].sum())),
                "GFLOP a CPU-second": text.significant(float(group["C_exact"].sum() / group["cpu_seconds"].sum()) / 1e9, 2),
                "dollars": _dollars(group),
            }
            for name, group in parts
        ]
    )


def _dollars(group: pd.DataFrame) -> str:
    """The recorded prices of runs, where all have one."""
    return text.ABSENT if group["dollars"].isna().any() else text.significant(float(group["dollars"].sum()), 2)
