"""How the recipe was tuned: the sweep over learning rate and batch, the rules fitted to it, and their check at the top."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import Analysis
from study.figures.frames import complete, each, groups, least
from study.tune import Rule, batch_optima, fit_rule, rate_optima

if TYPE_CHECKING:
    from IPython.display import Markdown

NONE = "No sweep of this grid's corpus is recorded."


def swept(study: Analysis) -> pd.DataFrame:
    """The sweep's complete runs, without those that check the rules at a larger budget."""
    rows = complete(study.sweep)
    return rows[rows["role"] == "sweep"].reset_index(drop=True) if len(rows) else rows


@style.drawn
def rates(study: Analysis) -> Figure:
    """Loss against learning rate, one line a batch size, one panel a width and budget."""
    rows = swept(study)
    if not len(rows):
        return style.note(NONE)
    panels = groups(rows, ["budget", "width"])
    columns = min(4, len(panels))
    height = -(-len(panels) // columns)
    figure, axes = style.canvas(7.4, 1.9 * height + 0.5, height, columns, squeeze=False, sharex=True)
    batches = style.size_colours(rows["batch_tokens"])
    for ax, ((budget, width), mine) in zip(axes.flat, panels, strict=False):
        best = float(mine["loss"].min())
        for batch, group in groups(mine, "batch_tokens"):
            line = group.sort_values("learning_rate")
            ax.plot(line["learning_rate"] * width, line["loss"], "o-", color=batches[batch], ms=2.8, lw=1.2)
        best_run = least(mine, "loss")
        ax.plot([best_run["learning_rate"] * width], [best_run["loss"]], "o", ms=8, mfc="none", mec=style.INK, mew=1)
        ax.set_ylim(best - 0.04, min(float(mine["loss"].max()), best + 0.45) + 0.04)
        ax.set_xlim(0.33, 3.9)
        style.log_axis(ax, "x", lambda x: f"{x:g}", most=4)
        style.panel(ax, f"$d$ = {width:g}, {style.power(budget)}")
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    figure.supxlabel("peak learning rate × width", fontsize=8.5)
    figure.supylabel("validation loss (nats/token)", fontsize=8.5)
    handles = [
        axes.flat[0].plot([], [], "o-", color=colour, ms=2.8, label=f"{batch:,.0f}")[0] for batch, colour in batches.items()
    ]
    figure.legend(
        handles=handles,
        title="batch, tokens",
        loc="outside upper right",
        ncols=len(handles),
        fontsize=7.5,
        title_fontsize=7.5,
    )
    return figure


@style.drawn
def rules(study: Analysis) -> Figure:
    """The optima of the sweep and the rules fitted to them: learning rate by width and batch, batch by tokens."""
    rows = swept(study)
    rule = fitted_rule(study)
    if rule is None:
        return style.note(NONE)
    figure, (left, right) = style.canvas(7.2, 3.2, 1, 2)
    found = rate_optima(rows)
    batches = style.size_colours(rows["batch_tokens"])
    widths = np.geomspace(found["width"].min() / 1.15, found["width"].max() * 1.15, 20)
    for row in each(found):
        left.plot(
            [row.width],
            [row.learning_rate],
            "o",
            color=batches[row.batch_tokens],
            ms=5,
            mfc=batches[row.batch_tokens] if row.interior else "white",
        )
    for batch, colour in batches.items():
        scale = (batch / 1024) ** rule.batch_exponent
        left.plot(widths, rule.rate * (widths / 48) ** -rule.width_exponent * scale, color=colour, lw=1)
    left.set_xlim(widths[0], widths[-1])
    style.log_axis(left, "x", lambda x: f"{x:g}", most=5)
    style.log_axis(left, "y", lambda y: f"{y:g}", most=5)
    style.line_labels(
        left,
        widths[-1],
        [
            (
                float(rule.rate * (widths[-1] / 48) ** -rule.width_exponent * (batch / 1024) ** rule.batch_exponent),
                f"{batch:,.0f}",
                colour,
            )
            for batch, colour in batches.items()
        ],
        gap=0.06,
        size=7,
    )
    style.panel(left, "learning rate, by batch", "width $d$", "best peak learning rate")
    best = batch_optima(rows)
    tokens = np.geomspace(best["D"].min() / 1.5, best["D"].max() * 1.5, 20) if len(best) else np.array([1e5, 1e7])
    for row in each(best):
        known = row.interior or row.at_floor
        right.plot([row.D], [row.batch_tokens], "o", color=style.POSTERIOR, ms=5, mfc=style.POSTERIOR if known else "white")
    right.plot(tokens, rule.batch * (tokens / 1e6) ** rule.data_exponent, color=style.INK, lw=1)
    right.set_xlim(tokens[0], tokens[-1])
    style.log_axis(right, "x", most=5)
    style.log_axis(right, "y", lambda y: f"{y:,.0f}", most=5)
    style.panel(right, "batch", "training tokens $D$", "best batch (tokens)")
    return figure


def fitted_rule(study: Analysis) -> Rule | None:
    """The rules fitted to the recorded sweep; None where it is too small."""
    rows = swept(study)
    try:
        return fit_rule(rows) if len(rows) else None
    except (ValueError, KeyError, np.linalg.LinAlgError):
        return None


def verification(study: Analysis) -> pd.DataFrame:
    """Each cell of the grid that was also run at other learning rates: budget, width, factor, loss minus that by the rule."""
    rows, out = complete(study.sweep), []
    for row in each(rows[rows["role"] == "check"] if len(rows) else rows):
        same = study.fit[(study.fit["N"] == row.N) & (study.fit["D"] == row.D) & (study.fit["seed"] == row.seed)]
        for ruled in each(same[same["batch_tokens"] == row.batch_tokens]):
            out.append(
                {
                    "budget": row.budget,
                    "width": row.width,
                    "factor": row.learning_rate / ruled.learning_rate,
                    "rule": ruled.loss,
                    "loss": row.loss,
                    "gain": 100 * float(np.log(ruled.loss / row.loss)),
                }
            )
    return pd.DataFrame(out)


def check_table(study: Analysis) -> "Markdown":
    """Half and twice the rule's learning rate at the largest fitted budget."""
    found = verification(study)
    if not len(found):
        return text.absent("no run at half or twice the rule's learning rate is recorded beside its cell of the grid")
    return text.table(
        [
            {
                "budget (FLOP)": text.power(row.budget),
                "width d": f"{row.width:g}",
                "learning rate × rule": text.significant(row.factor, 2),
                "loss by the rule": f"{row.rule:.4f}",
                "loss": f"{row.loss:.4f}",
                "better than the rule by (%)": text.signed(row.gain),
            }
            for row in each(found)
        ]
    )
