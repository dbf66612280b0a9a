"""Chinchilla's points: does the same code recover the published answers?"""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis.published_fits import Forecast, huber, published_study
from study.analysis.study import CHINCHILLA_C, Study
from study.analysis.tables import each
from study.articles.shared import style, text, words
from study.articles.shared.page import callout
from study.errors import StudyError
from study.inference.intervals import LEVELS
from study.laws.published import RULE
from study.published import load

if TYPE_CHECKING:
    from IPython.display import Markdown

SHORT = {
    "Hoffmann et al. 2022, as printed": "Hoffmann 2022, as printed",
    "Hoffmann et al. 2022, TeX source": "Hoffmann 2022, TeX source",
    "Besiroglu et al. 2024": "Besiroglu 2024",
    "Huber, 4,500 starts": "Huber",
    "Huber, bootstrap by row": "– bootstrap, rows",
    "Huber, bootstrap by budget": "– bootstrap, budgets",
    "Bayes, Student-t": "Student-t",
    "Bayes, Student-t, g free": "Student-t, g",
    "Bayes, normal": "normal",
    "Bayes, Student-t, g free, budget effect": "Student-t, g, budgets",
}  # methods of `published_fits`, as a table can hold them
ERRORS = {
    "E": 0.026,
    "A": 124.0,
    "B": 1293.0,
    "alpha": 0.0154,
    "beta": 0.0206,
}  # Besiroglu et al. 2024, table 1: bootstrap s.e.
MISSING = "The table of Chinchilla's points is absent, and no summary is recorded."
STUDENT = "Bayes, Student-t, g free"
KEPT = 0.88  # of the forecast's runs inside the 95 % interval, from which on its promise is said to be kept


def source(study: Study) -> None:
    """A callout where the fits were recorded earlier, or cannot be had at all."""
    found = published_study(study)
    if found is None:
        callout("warning", "No published table", MISSING)
    elif found.recorded:
        callout("note", "A recorded summary", f"These fits were **recorded earlier, not made for this page**: {found.reason}.")


def _worst(study: Study) -> float:
    """The largest distance of the refit from Besiroglu et al.'s values, in their standard errors."""
    found = published_study(study)
    if found is None:
        return float("nan")
    ours, theirs = huber(found)[0], found.find("Besiroglu et al. 2024", "published")
    return max(abs(getattr(ours, name) - getattr(theirs, name)) / error for name, error in ERRORS.items())


def recovers(study: Study) -> str:
    """Whether the refit reproduces Besiroglu et al.'s values within their standard errors."""
    worst = _worst(study)
    return "cannot be compared with" if np.isnan(worst) else "recovers" if worst < 1 else "misses"


def off(study: Study) -> str:
    """By how many of their standard errors it is off at most."""
    return text.two(_worst(study))


def objective(study: Study) -> str:
    """On which side of theirs its value of the Huber objective lies."""
    found = published_study(study)
    if found is None:
        return "unknown"
    ours, theirs = huber(found)[0].objective, found.find("Besiroglu et al. 2024", "published").objective
    return "lower" if (ours or 0) < (theirs or 0) else "higher"


def _forecast(study: Study) -> Forecast | None:
    found = published_study(study)
    return found.forecast if found else None


def forecast_fitted(study: Study) -> str:
    """Points that the forecast was fitted to."""
    one = _forecast(study)
    return f"{one.fitted}" if one else text.ABSENT


def forecast_above(study: Study) -> str:
    """The compute above which points were predicted, FLOP."""
    one = _forecast(study)
    return text.power(one.above) if one else text.ABSENT


def forecast_predicted(study: Study) -> str:
    """How many those are."""
    one = _forecast(study)
    return f"{one.predicted}" if one else text.ABSENT


def forecast_inside(study: Study) -> str:
    """How many fall inside their 50, 80 and 95 % intervals."""
    one = _forecast(study)
    return f"{one.inside['50']}, {one.inside['80']} and {one.inside['95']}" if one else text.ABSENT


def forecast_promised(study: Study) -> str:
    """How many the intervals promise to hold."""
    one = _forecast(study)
    return words.promised(one.predicted, LEVELS) if one else text.ABSENT


