"""The shared look of the figures: palette, axes with readable ticks, fans, labels beside the lines they name.

Every figure function returns a `matplotlib.figure.Figure` that pyplot does not know, so a cell shows it once.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from study.analysis.study import Study
from study.inference.intervals import central

P = ParamSpec("P")
T = TypeVar("T")
INK, MUTED, FAINT, GRID = "#1f2328", "#6b7480", "#b6bdc6", "#e4e8ec"
POSTERIOR, PREDICTIVE, PRIOR = "#0072B2", "#D98200", "#8a929c"  # Okabe and Ito's palette, and greys
KAPLAN, HOFFMANN, REFIT, OTHER = "#D55E00", "#009E73", "#AA4499", "#56708A"
FURTHER = "#8C564B"
HELD_OUT = "#B2182B"
LEVELS = (0.95, 0.8, 0.5)  # widest first: drawn in this order
ALPHAS = (0.16, 0.24, 0.34)
# dark blue to yellow-green, even in lightness: budgets in order of compute, distinct in grey and to colour-blind eyes
SEQUENCE = LinearSegmentedColormap.from_list("budgets", ["#2a0f57", "#27528f", "#138a86", "#4fae5c", "#d9b51c"])
SIZES = LinearSegmentedColormap.from_list("sizes", ["#f2b48a", "#c2517a", "#4b1d5e"])

RC: Any = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "text.color": INK,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "mathtext.fontset": "dejavusans",
    "figure.constrained_layout.use": True,
}


def drawn(function: Callable[P, T]) -> Callable[P, T]:
    """Run a figure function under the shared settings, so that every text of it has the shared size."""

    @wraps(function)
    def inside(*args: P.args, **options: P.kwargs) -> T:
        with mpl.rc_context(RC):
            return function(*args, **options)

    return inside


def canvas(width: float = 7.0, height: float = 4.2, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure of so many inches, and its axes: one, or an array (rows, columns) squeezed as matplotlib does."""
    with mpl.rc_context(RC):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, **options)
    return figure, axes


def note(message: str) -> Figure:
    """In place of a figure whose records are missing."""
    figure, ax = canvas(7.0, 0.5)
    ax.set_axis_off()
    ax.text(0.5, 0.5, message, ha="center", va="center", color=MUTED, wrap=True, transform=ax.transAxes)
    return figure


def budget_colours(budgets: Iterable[float], held_out: Iterable[float] = ()) -> dict[float, str]:
    """One colour a budget, by rank among the fitted ones; held-out budgets have a colour of their own."""
    ordered, apart = sorted(set(budgets)), set(held_out)
    inner = [budget for budget in ordered if budget not in apart]
    place = np.linspace(0, 1, len(inner)) if len(inner) > 1 else [0.3]
    return {
        **{budget: to_hex(SEQUENCE(at)) for budget, at in zip(inner, place, strict=True)},
        **dict.fromkeys(apart, HELD_OUT),
    }


def colours(study: Study) -> dict[float, str]:
    """The colour of every budget of a study, on every figure."""
    return budget_colours(study.budgets, study.held_out_budgets)


def shade(ax: Axes, low: float, high: float) -> None:
    """The range the runs cover, in grey."""
    ax.axvspan(low, high, color=GRID, alpha=0.8, lw=0, zorder=0)
    ax.text(low, 0.015, " fitted", transform=ax.get_xaxis_transform(), color=MUTED, fontsize=7.5)


def size_colours(widths: Iterable[float]) -> dict[float, str]:
    """One colour a width, light to dark."""
    ordered = sorted(set(widths))
    place = np.linspace(0, 1, len(ordered)) if len(ordered) > 1 else [0.5]
    return {width: to_hex(SIZES(at)) for width, at in zip(ordered, place, strict=True)}


def short(x: float, digits: int = 3) -> str:
    """A tick: 38 k, 1.5 M, 20 B; powers of ten beyond 1e15 and below 1e-4."""
    if x == 0 or not math.isfinite(x):
        return plain(x)
    if not 1e-4 <= abs(x) < 1e15:
        return power(x)
    for unit, name in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k")):
        if abs(x) >= unit * (1 - 1e-9):
            return f"{x / unit:.{digits}g}{name}"
    return f"{x:.{digits}g}"


