"""The test: the held-out budget, predicted before it was run, and the trend inside the runs."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import held_out, seeds
from study.analysis.study import Study
from study.analysis.tables import each
from study.articles.shared import style, text, words
from study.articles.shared.page import callout
from study.inference.intervals import central
from study.inference.parameters import Array
from study.inference.scores import rms

if TYPE_CHECKING:
    from IPython.display import Markdown

KEPT = 0.8  # of the held-out runs inside the 95 % interval, from which on the law's promise is said to be kept
NONE = "No run of a held-out budget is recorded."


def missing(study: Study) -> None:
    """A warning where the held-out budget is missing."""
    if not len(study.held_out):
        planned = words.number_word(len(study.grid.of("held-out")))
        callout("warning", "No held-out budget", f"The grid `{study.grid.name}` plans {planned} such runs. {NONE}")


def runs(study: Study) -> str:
    """Held-out runs."""
    return words.number_word(len(study.held_out))


def inside_95(study: Study) -> str:
    """How many fell inside their 95 % predictive interval."""
    return words.none_or(held_out.coverage(study)[0.95])


def inside_80(study: Study) -> str:
    """Inside the 80 % interval."""
    return words.none_or(held_out.coverage(study)[0.8])


def inside_50(study: Study) -> str:
    """Inside the 50 % interval."""
    return words.none_or(held_out.coverage(study)[0.5])


def better(study: Study) -> str:
    """How many came out better than predicted."""
    return words.none_or(len(study.held_out) - held_out.above(study))


def times_beyond(study: Study) -> str:
    """Their compute over the largest that was fitted."""
    return text.two(held_out.times_beyond(study))


def written(study: Study) -> str:
    """When the prediction was made, where that was before the runs."""
    prediction = held_out.committed(study)
    if prediction is None:
        return "computed after the runs"
    return f"written down on {prediction['made'][:10]}, before the first of these runs was begun"


def promise(study: Study) -> str:
    """What became of the law's interval one step beyond the runs."""
    if not len(study.held_out):
        return "not tested"
    return "kept" if held_out.coverage(study)[0.95] >= KEPT * len(study.held_out) else "**already broken**"


def error(study: Study) -> str:
    """The r.m.s. error of the predictions, percent of the loss."""
    return _percent(held_out.errors(study)) if len(study.held_out) else text.ABSENT


def error_in_seeds(study: Study) -> str:
    """The same in standard deviations between seeds, the largest of any budget."""
    sd, freedom = seeds.seed_sd_at(study, max(study.budgets))
    if not freedom or not len(study.held_out):
        return text.ABSENT
    return text.two(rms(held_out.errors(study)) / sd)


def huber_error(study: Study) -> str:
    """The r.m.s. error of Huber's fit on the same runs."""
    rows = study.held_out
    if not len(rows):
        return text.ABSENT
    return _percent(np.log(rows["loss"].to_numpy()) - np.log(study.huber.surface.loss(rows["N"].to_numpy(), rows["D"].to_numpy())))


def width(study: Study) -> str:
    """The factor between the ends of the 95 % predictive interval, in the median."""
    if not len(study.held_out):
        return text.ABSENT
    low, high = central(held_out.predictions(study), axis=0)
    return text.significant(float(np.median(high / low)))


def _percent(errors: Array) -> str:
    return f"{100 * rms(errors):.1f} %"


def step(study: Study) -> str:
    """The fall of the loss at equal width from the largest fitted budget to the held-out one, on both corpora."""
    found = held_out.step(study)
    if found is None:
        return "unknown"
    corpus = next(iter(study.records.values())).config.ood_corpus
    return f"{text.two(found[0])} nats on `{study.grid.corpus}`, {text.two(found[1])} on `{corpus}`"


def peculiar(study: Study) -> str:
    """What most of that fall then is."""
    found = held_out.step(study)
    if found is None:
        return "no runs to compare"
    return "most of it shared by both corpora" if found[1] >= 0.5 * found[0] else "most of it peculiar to the first"


@style.drawn
def predicted(study: Study) -> Figure:
    """Predicted and measured loss of runs at more compute than any that was fitted."""
    order = np.argsort(study.held_out["N"].to_numpy())
    rows = study.held_out.iloc[order]
    if not len(rows):
        return style.note(NONE)
    figure, (left, right) = style.canvas(7.2, 3.3, 1, 2)
    predicted = held_out.predictions(study)[:, order]
    x, loss = rows["N"].to_numpy(), rows["loss"].to_numpy()
    style.fan(left, x, predicted.T, style.PREDICTIVE)
    left.plot(x, loss, "s", color=style.HELD_OUT, ms=6, mec="white", zorder=5)
    middle = np.median(predicted, axis=0)
    for level, height in ((0.95, 5.0), (0.8, 9.0), (0.5, 13.0)):
        low, high = (100 * (end / middle - 1) for end in central(predicted, level, axis=0))
        right.vlines(x, low, high, color=style.PREDICTIVE, lw=height / 1.6, alpha=0.4)
    right.plot(x, 100 * (loss / middle - 1), "s", color=style.HELD_OUT, ms=6, mec="white", zorder=5)
    right.axhline(0, color=style.MUTED, lw=0.8)
    for ax in (left, right):
        ax.set_xlim(x[0] / 1.4, x[-1] * 1.4)
        style.log_axis(ax, "x", most=5)
    left.text(0.97, 0.95, "measured", transform=left.transAxes, color=style.HELD_OUT, ha="right", va="top")
    left.text(0.97, 0.87, "predicted", transform=left.transAxes, color=style.PREDICTIVE, ha="right", va="top")
    style.panel(left, "the held-out budget", "parameters $N$", "validation loss (nats/token)")
    style.panel(right, "about the prediction", "parameters $N$", "measured / predicted − 1 (%)")
    return figure


def table(study: Study) -> "Markdown":
    """Each held-out run: measured, predicted, and where in its predictive distribution it fell."""
    if not len(study.held_out):
        return text.absent(NONE)
    predicted = held_out.predictions(study)
    return text.table(
        [
            {
                "N": text.count(row.N),
                "D (tokens)": text.count(row.D),
                "C (exact FLOP)": text.power(row.C_exact),
                "measured": f"{row.loss:.4f}",
                "predicted": f"{np.median(predicted[:, i]):.4f}",
                "95 %": text.interval(*text.central(predicted[:, i]), lambda x: f"{x:.3f}"),
                "percentile": f"{100 * float(np.mean(predicted[:, i] < row.loss)):.0f}",
            }
            for i, row in enumerate(each(study.held_out))
        ]
    )
