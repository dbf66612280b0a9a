"""Which runs, and why these: the plane of (N, D), what a FLOP is, how the recipe was tuned."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from study.counts import config_counts, exact_flops, six_nd
from study.design import Cell
from study.figures import style, text
from study.figures.analysis import Analysis
from study.figures.corpora import corpus_summary

if TYPE_CHECKING:
    from IPython.display import Markdown

MARKS = {"isoflop": "o", "off-path": "D", "seed": "o", "held-out": "s"}


def colours(study: Analysis) -> dict[float, str]:
    """The colour of every budget, on every figure."""
    return style.budget_colours(study.budgets, study.held_out_budgets)


def plane(study: Analysis) -> Figure:
    """The cells in the plane of (N, D) with lines of equal compute; hollow where a run is not yet done."""
    figure, ax = style.canvas(7.2, 4.6)
    palette, done = colours(study), set(study.frame["run_id"])
    cells = [cell for cell in study.grid.cells if cell.split != "tuning"]
    N = np.array([config_counts(cell.config).multiplying for cell in cells], dtype=float)
    D = np.array([cell.config.tokens for cell in cells], dtype=float)
    sizes = np.geomspace(N.min() / 1.6, N.max() * 1.6, 40)
    ax.set_xlim(sizes[0], sizes[-1])
    ax.set_ylim(D.min() / 2, D.max() * 2.5)
    for budget in study.budgets:
        mine = [i for i, cell in enumerate(cells) if cell.budget == budget and cell.role in ("isoflop", "held-out")]
        order = np.argsort(N[mine])
        ax.plot(N[mine][order], D[mine][order], color=palette[budget], lw=1, alpha=0.7, zorder=1)
        first = mine[order[0]]
        ax.annotate(
            style.power(budget),
            (N[first], D[first]),
            xytext=(-6, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=palette[budget],
            fontsize=8,
        )
    repeats: dict[tuple[float, float], int] = {}
    for cell, n, d in zip(cells, N, D, strict=True):
        repeats[n, d] = repeats.get((n, d), 0) + 1
        face = palette[cell.budget] if cell.config.run_id in done else "white"
        ax.plot([n], [d], MARKS[cell.role], color=palette[cell.budget], mfc=face, ms=6, mew=1.2, zorder=3)
    for (n, d), times in repeats.items():
        if times > 1:
            ax.annotate(f"×{times}", (n, d), xytext=(6, 3), textcoords="offset points", fontsize=7.5, color=style.INK)
    C = np.geomspace(6 * N.min() * D.min() / 10, 6 * N.max() * D.max() * 10, 60)
    middle = np.median(study.posterior.draws.N_opt(C[:, None]), axis=1)
    ax.plot(middle, C / (6 * middle), color=style.INK, lw=1, ls="--", zorder=2)
    inside = np.flatnonzero((middle > sizes[0]) & (middle < sizes[-1]) & (C / (6 * middle) < ax.get_ylim()[1]))
    if len(inside):
        last = inside[-1]
        ax.annotate(
            "fitted optimum",
            (middle[last], C[last] / (6 * middle[last])),
            xytext=(5, -8),
            textcoords="offset points",
            fontsize=8,
        )
    style.log_axis(ax, "x")
    style.log_axis(ax, "y")
    style.panel(ax, "", "parameters $N$ (non-embedding + unembedding)", "training tokens $D$")
    return figure


def flops(study: Analysis) -> Figure:
    """What 6 N D leaves out: its share of the exact FLOPs along the ladder, under three ways of counting N."""
    figure, ax = style.canvas(6.4, 3.2)
    shapes = {cell.config.width: cell.config for cell in study.grid.cells}
    widths = sorted(shapes)
    ax.set_xlim(widths[0] / 1.1, widths[-1] * 1.1)
    ax.set_ylim(0, 1.25)
    style.log_axis(ax, "x", lambda x: f"{x:g}")
    labels = []
    for convention, name, colour in (
        ("multiplying", "non-embedding + unembedding", style.POSTERIOR),
        ("non_embedding", "non-embedding", style.KAPLAN),
        ("total", "total", style.HOFFMANN),
    ):
        share = [six_nd(shapes[width], convention) / exact_flops(shapes[width]) for width in widths]
        ax.plot(widths, share, "o-", color=colour, ms=3.5)
        labels.append((share[-1], name, colour))
    ax.axhline(1, color=style.MUTED, lw=0.8)
    style.line_labels(ax, widths[-1], labels, gap=0.09)
    style.panel(ax, "", "width $d$", "$6 N D$ / exact FLOPs")
    return figure


def grid_table(study: Analysis) -> "Markdown":
    """One row a budget: its cells by role, its sizes and tokens, and how many runs are done."""
    done, rows = set(study.frame["run_id"]), []
    for budget in study.budgets:
        cells = [cell for cell in study.grid.cells if cell.budget == budget and cell.split != "tuning"]
        N = [config_counts(cell.config).multiplying for cell in cells]
        D = [cell.config.tokens for cell in cells]
        rows.append(
            {
                "budget (FLOP, exact)": text.power(budget),
                "split": "held out" if budget in study.held_out_budgets else "fit",
                **{
                    name: str(_count(cells, role))
                    for name, role in (
                        ("isoFLOP", "isoflop"),
                        ("off-path", "off-path"),
                        ("repeats", "seed"),
                        ("held out", "held-out"),
                    )
                },
                "N": f"{text.count(min(N))} – {text.count(max(N))}",
                "D (tokens)": f"{text.count(min(D))} – {text.count(max(D))}",
                "done": f"{sum(cell.config.run_id in done for cell in cells)} / {len(cells)}",
            }
        )
    return text.table(rows, left=("split",))


def _count(cells: list[Cell], role: str) -> int:
    return sum(cell.role == role for cell in cells)


def sweep(study: Analysis) -> Figure:
    """Loss against learning rate, one line a batch size, one panel a width and budget of the sweep."""
    rows = study.sweep[study.sweep["status"] == "complete"] if len(study.sweep) else study.sweep
    if not len(rows):
        return style.note("No sweep of this grid's corpus is recorded.")
    panels = sorted({(budget, width) for budget, width in zip(rows["budget"], rows["width"], strict=True)})
    columns = min(4, len(panels))
    height = -(-len(panels) // columns)
    figure, axes = style.canvas(7.4, 2.0 * height + 0.3, height, columns, squeeze=False, sharex=True)
    batches = style.size_colours(rows["batch_tokens"])
    for ax, (budget, width) in zip(axes.flat, panels, strict=False):
        mine = rows[(rows["budget"] == budget) & (rows["width"] == width)]
        best = mine["loss"].min()
        for batch, group in mine.groupby("batch_tokens"):
            line = group.sort_values("learning_rate")
            ax.plot(
                line["learning_rate"] * width, line["loss"], "o-", color=batches[batch], ms=3, lw=1.2, label=f"{batch:,}"
            )
        least = mine.loc[mine["loss"].idxmin()]
        ax.plot([least["learning_rate"] * width], [least["loss"]], "o", ms=8, mfc="none", mec=style.INK, mew=1)
        ax.set_ylim(best - 0.05, min(mine["loss"].max(), best + 0.6) + 0.05)
        ax.set_xlim(0.3, 4.5)
        style.log_axis(ax, "x", lambda x: f"{x:g}", most=4)
        style.panel(ax, f"$d$ = {width:g}, {style.power(budget)}")
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    figure.supxlabel("learning rate × width", fontsize=8.5)
    figure.supylabel("validation loss (nats/token)", fontsize=8.5)
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, title="batch (tokens)", loc="outside right upper", fontsize=7.5, title_fontsize=7.5)
    return figure


def recipe(study: Analysis) -> "Markdown":
    """The fields of the configuration that all runs of the grid share, and the ranges of those that vary."""
    configs = [cell.config.to_dict() for cell in study.grid.cells]
    rows = []
    for name in configs[0]:
        values = sorted({str(config[name]) for config in configs})
        numbers = sorted({config[name] for config in configs}) if len(values) > 1 else []
        shown = (
            values[0]
            if len(values) == 1
            else f"{text.significant(float(numbers[0]))} – {text.significant(float(numbers[-1]))}"
        )
        rows.append({"field": f"`{name}`", "value": shown or "none", "varies": "yes" if len(values) > 1 else ""})
    return text.table(rows, left=("value",))


def corpus(study: Analysis) -> "Markdown":
    """Size, split, repetition and overlap of the grid's corpus and of the one it is evaluated on out of distribution."""
    names = [study.grid.corpus, *sorted({cell.config.ood_corpus for cell in study.grid.cells} - {""})]
    found = {name: summary for name in names if (summary := corpus_summary(name, study.runs))}
    if not found:
        return text.absent("no summary of this corpus is recorded")
    rows = {name: _corpus_facts(summary) for name, summary in found.items()}
    return text.table(
        [{"": fact, **{f"`{name}`": facts[fact] for name, facts in rows.items()}} for fact in next(iter(rows.values()))]
    )


def _corpus_facts(summary: dict[str, Any]) -> dict[str, str]:
    train, validation = summary["counts"]["train"], summary["counts"]["validation"]
    return {
        "packages": str(len(summary.get("wheels", {}))) or text.ABSENT,
        "vocabulary, entries": f"{summary['vocabulary']:,}",
        "training documents": f"{train['documents']:,}",
        "training tokens": text.count(train["tokens"]),
        "training text, bytes": text.count(train["bytes"]),
        "bytes a token": text.significant(summary["bytes_per_token"]["train"]),
        "validation documents": f"{validation['documents']:,}",
        "validation tokens": text.count(validation["tokens"]),
        "lines that repeat an earlier line": text.percent(summary["line_repetition"]["lines"]),
        "validation 13-grams also in training": text.percent(summary["overlap_13gram"]),
        "validation 50-grams also in training": text.percent(summary["overlap_50gram"]),
        "sha256": f"`{summary['sha256'][:12]}`",
    }
