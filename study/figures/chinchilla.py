"""Chinchilla's points: does the same code recover the published answers?"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.errors import StudyError
from study.figures import style, text
from study.figures.analysis import CHINCHILLA_C, Analysis
from study.figures.frames import each
from study.figures.published_fits import PublishedFit, PublishedStudy, published_study
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
MISSING = "The table of Chinchilla's points is absent and no earlier summary is recorded."


@lru_cache(maxsize=2)
def fits(study: Analysis) -> PublishedStudy | None:
    """The fits of the table, computed now or recorded earlier."""
    return published_study(study.runs)


def huber(found: PublishedStudy) -> list[PublishedFit]:
    """The two Huber fits: without the outliers, and of all points."""
    return [fit for fit in found.fits if fit.method.startswith("Huber, 4,500")]


def table(study: Analysis) -> "Markdown":
    """Published, refitted and Bayesian, with and without the outliers, by row and clustered."""
    found = fits(study)
    if found is None:
        return text.absent(MISSING)
    rows = []
    for fit in found.fits:
        again = "bootstrap" in fit.method
        numbers = {
            "E": f"{fit.E:.3f}",
            "A": f"{fit.A:.1f}",
            "B": f"{fit.B:,.0f}",
            "α": f"{fit.alpha:.4f}",
            "β": f"{fit.beta:.4f}",
        }
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
def ratios(study: Analysis) -> Figure:
    """Tokens a parameter at Chinchilla's budget, by method, with and without the outliers."""
    found = fits(study)
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
    style.log_axis(ax, "x", lambda x: f"{x:g}")
    for name, height in zip(data, (0.22, 0.14), strict=False):
        ax.text(0.99, height, name, transform=ax.transAxes, ha="right", color=colours[name], fontsize=8)
    ax.axvline(RULE, color=style.MUTED, lw=0.8, ls="--")
    style.panel(ax, "", f"tokens a parameter at {style.power(CHINCHILLA_C, 3)} FLOP")
    return figure


def dropped(study: Analysis) -> "Markdown":
    """The points that are left out: size, tokens, loss, and how far each lies off the refit."""
    found = fits(study)
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
def points(study: Analysis) -> Figure:
    """The points themselves, and the residual of each from the refit, the outliers marked."""
    found = fits(study)
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
        right.annotate(
            "left out by Besiroglu et al.",
            (rows["C"][apart].max(), float(residual[apart].max())),
            xytext=(8, -3),
            textcoords="offset points",
            color=style.KAPLAN,
            fontsize=7.5,
        )
    right.axhline(0, color=style.MUTED, lw=0.8)
    right.set_xlim(rows["C"].min() / 1.5, rows["C"].max() * 1.5)
    style.log_axis(right, "x", style.power, most=5)
    style.panel(right, "residuals of the refit", "$C$ (FLOP)", "ln L, measured − law (%)")
    return figure
