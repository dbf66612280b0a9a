"""Which runs, and why these: the plane of (N, D), what a FLOP is, how the recipe was tuned."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from study.counts import config_counts, exact_flops, six_nd
from study.figures import style, text
from study.figures.analysis import Analysis
from study.figures.corpora import corpus_summary
from study.grids.design import Cell

if TYPE_CHECKING:
    from IPython.display import Markdown

MARKS = {"isoflop": "o", "off-path": "D", "seed": "o", "held-out": "s"}


def colours(study: Analysis) -> dict[float, str]:
    """The colour of every budget, on every figure."""
    return style.budget_colours(study.budgets, study.held_out_budgets)


@style.drawn
def plane(study: Analysis) -> Figure:
    """The cells in the plane of (N, D) with lines of equal compute; hollow where a run is not yet done."""
    figure, ax = style.canvas(7.2, 4.6)
    palette, done = colours(study), set(study.frame["run_id"])
    cells = study.grid.planned
    N = np.array([config_counts(cell.config).multiplying for cell in cells], dtype=float)
    D = np.array([cell.config.tokens for cell in cells], dtype=float)
    sizes = np.geomspace(N.min() / 2.2, N.max() * 1.6, 40)
    ax.set_xlim(sizes[0], sizes[-1])
    ax.set_ylim(D.min() / 2, D.max() * 2.5)
    for budget in study.budgets:
        mine = [i for i, cell in enumerate(cells) if cell.budget == budget]
        path = sorted((i for i in mine if cells[i].role in ("isoflop", "held-out")), key=lambda i: N[i])
        ax.plot(N[path], D[path], color=palette[budget], lw=1, alpha=0.7, zorder=1)
        first = min(mine, key=lambda i: N[i])
        ax.annotate(
            style.power(budget),
            (N[first], D[first]),
            xytext=(-7, 2),
            textcoords="offset points",
            ha="right",
            va="center",
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


CONVENTIONS = (
    ("multiplying", "non-embedding + unembedding", style.POSTERIOR),
    ("non_embedding", "non-embedding", style.KAPLAN),
    ("total", "total", style.HOFFMANN),
)


def shares(study: Analysis, convention: str) -> dict[int, float]:
    """6 N D over the exact FLOPs, by width."""
    shapes = {cell.config.width: cell.config for cell in study.grid.cells}
    return {width: six_nd(shapes[width], convention) / exact_flops(shapes[width]) for width in sorted(shapes)}


@style.drawn
def flops(study: Analysis) -> Figure:
    """What 6 N D leaves out: its share of the exact FLOPs along the ladder, under three ways of counting N."""
    figure, ax = style.canvas(6.4, 3.0)
    labels, widths = [], list(shares(study, "total"))
    ax.set_xlim(widths[0] / 1.1, widths[-1] * 1.1)
    ax.set_ylim(0, 1.45)
    style.log_axis(ax, "x", lambda x: f"{x:g}")
    for convention, name, colour in CONVENTIONS:
        share = list(shares(study, convention).values())
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
        cells = [cell for cell in study.grid.planned if cell.budget == budget]
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


def recipe(study: Analysis) -> "Markdown":
    """What all runs of the grid share, and the ranges of what varies."""
    configs = [cell.config.to_dict() for cell in study.grid.planned]
    shared, varied = [], []
    for name in configs[0]:
        values = sorted({config[name] for config in configs})
        if len(values) == 1:
            shared.append(f"`{name}` {_setting(values[0])}")
        else:
            varied.append(f"`{name}` {_setting(values[0])} – {_setting(values[-1])}")
    return text.table(
        [
            {"": "the same in all runs", "fields of the configuration": ", ".join(shared)},
            {"": "varies", "fields of the configuration": ", ".join(varied)},
        ],
        left=("fields of the configuration",),
    )


def _setting(value: object) -> str:
    if isinstance(value, bool | str):
        return str(value) or "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


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
