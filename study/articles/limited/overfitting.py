"""Overfitting by size: loss by epoch, training loss, final loss against size, and when each size is at its best."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import go
from study.articles.limited import memorised, show
from study.articles.limited.data import GO, MISSING, Limited, means
from study.articles.limited.document import MODELS, WHOLE
from study.articles.shared import style, text
from study.articles.shared.words import none_or, number_word
from study.articles.verdict import Verdict, absent, decided

if TYPE_CHECKING:
    from IPython.display import Markdown

SUMMARY = {"train_loss": "train loss", "train_eval_policy_loss": "train policy loss", "train_eval_value_loss": "train value loss",
           "validation_loss": "validation loss"}


@style.drawn
def training(study: Limited) -> Figure:
    """Loss on positions trained on against FLOPs, and final and best validation loss against size."""
    final, best = means(study, "loss"), means(study, "best_loss")
    if final is None or best is None:
        return style.note(MISSING)
    figure, (left, right) = style.canvas(7.2, 3.2, 1, 2)
    show.lines(left, study, "flops", "train_eval_loss")
    show.from_loss(left, study.log, "train_eval_loss")
    left.legend(fontsize=8, title="$N$", title_fontsize=8)
    show.by_size(right, study.runs, "loss", final, "at the end", colour=style.HELD_OUT)
    show.by_size(right, study.runs, "best_loss", best, "best")
    style.log_axis(right, "x")
    right.legend(fontsize=8)
    style.panel(left, "", "exact FLOP", f"loss on train positions ({show.NATS})")
    style.panel(right, "", "parameters $N$", f"validation loss ({show.NATS})")
    return figure


def table(study: Limited) -> "Markdown":
    """Validation loss at the end of each epoch by size, the gap of final and best loss, and its interval over seeds."""
    found = means(study, "gap")
    if found is None:
        return text.absent(MISSING)
    epochs = go.by_epoch(study.log)
    return text.table([
        {"N": text.count(N), **{f"epoch {epoch}": f"{epochs.loc[N, epoch]:.3f}" for epoch in epochs.columns},
         "final − best": show.gain(found.mean[k]), "95 %": text.ends(found.draws[:, k], show.gain)}
        for k, N in enumerate(found.N)])


def summary(study: Limited) -> "Markdown":
    """The document's summary: minimum, maximum and last value of what the log holds, by size."""
    if study.sizes.empty:
        return text.absent(MISSING)
    found, rows = go.summary(study.log, list(SUMMARY)), []
    for N, row in found.iterrows():
        three = {name: ", ".join(f"{row[(column, of)]:.3f}" for of in go.SUMMARIES) for column, name in SUMMARY.items()}
        rows.append({"N": text.count(float(str(N))), **three})
    return text.table(rows)


def printed() -> str:
    """The document's gaps, of the models whose runs were finished."""
    return ", ".join(f"+{model.gap:.2f}" for model in WHOLE)


def peaks() -> str:
    """Steps of the document's best losses, by size."""
    return ", ".join(f"{model.at_step:,}" for model in MODELS)


def at_their_best(study: Limited) -> str:
    """How many of the runs of all sizes end at their lowest loss."""
    if study.sizes.empty:
        return text.ABSENT
    return f"{none_or(int((study.sizes['gap'] <= 0).sum()))} of {number_word(len(study.sizes))}"


def verdict(study: Limited) -> Verdict:
    """Overfitting grows with size: the slope of the gap on ln N.

    Of the runs that are never turned, as the document's are not said to be: where nothing overfits, nothing can grow.
    """
    gap = means(study, "gap", go.OVERFITTING)
    if gap is None:
        return absent("go-overfitting", printed(), GO)
    word = decided(gap.slope, lambda slope: slope > 0)
    return Verdict("go-overfitting", printed(), f"never turned: gap {memorised.grows(study)} nats a decade of size", word,
                   float(np.median(gap.slope)), f"`{GO}`")


def earlier(study: Limited) -> Verdict:
    """Larger models are at their best earlier: the slope of the best step on ln N, of the same runs."""
    step = means(study, "best_step", go.OVERFITTING)
    if step is None:
        return absent("go-earlier", peaks(), GO)
    word = decided(step.slope, lambda slope: slope < 0)
    return Verdict("go-earlier", f"steps {peaks()}", f"never turned: {memorised.moves(study)} steps a decade of size", word,
                   float(np.median(step.slope)), f"`{GO}`")