def forecast_verdict(study: Study) -> str:
    """Whether that is what the intervals promise."""
    one = _forecast(study)
    if one is None:
        return "not known"
    return "fewer than promised" if one.inside["95"] < KEPT * one.predicted else "as promised"


def _moves(study: Study) -> dict[str, list[float]]:
    """D/N without the five outliers and with them, by Huber's fit and by the Student-t posterior."""
    found = published_study(study)
    if found is None:
        return {"huber": [float("nan")] * 2, "student": [float("nan")] * 2}
    return {"huber": [fit.ratio for fit in huber(found)], "student": [fit.ratio for fit in found.fits if fit.method == STUDENT]}


def huber_moves(study: Study) -> str:
    """From and to where the outliers move Huber's D/N."""
    return " to ".join(map(text.significant, _moves(study)["huber"]))


def student_moves(study: Study) -> str:
    """And the Student-t posterior's."""
    return " to ".join(map(text.significant, _moves(study)["student"]))


def steadier(study: Study) -> str:
    """Whether heavy tails are steadier."""
    found = {name: max(ratios) / min(ratios) for name, ratios in _moves(study).items()}
    return "steadier" if found["student"] < found["huber"] else "no steadier"


def _spans(study: Study) -> tuple[tuple[float, float], tuple[float, float]]:
    """The intervals of D/N by resampling rows, and by resampling bins of compute."""
    found = published_study(study)
    if found is None:
        return ((float("nan"),) * 2,) * 2
    data = huber(found)[0].data
    rows, budgets = (found.find(f"Huber, bootstrap by {unit}", data).ratio_interval or (1.0, 1.0) for unit in ("row", "budget"))
    return rows, budgets


def by_rows(study: Study) -> str:
    """The interval by rows."""
    return text.interval(*_spans(study)[0])


def by_bins(study: Study) -> str:
    """The interval by bins of compute."""
    return text.interval(*_spans(study)[1])


def _wider(study: Study) -> float:
    rows, bins = _spans(study)
    return float(np.log(bins[1] / bins[0]) / np.log(rows[1] / rows[0]))


def bins_factor(study: Study) -> str:
    """How many times as wide the second is, in ln."""
    return text.two(_wider(study))


def bins_change(study: Study) -> str:
    """What resampling bins does to the interval."""
    return "widens" if _wider(study) > 1.05 else "narrows" if _wider(study) < 0.95 else "keeps"


def table(study: Study) -> "Markdown":
    """Published, refitted and Bayesian, with and without the outliers, by row and clustered."""
    found = published_study(study)
    if found is None:
        return text.absent(MISSING)
    rows = []
    for fit in found.fits:
        again = "bootstrap" in fit.method
        numbers = {"E": f"{fit.E:.3f}", "A": f"{fit.A:.1f}", "B": f"{fit.B:,.0f}", "α": f"{fit.alpha:.4f}", "β": f"{fit.beta:.4f}"}
        span = text.ABSENT if fit.ratio_interval is None else text.interval(*fit.ratio_interval)
        rows.append(
            {
                "fit": SHORT[fit.method].replace(" ", text.NBSP),
                "points": str(fit.rows) if fit.rows else text.ABSENT,
                **{name: "" if again else value for name, value in numbers.items()},
                "D/N": "" if again else text.significant(fit.ratio),
                "D/N, 95 %": span,
            }
        )
    return text.table(rows)


