"""Few positions, gone through often and never turned: where networks memorise, as the document's do."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from study.analysis import go
from study.articles.limited import show
from study.articles.limited.data import MISSING, Limited, means, parameters
from study.articles.limited.document import POSITIONS, WHOLE
from study.articles.shared import style, text
from study.articles.shared.words import number_word
from study.articles.verdict import with_interval
from study.grids.go import BASE, MEMORISED

if TYPE_CHECKING:
    from IPython.display import Markdown

SHARE, EPOCHS = MEMORISED[1]


@style.drawn
def curves(study: Limited) -> Figure:
    """Loss on positions trained on, and validation loss, along the runs."""
    if means(study, "gap", go.OVERFITTING) is None:
        return style.note(MISSING)
    figure, (left, right) = style.canvas(7.2, 3.2, 1, 2)
    for ax, column, name in ((left, "train_eval_loss", "loss on train positions"), (right, "validation_loss", "validation loss")):
        show.lines(ax, study, "epoch", column, arm=go.OVERFITTING)
        show.from_loss(ax, study.log, column, arm=go.OVERFITTING)
        style.panel(ax, "", "epoch", f"{name} ({show.NATS})")
    left.legend(fontsize=8, title="$N$", title_fontsize=8)
    return figure


def table(study: Limited) -> "Markdown":
    """Best and final loss by size, with intervals over seeds, and where the best one is."""
    best, gap, final = (means(study, column, go.OVERFITTING) for column in ("best_loss", "gap", "loss"))
    if best is None or gap is None or final is None:
        return text.absent(MISSING)
    at = study.runs[study.runs["arm"] == go.OVERFITTING].groupby("N")["best_epoch"].mean()
    return text.table([
        {"N": text.count(N), "best loss": f"{best.mean[k]:.3f}", "95 %": text.ends(best.draws[:, k], lambda x: f"{x:.3f}"),
         "at epoch": f"{at[N]:.1f}", "final loss": f"{final.mean[k]:.3f}",
         "final − best, 95 %": with_interval(gap.draws[:, k], show.gain)} for k, N in enumerate(best.N)])


def positions() -> str:
    """Positions that these runs go through."""
    return f"{round(SHARE * BASE.positions):,}"


def times() -> str:
    """As often."""
    return number_word(EPOCHS)


def a_parameter() -> str:
    """Of their own positions a parameter at the largest size."""
    return text.two(SHARE * BASE.positions / parameters()[-1])


def document_a_parameter() -> str:
    """And of the document's at its largest model that finished."""
    return text.two(POSITIONS / WHOLE[-1].N)


def smallest_gap(study: Limited) -> str:
    """Final less best loss of the smallest size."""
    return show.gap(study, 0, go.OVERFITTING)


def largest_gap(study: Limited) -> str:
    """And of the largest."""
    return show.gap(study, -1, go.OVERFITTING)


def grows(study: Limited) -> str:
    """By how much the gap grows a decade of size, nats."""
    found = means(study, "gap", go.OVERFITTING)
    return text.ABSENT if found is None else with_interval(found.slope, show.gain)


def moves(study: Limited) -> str:
    """Steps by which the best one is later a decade of size."""
    found = means(study, "best_step", go.OVERFITTING)
    return text.ABSENT if found is None else with_interval(found.slope, show.steps)


def spread(study: Limited) -> str:
    """The best loss of the largest size less that of the smallest, nats."""
    found = means(study, "best_loss", go.OVERFITTING)
    return text.ABSENT if found is None else with_interval(found.last_less_first, show.gain)
