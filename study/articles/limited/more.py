"""More data: best loss by amount and size, symmetries, the prediction for the doubled positions, and ten times as many."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis import go
from study.analysis.tables import each, groups
from study.articles.limited import show
from study.articles.limited.data import GO, MISSING, Limited, law, means
from study.articles.limited.document import TIMES
from study.articles.shared import style, text, words
from study.articles.verdict import Verdict, absent, decided, with_interval
from study.grids import grid
from study.grids.go import BASE, DATA
from study.inference.parameters import Array
from study.predictions import MIXTURE, scores

if TYPE_CHECKING:
    from IPython.display import Markdown

WORTH = 0.02  # nats: a fall of the loss from which on more data are said to help


@style.drawn
def amounts(study: Limited) -> Figure:
    """Best loss against positions, a colour a size, with the law's 95 % interval; held-out runs as squares."""
    if study.runs.empty:
        return style.note(MISSING)
    figure, ax = style.canvas(7.0, 3.5)
    rows = go.amounts(study.runs)
    palette, found, labels = style.size_colours(rows["N"]), law(study), []
    U = np.geomspace(rows["unique"].min(), TIMES * BASE.positions, 40)
    for N, points in groups(rows, "N"):
        held = points["unique"] > BASE.positions
        ax.plot(points["unique"][~held], points["best_loss"][~held], "o", color=palette[N], ms=4)
        ax.plot(points["unique"][held], points["best_loss"][held], "s", color=palette[N], ms=5, mec=style.INK)
        end = float(points["best_loss"].iloc[-1])
        if found is not None:
            draws = found.surface.loss(N, BASE.epochs * U[:, None], U[:, None])
            end = float(style.fan(ax, U, draws, palette[N], levels=(0.95,))[-1])
        labels.append((end, style.short(N), palette[N]))
    style.log_axis(ax, "x")
    style.line_labels(ax, float(U[-1]) if found is not None else float(rows["unique"].max()), labels)
    style.panel(ax, "", "positions, gone through four times", f"best validation loss ({show.NATS})")
    return figure


def symmetries(study: Limited) -> "Markdown":
    """Best and final loss with and without the symmetries of the board, seed 0."""
    rows = go.symmetries(study.runs)
    if rows.empty:
        return text.absent(MISSING)
    return text.table([
        {"N": text.count(row.N), "best, with": f"{row.best_loss:.3f}", "best, without": f"{row.best_loss_without:.3f}",
         "difference": text.signed(row.best_loss_without - row.best_loss, 3), "final, with": f"{row.loss:.3f}",
         "final, without": f"{row.loss_without:.3f}", "best at epoch, with": f"{row.best_epoch:.1f}",
         "without": f"{row.best_epoch_without:.1f}"} for row in each(rows)])


def worth_of_symmetries(study: Limited) -> str:
    """By how much the best loss is higher without them, least and most over sizes, nats."""
    rows = go.symmetries(study.runs)
    if rows.empty:
        return text.ABSENT
    gain = rows["best_loss_without"] - rows["best_loss"]
    return f"{text.signed(float(gain.min()), 3)} to {text.signed(float(gain.max()), 3)}"


@lru_cache(maxsize=4)
def scored(study: Limited) -> pd.DataFrame:
    """The doubled runs beside the committed prediction; empty until both are there."""
    if study.prediction is None:
        return pd.DataFrame()
    return scores(study.prediction, study.doubled, MIXTURE).sort_values("N")


def prediction(study: Limited) -> "Markdown":
    """What was predicted of each doubled run, and what it gave."""
    if study.prediction is None:
        return text.absent(f"no prediction is committed: `study predict --grid {GO}`")
    measured = {row.run_id: row for row in each(scored(study))}
    rows = []
    for run_id, predicted in study.prediction["runs"].items():
        found = measured.get(run_id)
        laws = [law for law in (*study.prediction["models"], MIXTURE) if law in predicted]
        rows.append({"N": text.count(predicted["N"]), **{f"{law}, 95 %": _shown(predicted[law]) for law in laws},
                     "measured": text.ABSENT if found is None else f"{found.loss:.3f}",
                     "inside 95 %": text.ABSENT if found is None else "yes" if found.inside_95 else "no"})
    return text.table(rows)


