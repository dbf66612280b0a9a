"""What happened: training curves, isoFLOP profiles, seed noise, throughput and cost, failures."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import Analysis
from study.figures.design import colours
from study.figures.frames import complete, each, groups

if TYPE_CHECKING:
    from IPython.display import Markdown


def curves(study: Analysis) -> Figure:
    """Validation loss along every run against its compute, coloured by the budget it ends at."""
    figure, ax = style.canvas(7.2, 4.2)
    palette = colours(study)
    rows = complete(study.frame)
    for row in each(rows):
        curve = [point for point in study.records[row.run_id].curve if point.tokens > 0]
        ax.plot(
            [point.flops for point in curve],
            [point.validation_loss for point in curve],
            color=palette[row.budget],
            lw=0.7,
            alpha=0.6,
        )
    ax.set_xlim(max(rows["C_exact"].min() / 300, 1e7), rows["C_exact"].max() * 4)
    ax.set_ylim(rows["loss"].min() * 0.95, min(ax.get_ylim()[1], rows["loss"].max() * 1.9))
    style.log_axis(ax, "x", style.power)
    ends = rows.groupby("budget")["loss"].min()
    style.log_axis(ax, "y", lambda y: f"{y:g}")
    style.line_labels(
        ax,
        rows["C_exact"].max() * 1.15,
        [(float(loss), style.power(budget), palette[budget]) for budget, loss in ends.items()],
    )
    style.panel(ax, "", "training compute so far, exact (FLOP)", "validation loss (nats/token)")
    return figure


def profiles(study: Analysis) -> Figure:
    """Loss against N at each budget: runs, the parabola of approach 2, and the posterior of the law along the same cells."""
    figure, ax = style.canvas(7.2, 4.8)
    palette, posterior = colours(study), study.posterior
    rows = study.frame[(study.frame["status"] == "complete") & study.frame["role"].isin(["isoflop", "seed", "held-out"])]
    labels = []
    for budget, group in groups(rows, "budget"):
        path = group[group["role"] != "seed"].sort_values("N")
        x = np.geomspace(path["N"].min(), path["N"].max(), 40)
        tokens = np.exp(np.interp(np.log(x), np.log(path["N"]), np.log(path["D"])))
        style.fan(ax, x, posterior.draws.loss(x[:, None], tokens[:, None]), palette[budget], levels=(0.95,), median=True)
        ax.plot(
            group["N"],
            group["loss"],
            "s" if budget in study.held_out_budgets else "o",
            color=palette[budget],
            ms=4.5,
            mec="white",
            mew=0.5,
            zorder=5,
        )
        if path["N"].nunique() >= 3:
            ax.plot(
                x,
                np.polyval(np.polyfit(np.log(path["N"]), path["loss"], 2), np.log(x)),
                color=palette[budget],
                ls=":",
                lw=1.2,
                zorder=4,
            )
        labels.append((float(path["loss"].iloc[-1]), f"{style.power(budget)} FLOP", palette[budget]))
    ax.set_xlim(rows["N"].min() / 1.3, rows["N"].max() * 1.15)
    ends = rows.groupby("budget")["N"].max()
    optimum = np.geomspace(study.fit["C"].min() / 2, study.frame["C"].max() * 2, 50)
    middle = np.median(posterior.draws.N_opt(optimum[:, None]), axis=1)
    ax.plot(middle, posterior_loss(study, optimum), color=style.INK, lw=1, ls="--", zorder=3)
    ax.set_ylim(rows["loss"].min() * 0.96, rows["loss"].max() * 1.03)
    style.log_axis(ax, "x")
    for (loss, name, colour), n in zip(labels, ends, strict=True):
        ax.annotate(
            name,
            (n, loss),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=8,
            annotation_clip=False,
        )
    style.panel(ax, "", "parameters $N$", "validation loss (nats/token)")
    return figure


def posterior_loss(study: Analysis, C: np.ndarray) -> np.ndarray:
    """Median over draws of the loss at each draw's own optimum."""
    draws, at = study.posterior.draws, np.asarray(C)[:, None]
    return np.asarray(np.median(draws.loss(draws.N_opt(at), draws.D_opt(at)), axis=1))


def runs_table(study: Analysis) -> "Markdown":
    """Every run of the grid that finished."""
    rows = study.frame.sort_values(["budget", "N", "D", "seed"])
    return text.table(
        [
            {
                "budget (FLOP)": text.power(row.budget),
                "role": row.role,
                "shape d × L": f"{row.width} × {row.layers}",
                "N": text.count(row.N),
                "D (tokens)": text.count(row.D),
                "seed": str(row.seed),
                "batch (tokens)": f"{row.batch_tokens:,}",
                "LR": text.significant(row.learning_rate, 2),
                "loss (nats/token)": f"{row.loss:.4f}" if row.status == "complete" else row.status,
                "bits/byte": text.significant(row.bits_per_byte, 4),
                "wall": text.duration(row.seconds),
            }
            for row in each(rows)
        ],
        left=("role", "shape d × L"),
    )


