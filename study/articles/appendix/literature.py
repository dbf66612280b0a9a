"""Other published tables through the same code: Porian et al.'s chain of corrections, and the law for repeated data."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.articles.shared import style, text
from study.articles.shared.page import callout
from study.errors import StudyError
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
FAR = 5.0  # percent of the loss from which on a law is said not to describe the points
SELDOM = 5  # epochs up to which text is seldom repeated


@lru_cache(maxsize=1)
def tables() -> tuple[pd.DataFrame, pd.DataFrame] | str:
    """Porian et al.'s optimal pairs and the data-constrained points; the reason where they cannot be had."""
    try:
        return load("porian-optimal"), load("datablations")
    except StudyError as error:
        return str(error)


def missing() -> None:
    """A warning where the tables cannot be had."""
    found = tables()
    if isinstance(found, str):
        callout("warning", "Tables that are not at hand", f"This section has nothing to show: {found}.")


def corrected() -> str:
    """How Porian et al.'s published exponents come out."""
    found = tables()
    if isinstance(found, str):
        return "cannot be refitted here"
    worst = max(abs(weighted - published) for _, published, _, weighted in refits(found[0]))
    return "come out to every digit shown" if worst < 5e-4 else f"come out but for {text.two(worst)} at most"


def _medians() -> tuple[float, float]:
    """The median residual of the points of few epochs and of many, percent; nan without the table."""
    found, residual = tables(), residuals()
    if isinstance(found, str) or residual is None:
        return float("nan"), float("nan")
    seldom = (found[1]["D"] / found[1]["unique"]).to_numpy() <= SELDOM
    return 100 * float(np.median(residual[seldom])), 100 * float(np.median(residual[~seldom]))


def _side(x: float) -> str:
    return text.ABSENT if np.isnan(x) else f"{abs(x):.1f} % {'above' if x > 0 else 'below'}"


def seldom() -> str:
    """Where the median measured loss lies beside the published law up to five epochs."""
    return _side(_medians()[0])


def often() -> str:
    """And beyond."""
    return _side(_medians()[1])


def describes() -> str:
    """Whether the published constants describe the released points."""
    far = max(map(abs, _medians()))
    return "cannot be tested against" if np.isnan(far) else "do not describe" if far > FAR else "describe"


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
    style.log_axis(ax, "x", style.plain)
    style.panel(ax, "", "epochs over the unique tokens", "ln L, measured − law (%)")
    return figure