def plain(x: float) -> str:
    """A tick as it is: 0.5, 20."""
    return f"{x:g}"


def power(x: float, digits: int = 2) -> str:
    """A tick of compute: 3x10^12 in mathtext."""
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    lead = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return rf"$10^{{{int(exponent)}}}$" if lead == "1" else rf"${lead}\!\times\!10^{{{int(exponent)}}}$"


def log_axis(ax: Axes, which: str, form: Any = short, most: int = 7) -> None:
    """A logarithmic axis with at most about `most` labelled ticks: 1, 2, 5 within few decades, whole powers over many."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    low, high = sorted(ax.get_xlim() if which == "x" else ax.get_ylim())
    decades = math.log10(high / low)
    for steps in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [
            m * 10.0**k
            for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for m in steps
            if low <= m * 10.0**k <= high
        ]
        if len(ticks) <= most:
            break
    else:
        stride = math.ceil(decades / most)
        ticks = [10.0**k for k in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1) if k % stride == 0]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda x, _: form(x)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def fan(
    ax: Axes,
    x: Any,
    draws: Any,
    colour: str,
    *,
    levels: Sequence[float] = LEVELS,
    label: str | None = None,
) -> np.ndarray:
    """Central intervals of `draws` (K, S) along `x` (K,), and their median, which is returned."""
    values = np.asarray(draws, dtype=float)
    for level, alpha in zip(levels, ALPHAS[-len(levels) :], strict=True):
        low, high = central(values, level, axis=1, omit_nan=True)
        ax.fill_between(x, low, high, color=colour, alpha=alpha, lw=0, zorder=2)
    middle = np.asarray(np.nanmedian(values, axis=1))
    ax.plot(x, middle, color=colour, zorder=2.5, label=label)
    return middle


def bar(ax: Axes, y: float, draws: Any, colour: str) -> float:
    """Nested horizontal bars of the central intervals of draws (S,), and a tick at the median, which is returned."""
    values = np.asarray(draws, dtype=float)
    for level, width in zip(LEVELS, (2.0, 4.5, 8.0), strict=True):
        low, high = central(values, level, omit_nan=True)
        ax.plot(
            [low, high],
            [y, y],
            color=colour,
            lw=width,
            solid_capstyle="butt",
            alpha=0.45 + 0.25 * (level < 0.9),
            zorder=3,
        )
    middle = float(np.nanmedian(values))
    ax.plot([middle], [y], "o", color="white", mec=colour, ms=4.2, mew=1.3, zorder=4)
    return middle


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """The positions moved apart to at least `gap`, in their order, as little as needed."""
    order = np.argsort(positions, kind="stable")
    out = np.asarray(positions, dtype=float)[order]
    for _ in range(200):
        moved = False
        for i in range(len(out) - 1):
            lack = gap - (out[i + 1] - out[i])
            if lack > 1e-9:
                out[i], out[i + 1], moved = out[i] - lack / 2, out[i + 1] + lack / 2, True
        if not moved:
            break
    result = np.empty_like(out)
    result[order] = out
    return [float(value) for value in result]


def line_labels(ax: Axes, x: float, labels: Sequence[tuple[float, str, str]], *, gap: float = 0.05, size: float = 8) -> None:
    """Names right of `x` for lines that end there: (y, text, colour), moved apart along the axis's own scale.

    Call it when the limits of the axes are final. `gap` is a fraction of the height.
    """
    if not labels:
        return
    to_axes, from_axes = ax.transData, ax.transAxes.inverted()
    heights = [float(from_axes.transform(to_axes.transform((x, y)))[1]) for y, _, _ in labels]
    left = float(from_axes.transform(to_axes.transform((x, labels[0][0])))[0])
    for height, (_, text, colour) in zip(spread(heights, gap), labels, strict=True):
        ax.annotate(
            text,
            (left, height),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            ha="left",
            color=colour,
            fontsize=size,
            annotation_clip=False,
        )


def panel(ax: Axes, title: str = "", xlabel: str = "", ylabel: str = "") -> None:
    """Title and axis labels."""
    ax.set_title(title)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