def _shown(body: dict[str, Any]) -> str:
    low, high = body["95"]
    return f"{body['median']:.3f} {text.interval(low, high, lambda x: f'{x:.3f}')}"


def when(study: Limited) -> str:
    """What is committed of the prediction."""
    return "is not made yet" if study.prediction is None else f"was made on {study.prediction['made'][:10]}"


def hits(study: Limited) -> str:
    """How many of the doubled runs fell inside their 95 % interval."""
    found = scored(study)
    if found.empty:
        return "none yet, as none is recorded"
    return f"{words.none_or(int(found['inside_95'].sum()))} of {words.number_word(len(found))}"


@lru_cache(maxsize=4)
def tenfold(study: Limited) -> Array | None:
    """(S, K) nats by which ten times the positions lower the best loss, by size; None where the law is not fitted."""
    found = law(study)
    if found is None:
        return None
    return np.stack([found.fall(N, BASE.positions, BASE.epochs, TIMES) for N in _sizes(study)], axis=1)


def _sizes(study: Limited) -> list[float]:
    return sorted({float(N) for N in study.sizes["N"]})


def ten(study: Limited) -> "Markdown":
    """The fall of the best loss with ten times the positions, by size: the law's interval."""
    falls = tenfold(study)
    if falls is None:
        return text.absent(MISSING)
    chance = [float(np.mean(falls[:, k] > WORTH)) for k in range(falls.shape[1])]
    return text.table([{"N": text.count(N), "fall (nats)": with_interval(falls[:, k], lambda x: f"{x:.3f}"),
                        "chance of more than " + f"{WORTH} nats": "> 99 %" if chance[k] > 0.99 else text.percent(chance[k])}
                       for k, N in enumerate(_sizes(study))])


def largest(study: Limited) -> str:
    """The fall at the largest size."""
    falls = tenfold(study)
    return text.ABSENT if falls is None else with_interval(falls[:, -1], lambda x: f"{x:.3f}")


def smallest(study: Limited) -> str:
    """And at the smallest."""
    falls = tenfold(study)
    return text.ABSENT if falls is None else with_interval(falls[:, 0], lambda x: f"{x:.3f}")


def beyond() -> str:
    """Ten times the positions over the most that any run has."""
    most = max(cell.config.tokens // cell.config.epochs for cell in grid(GO).cells)
    return text.two(TIMES * BASE.positions / most)


def enough() -> str:
    """The fall from which on more data are said to help, nats."""
    return f"{WORTH:g}"


def times() -> str:
    """As many positions."""
    return f"{TIMES:g}"


def doubled(study: Limited) -> str:
    """By how much doubled positions lower the best loss, measured, least and most over sizes, nats."""
    noise = means(study, "best_loss")
    if noise is None or not (draws := go.falls(study.runs, noise, BASE.positions, DATA["double"] * BASE.positions)).shape[1]:
        return text.ABSENT
    middles = np.median(draws, axis=0)
    return f"{text.two(float(middles.min()))} to {text.two(float(middles.max()))}"


def verdict(study: Limited) -> Verdict:
    """Ten times the positions would help: the largest size gains more than what is called worth it."""
    falls, claimed = tenfold(study), f"{TIMES:g} times or more"
    if falls is None or means(study, "best_loss") is None:
        return absent("go-more", claimed, GO)
    word = decided(falls[:, -1], lambda x: x > WORTH)
    measured = f"doubled: {doubled(study)} nats; ten times, by the law: {largest(study)} at the largest size"
    return Verdict("go-more", claimed, measured, word, float(np.median(falls[:, -1])), f"`{GO}`")