@style.drawn
def ratios(study: Study) -> Figure:
    """Tokens a parameter at Chinchilla's budget, by method, with and without the outliers."""
    found = published_study(study)
    if found is None:
        return style.note(MISSING)
    data = [name for name in dict.fromkeys(fit.data for fit in found.fits) if name != "published"]
    methods = list(dict.fromkeys(fit.method for fit in found.fits if fit.data != "published" and fit.ratio_interval))
    published = [fit for fit in found.fits if fit.data == "published"]
    figure, ax = style.canvas(7.2, 0.42 * (len(methods) + len(published)) + 1.2)
    colours, names = dict(zip(data, (style.POSTERIOR, style.PREDICTIVE), strict=False)), []
    y = len(methods) + len(published) - 1
    for fit in published:
        ax.plot([fit.ratio], [y], "D", color=style.INK, ms=5)
        names.append((y, fit.method))
        y -= 1
    for method in methods:
        for shift, name in zip((0.16, -0.16), data, strict=False):
            fit = found.find(method, name)
            low, high = fit.ratio_interval or (np.nan, np.nan)
            ax.plot([low, high], [y + shift] * 2, color=colours[name], lw=2, solid_capstyle="butt")
            ax.plot([fit.ratio], [y + shift], "o", color="white", mec=colours[name], mew=1.4, ms=4.5)
        names.append((y, method))
        y -= 1
    ax.set_yticks([at for at, _ in names], [name for _, name in names])
    ax.set_xlim(0.8, 300)
    style.log_axis(ax, "x", style.plain)
    for name, height in zip(data, (0.22, 0.14), strict=False):
        ax.text(0.99, height, name, transform=ax.transAxes, ha="right", color=colours[name], fontsize=8)
    ax.axvline(RULE, color=style.MUTED, lw=0.8, ls="--")
    style.panel(ax, "", f"tokens a parameter at {style.power(CHINCHILLA_C, 3)} FLOP")
    return figure


def dropped(study: Study) -> "Markdown":
    """The points that are left out: size, tokens, loss, and how far each lies off the refit."""
    found = published_study(study)
    try:
        rows = load("chinchilla")
    except StudyError as error:
        return text.absent(str(error))
    if found is None:
        return text.absent(MISSING)
    law = huber(found)[0]
    out = rows[rows["outlier"]]
    off = np.log(out["loss"]) - np.log(law.surface.loss(out["N"], out["D"]))
    return text.table(
        [
            {
                "N": text.count(row.N),
                "D (tokens)": text.count(row.D),
                "C (FLOP)": text.power(row.C),
                "D/N": text.significant(row.D / row.N, 2),
                "loss (nats/token)": f"{row.loss:.3f}",
                "off the refit (%)": f"{100 * gap:.0f}",
            }
            for row, gap in zip(each(out), off, strict=True)
        ]
    )


@style.drawn
def points(study: Study) -> Figure:
    """The points themselves, and the residual of each from the refit, the outliers marked."""
    found = published_study(study)
    try:
        rows = load("chinchilla")
    except StudyError as error:
        return style.note(str(error))
    figure, (left, right) = style.canvas(7.4, 3.5, 1, 2)
    surface = huber(found)[0].surface if found else None
    apart = rows["outlier"].to_numpy()
    dots = left.scatter(rows["N"][~apart], rows["D"][~apart], c=rows["loss"][~apart], s=9, cmap="viridis_r")
    left.plot(rows["N"][apart], rows["D"][apart], "x", color=style.KAPLAN, ms=6)
    figure.colorbar(dots, ax=left, label="loss (nats/token)", shrink=0.85)
    left.set_xlim(rows["N"].min() / 1.5, rows["N"].max() * 1.5)
    left.set_ylim(rows["D"].min() / 2, rows["D"].max() * 2)
    style.log_axis(left, "x", most=5)
    style.log_axis(left, "y", most=5)
    style.panel(left, "the runs", "parameters $N$", "tokens $D$")
    if surface is not None:
        residual = 100 * (np.log(rows["loss"]) - np.log(surface.loss(rows["N"], rows["D"])))
        right.plot(rows["C"][~apart], residual[~apart], "o", color=style.POSTERIOR, ms=2.5, alpha=0.7)
        right.plot(rows["C"][apart], residual[apart], "x", color=style.KAPLAN, ms=6)
        right.annotate("left out by Besiroglu et al.", (rows["C"][apart].max(), float(residual[apart].max())), xytext=(8, -3),
                       textcoords="offset points", color=style.KAPLAN, fontsize=7.5)
    right.axhline(0, color=style.MUTED, lw=0.8)
    right.set_xlim(rows["C"].min() / 1.5, rows["C"].max() * 1.5)
    style.log_axis(right, "x", style.power, most=5)
    style.panel(right, "residuals of the refit", "$C$ (FLOP)", "ln L, measured − law (%)")
    return figure
