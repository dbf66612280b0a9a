"""Other published tables through the same code: Porian et al.'s chain of corrections, and the data-constrained law's points."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.errors import StudyError
from study.figures import style, text
from study.inference.classical.isoflop import fit_power_law
from study.laws.published import DATABLATIONS, published_law
from study.published import load

if TYPE_CHECKING:
    from IPython.display import Markdown

STEPS = (
    "Kaplan's protocol",
    "and the last layer's cost",
    "and a short warm-up",
    "and a decay to the run's end",
    "tuned per size",
)
KEYS = ["source", "dataset", "hparams", "warmup", "decay", "param_count", "val"]


@lru_cache(maxsize=1)
def tables() -> tuple[pd.DataFrame, pd.DataFrame] | str:
    """Porian et al.'s optimal pairs and the data-constrained points; the reason where they cannot be had."""
    try:
        return load("porian-optimal"), load("datablations")
    except StudyError as error:
        return str(error)


def refits(optimal: pd.DataFrame) -> list[tuple[str, float, float, float]]:
    """The five steps of their figure 1: name, published exponent, ours by least squares, ours weighted by the vertices' s.d."""
    mine = optimal[(optimal["source"] == "summary_df") & (optimal["dataset"] == "rw")]
    groups = [group for _, group in mine.groupby(KEYS, sort=False, dropna=False)]
    out = []
    for number, (name, group) in enumerate(zip(STEPS, groups, strict=False), 1):
        group = group[np.isfinite(group["N_opt"])]
        plain = fit_power_law(group["C"], group["N_opt"]).exponent
        x, y, w = np.log(group["C"]), np.log(group["N_opt"]), 1 / group["ln_n_opt_std"]
        good = np.isfinite(w) & (w > 0)
        weighted = float(np.polyfit(x[good], y[good], 1, w=w[good])[0]) if good.sum() > 1 else float("nan")
        out.append((name, published_law(f"porian-{number}").a, plain, weighted))
    return out


def corrections() -> "Markdown":
    """The exponent of N_opt along Porian et al.'s corrections: published, and refitted here from their optimal pairs."""
    found = tables()
    if isinstance(found, str):
        return text.absent(found)
    return text.table(
        [
            {"step": name, "a, published": f"{a:.3f}", "a, least squares": f"{plain:.3f}", "a, weighted": f"{weighted:.3f}"}
            for name, a, plain, weighted in refits(found[0])
        ]
    )


def residuals() -> np.ndarray | None:
    """ln L minus the published data-constrained law at its 182 points; None without the table."""
    found = tables()
    if isinstance(found, str):
        return None
    rows = found[1]
    return np.asarray(np.log(rows["loss"]) - np.log(DATABLATIONS.loss(rows["N"], rows["D"], rows["unique"])))


@style.drawn
def repetition() -> Figure:
    """Residuals of the data-constrained law against how often tokens were repeated."""
    found, residual = tables(), residuals()
    if isinstance(found, str) or residual is None:
        return style.note(str(found))
    figure, ax = style.canvas(6.6, 2.9)
    epochs = np.maximum(found[1]["D"] / found[1]["unique"], 1.0)
    ax.plot(epochs, 100 * residual, "o", color=style.OTHER, ms=3.5, alpha=0.8)
    ax.axhline(0, color=style.MUTED, lw=0.8)
    ax.set_xlim(0.9, float(epochs.max()) * 1.2)
    style.log_axis(ax, "x", lambda x: f"{x:g}")
    style.panel(ax, "", "epochs over the unique tokens", "ln L, measured − law (%)")
    return figure