def repeated(study: Analysis) -> pd.DataFrame:
    """Cells run with more than one seed: budget, N, D, count, mean loss, and s.d. of ln L between seeds."""
    rows = complete(study.frame).assign(log_loss=lambda frame: np.log(frame["loss"]))
    cells = (
        rows.groupby(["budget", "N", "D"])
        .agg(count=("loss", "size"), mean=("loss", "mean"), sd=("log_loss", "std"))
        .reset_index()
    )
    return cells[cells["count"] > 1].reset_index(drop=True)


def seed_sd(study: Analysis) -> tuple[float, int]:
    """Pooled s.d. of ln L between seeds, and its degrees of freedom; nan without repeats."""
    cells = repeated(study)
    freedom = int((cells["count"] - 1).sum())
    if not freedom:
        return float("nan"), 0
    return float(np.sqrt((cells["sd"] ** 2 * (cells["count"] - 1)).sum() / freedom)), freedom


def seeds(study: Analysis) -> Figure:
    """ln L of repeated cells about their mean, beside the evaluation's own standard error and the scale of the model's noise."""
    cells = repeated(study)
    if not len(cells):
        return style.note("No cell of this grid has more than one finished seed.")
    figure, ax = style.canvas(7.0, 0.5 * len(cells) + 1.6)
    palette = colours(study)
    rows = complete(study.frame)
    for y, cell in enumerate(each(cells)):
        mine = rows[(rows["N"] == cell.N) & (rows["D"] == cell.D)]
        z = 100 * (np.log(mine["loss"]) - np.log(mine["loss"]).mean())
        ax.plot(z, np.full(len(z), y), "o", color=palette[cell.budget], ms=6, mec="white", mew=0.6)
    sd, _ = seed_sd(study)
    ax.axvspan(-100 * sd, 100 * sd, color=style.GRID, zorder=0)
    ax.set_yticks(
        range(len(cells)), [f"{style.power(cell.budget)}, N = {style.short(cell.N)}" for cell in each(cells)]
    )
    ax.set_ylim(-0.7, len(cells) - 0.3)
    ax.annotate(
        "± pooled s.d.",
        (100 * sd, len(cells) - 0.5),
        xytext=(3, 0),
        textcoords="offset points",
        color=style.MUTED,
        fontsize=7.5,
    )
    style.panel(ax, "", "loss about the mean of its cell (%)")
    return figure


def throughput(study: Analysis) -> Figure:
    """Speed by width: exact FLOPs a second of training time, and as a share of the machine's measured matmul peak."""
    figure, (left, right) = style.canvas(7.2, 3.0, 1, 2)
    palette = colours(study)
    for row in each(complete(study.frame)):
        timing = study.records[row.run_id].timing
        left.plot([row.width], [row.C_exact / timing.train_wall / 1e9], "o", color=palette[row.budget], ms=4, alpha=0.8)
        right.plot([row.width], [100 * timing.fraction_of_peak], "o", color=palette[row.budget], ms=4, alpha=0.8)
    for ax, label in ((left, "GFLOP/s of one process"), (right, "% of measured matmul peak")):
        ax.set_ylim(bottom=0)
        style.log_axis(ax, "x", lambda x: f"{x:g}")
        style.panel(ax, "", "width $d$", label)
    return figure


def cost(study: Analysis) -> "Markdown":
    """FLOPs and hours by budget."""
    rows = []
    for budget, group in groups(study.frame, "budget"):
        rows.append(
            {
                "budget (FLOP)": text.power(float(budget)),
                "runs": str(len(group)),
                "exact FLOP": text.power(float(group["C_exact"].sum())),
                "process-hours": text.significant(group["seconds"].sum() / 3600, 3),
                "CPU-hours": text.significant(group["cpu_seconds"].sum() / 3600, 3),
            }
        )
    if len(study.sweep):
        rows.append(
            {
                "budget (FLOP)": "tuning sweep",
                "runs": str(len(study.sweep)),
                "exact FLOP": text.power(float(study.sweep["C_exact"].sum())),
                "process-hours": text.significant(study.sweep["seconds"].sum() / 3600, 3),
                "CPU-hours": text.significant(study.sweep["cpu_seconds"].sum() / 3600, 3),
            }
        )
    return text.table(rows)


def failures(study: Analysis) -> "Markdown":
    """Runs that diverged or failed, with their reasons."""
    bad = [record for record in (*study.records.values(), *study.sweep_records.values()) if record.status != "complete"]
    if not bad:
        return text.absent("no recorded run diverged or failed")
    return text.table(
        [{"run": f"`{record.run_id}`", "status": record.status, "reason": record.reason} for record in bad],
        left=("status", "reason"),
    )
