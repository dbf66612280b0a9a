"""Best loss by size: the document's figures of loss against FLOPs and against steps, and its table of best losses."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.tables import each
from study.articles.limited import show
from study.articles.limited.data import GO, MISSING, Limited, means
from study.articles.limited.document import MODELS
from study.articles.shared import style, text, words
from study.articles.verdict import Verdict, absent, decided, with_interval

if TYPE_CHECKING:
    from IPython.display import Markdown

UNKNOWN = 0.01  # nats from ln 2, the loss of a guess, within which the winner is not known
SAME = 0.01  # of the loss: two best losses within this share are called the same


@style.drawn
def curves(study: Limited) -> Figure:
    """Validation loss along the runs, against FLOPs and against steps."""
    if study.sizes.empty:
        return style.note(MISSING)
    figure, axes = style.canvas(7.2, 3.2, 1, 2, sharey=True)
    for ax, column, name in zip(axes, ("flops", "step"), ("exact FLOP", "step"), strict=True):
        show.lines(ax, study, column, "validation_loss")
        style.panel(ax, "", name, f"validation loss ({show.NATS})" if column == "flops" else "")
    show.from_loss(axes[0], study.log)
    axes[1].legend(fontsize=8, title="$N$", title_fontsize=8)
    return figure


def table(study: Limited) -> "Markdown":
    """Best loss of each size with its interval over seeds, where it was reached, and the accuracies along the curve there."""
    found = means(study, "best_loss")
    if found is None:
        return text.absent(MISSING)
    by = study.sizes.groupby("N")[["best_step", "best_epoch", "best_flops"]].mean()
    accuracy = _at_best(study)
    return text.table([
        {"N": text.count(N), "best loss": f"{found.mean[k]:.3f}", "95 %": text.ends(found.draws[:, k], lambda x: f"{x:.3f}"),
         "step": f"{by.loc[N, 'best_step']:,.0f}", "epoch": f"{by.loc[N, 'best_epoch']:.1f}",
         "FLOP": text.power(float(by.loc[N, "best_flops"])), "policy": text.percent(accuracy[N][0], 1),
         "value": text.percent(accuracy[N][1], 1)} for k, N in enumerate(found.N)])


def _at_best(study: Limited) -> dict[float, tuple[float, float]]:
    out: dict[float, list[tuple[float, float]]] = {}
    for row in each(study.sizes):
        curve = study.log[study.log["run_id"] == row.run_id]
        at = curve.iloc[int(np.argmin(np.abs(curve["tokens"].to_numpy() - row.best_tokens)))]
        out.setdefault(row.N, []).append((at["validation_policy_accuracy"], at["validation_value_accuracy"]))
    return {float(N): (float(np.mean([a for a, _ in pairs])), float(np.mean([b for _, b in pairs]))) for N, pairs in out.items()}


def spread(study: Limited) -> str:
    """The best loss of the largest size less that of the smallest, nats."""
    found = means(study, "best_loss")
    return text.ABSENT if found is None else with_interval(found.last_less_first, lambda x: text.signed(x, 3))


def spread_of_learners(study: Limited) -> str:
    """The same over the sizes whose every run learns the winner."""
    found = means(study, "best_loss")
    if found is None:
        return text.ABSENT
    whole = [k for k, N in enumerate(found.N)
             if max(_of_the_winner(study, study.sizes[study.sizes["N"] == N])) < math.log(2) - UNKNOWN]
    if len(whole) < 2:
        return text.ABSENT
    return with_interval(found.draws[:, whole[-1]] - found.draws[:, whole[0]], lambda x: text.signed(x, 3))


def _of_the_winner(study: Limited, runs: pd.DataFrame) -> list[float]:
    """The loss on the winner at the end of each run."""
    return [study.records[run_id].metrics["validation_value_loss"].value for run_id in runs["run_id"]]


def lowest(study: Limited) -> str:
    """The best loss of the size that reaches the lowest."""
    found = means(study, "best_loss")
    if found is None:
        return text.ABSENT
    return with_interval(found.draws[:, int(np.argmin(found.mean))], lambda x: f"{x:.3f}")


def between_seeds(study: Limited) -> str:
    """The standard deviation of a best loss between seeds, nats, by size."""
    found = means(study, "best_loss")
    return text.ABSENT if found is None else ", ".join(text.two(float(sd)) for sd in found.sd)


def never_learned(study: Limited) -> str:
    """Runs of the smallest size, on any positions, that end where their loss on the winner is that of a guess."""
    if study.runs.empty:
        return text.ABSENT
    losses = _of_the_winner(study, study.runs[study.runs["N"] == study.runs["N"].min()])
    guesses = [abs(loss - math.log(2)) <= UNKNOWN for loss in losses]
    return f"{words.none_or(sum(guesses))} of {words.number_word(len(guesses))}"


def printed() -> str:
    """The document's best losses, least and most."""
    best = [model.best for model in MODELS]
    return f"{min(best):.4f} to {max(best):.4f}"


def same() -> str:
    """The share of the loss within which two are called the same."""
    return text.percent(SAME)


def verdict(study: Limited) -> Verdict:
    """All sizes reach the same best loss: the range of the sizes' means within a share of their mean."""
    found = means(study, "best_loss")
    if found is None:
        return absent("go-best", printed(), GO)
    range_ = np.ptp(found.draws, axis=1)
    word = decided(range_ / found.draws.mean(axis=1), lambda share: share < SAME)
    return Verdict("go-best", printed(), f"largest less smallest {spread(study)} nats", word, float(np.median(range_)), f"`{GO}`")
