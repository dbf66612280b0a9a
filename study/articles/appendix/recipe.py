"""How the recipe was tuned: the sweep, the rules fitted to it, their check at the top, and all that determines a run."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import seeds, sweep
from study.analysis.study import Study
from study.analysis.tables import each, groups, lowest
from study.articles.shared import style, text, words
from study.articles.shared.page import callout
from study.grids.design import language_config
from study.tune import SMALLEST_BATCH, batch_optima, rate_optima

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown

NONE = "No sweep of this grid's corpus is recorded."


def no_sweep(study: Study) -> None:
    """A note where no sweep belongs to the grid."""
    if not len(study.sweep):
        callout("note", "No sweep", f"No sweep on `{study.grid.corpus}` is recorded: the recipe was taken over.")


def unchecked(study: Study) -> None:
    """A note where the rule was not checked beyond its sweep."""
    if len(study.sweep) and not len(sweep.verification(study)):
        callout("note", "The rule is not checked yet", "No run at half or twice its learning rate is recorded.")


def origin(study: Study) -> str:
    """Where learning rate and batch are from."""
    return "were tuned by a sweep on this corpus" if len(study.sweep) else "were taken over, without a sweep on this corpus"


def panels(study: Study) -> str:
    """Panels of the sweep, as a word."""
    return words.number_word(len(sweep.panels(study)))


def at_edge(study: Study) -> str:
    """In how many the best run lies on the edge of what was swept."""
    return words.none_or(sweep.at_edge(study)[0])


def at_floor(study: Study) -> str:
    """In how many the best batch is the least that is used."""
    return words.none_or(sweep.at_edge(study)[1])


def floor() -> str:
    """That batch, tokens."""
    return f"{SMALLEST_BATCH:,}"


def another_build(study: Study) -> str:
    """That the sweep read another build of the corpus, where it did."""
    return "Its losses compare only with each other: its corpus was built earlier." if sweep.another_build(study) else ""


def other_heads(study: Study) -> str:
    """In what the sweep's models differ from the grid's, where they do."""
    found = sweep.other_heads(study)
    if not found:
        return ""
    cases = [f"{theirs} instead of {ours} at width {width}" for width, (theirs, ours) in found.items()]
    return f"Its models had other numbers of heads ({words.enumeration(cases)})."


def other_attention(study: Study) -> str:
    """That the sweep's models had another attention, where they had."""
    return "Its models had the second recipe's attention." if sweep.other_attention(study) else ""


def checked(study: Study) -> str:
    """Runs at half and twice the rule's learning rate, as a word."""
    return words.number_word(len(sweep.verification(study)))


def _beside(study: Study, which: str) -> str:
    found = sweep.verification(study)
    if not len(found):
        return text.ABSENT
    gain = float(found["gain"].agg(which))
    return f"{'better' if gain > 0 else 'worse'} by {abs(gain):.2f} %"


def best(study: Study) -> str:
    """How the best of them compares with its cell of the grid, percent of the loss."""
    return _beside(study, "max")


def worst(study: Study) -> str:
    """And the worst."""
    return _beside(study, "min")


def checked_at(study: Study) -> str:
    """The budgets at which they were trained, FLOP."""
    found = sweep.verification(study)
    return words.enumeration([text.power(float(one)) for one in sorted(set(found["budget"]))]) if len(found) else text.ABSENT


def _two_seeds(study: Study) -> float:
    """Two standard deviations of the difference of two seeds of those budgets, in ln L; nan where there is none."""
    found = sweep.verification(study)
    return seeds.two_seeds(study, set(found["budget"])) if len(found) else float("nan")


def two_seeds(study: Study) -> str:
    """The same, percent of the loss."""
    sure = _two_seeds(study)
    return f"{100 * sure:.2f} %" if np.isfinite(sure) else text.ABSENT


def rule_verdict(study: Study) -> str:
    """What the check says of the rule."""
    found = sweep.verification(study)
    if not len(found):
        return "was not checked"
    sure = _two_seeds(study)
    gain, sure = float(found["gain"].max()) / 100, sure if np.isfinite(sure) else 0.0
    return "stands" if gain < -sure else "is **beaten**" if gain > sure else "is not told apart from the best of them"


def swept_to(study: Study) -> str:
    """The largest width and the most tokens of the sweep."""
    return _reach(sweep.swept(study))


def used_to(study: Study) -> str:
    """And of the grid's fitted runs."""
    return _reach(study.fit)


def _reach(rows: "pd.DataFrame") -> str:
    return f"width {rows['width'].max():g} and {text.count(float(rows['D'].max()))} tokens" if len(rows) else text.ABSENT


def warmup(study: Study) -> str:
    """The share of a run's steps that warms up."""
    return text.percent(language_config(study.grid.cells[0].config).warmup_fraction)


@style.drawn
def rates(study: Study) -> Figure:
    """Loss against learning rate, one line a batch size, one panel a width and budget."""
    rows = sweep.swept(study)
    if not len(rows):
        return style.note(NONE)
    panels = sweep.panels(study)
    columns = min(4, len(panels))
    height = -(-len(panels) // columns)
    figure, axes = style.canvas(7.4, 1.9 * height + 0.5, height, columns, squeeze=False, sharex=True)
    batches = style.size_colours(rows["batch_tokens"])
    for ax, ((budget, width), mine) in zip(axes.flat, panels, strict=False):
        best = float(mine["loss"].min())
        for batch, group in groups(mine, "batch_tokens"):
            line = group.sort_values("learning_rate")
            ax.plot(line["learning_rate"] * width, line["loss"], "o-", color=batches[batch], ms=2.8, lw=1.2)
        best_run = lowest(mine, "loss")
        ax.plot([best_run["learning_rate"] * width], [best_run["loss"]], "o", ms=8, mfc="none", mec=style.INK, mew=1)
        ax.set_ylim(best - 0.04, min(float(mine["loss"].max()), best + 0.45) + 0.04)
        ax.set_xlim(0.33, 3.9)
        style.log_axis(ax, "x", style.plain, most=4)
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
def rules(study: Study) -> Figure:
    """The optima of the sweep and the rules fitted to them: learning rate by width and batch, batch by tokens."""
    rows = sweep.swept(study)
    rule = sweep.fitted_rule(study)
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
    style.log_axis(left, "x", style.plain, most=5)
    style.log_axis(left, "y", style.plain, most=5)
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


def check_table(study: Study) -> "Markdown":
    """Half and twice the rule's learning rate."""
    found = sweep.verification(study)
    if not len(found):
        return text.absent("no run beside the rule is recorded")
    return text.table(
        [
            {
                "budget (FLOP)": text.power(row.budget),
                "width d": f"{row.width:g}",
                "seed": f"{row.seed:g}",
                "learning rate × rule": text.significant(row.factor, 2),
                "loss by the rule": f"{row.rule:.4f}",
                "loss": f"{row.loss:.4f}",
                "worse than the rule by (%)": text.signed(-row.gain),
            }
            for row in each(found)
        ]
    )
