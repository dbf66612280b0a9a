"""Should you believe it: the held-out budget, and what the runs identify."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.figures import style, text
from study.figures.analysis import SEED, TARGET_N, Analysis
from study.figures.few import stages
from study.figures.frames import each
from study.inference.identify import Directions, condition_numbers, contraction, directions, profile
from study.inference.parameters import Array
from study.inference.predictive import inside, predict_losses

if TYPE_CHECKING:
    from IPython.display import Markdown

LAW = {"E": "ln E", "tA": "ln tA", "tB": "ln tB", "alpha": "ln α", "beta": "ln β"}


@lru_cache(maxsize=4)
def predictions(study: Analysis) -> Array:
    """Posterior predictive losses of the held-out rows, (S, R)."""
    return np.asarray(predict_losses(study.posterior, study.held_out, seed=SEED))


@style.drawn
def held_out(study: Analysis) -> Figure:
    """Predicted and measured loss of runs at more compute than any that was fitted."""
    order = np.argsort(study.held_out["N"].to_numpy())
    rows = study.held_out.iloc[order]
    if not len(rows):
        return style.note("No run of a held-out budget is recorded.")
    figure, (left, right) = style.canvas(7.2, 3.3, 1, 2)
    predicted = predictions(study)[:, order]
    x, loss = rows["N"].to_numpy(), rows["loss"].to_numpy()
    style.fan(left, x, predicted.T, style.PREDICTIVE)
    left.plot(x, loss, "s", color=style.HELD_OUT, ms=6, mec="white", zorder=5)
    middle = np.median(predicted, axis=0)
    for level, height in ((0.95, 5.0), (0.8, 9.0), (0.5, 13.0)):
        low, high = (100 * (np.quantile(predicted, q, axis=0) / middle - 1) for q in ((1 - level) / 2, (1 + level) / 2))
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


def held_out_table(study: Analysis) -> "Markdown":
    """Each held-out run: measured, predicted, and where in its predictive distribution it fell."""
    if not len(study.held_out):
        return text.absent("no run of a held-out budget is recorded")
    predicted = predictions(study)
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


@lru_cache(maxsize=4)
def coverage(study: Analysis) -> dict[float, int]:
    """How many held-out runs fall inside each central predictive interval."""
    return inside(predictions(study), study.held_out["loss"])


@lru_cache(maxsize=4)
def learned(study: Analysis) -> tuple[Directions, ...]:
    """The directions the runs move away from the prior, at each stage of `few.stages`."""
    return tuple(directions(stage.posterior.parameters, study.prior) for stage in stages(study))


@style.drawn
def identifiability(study: Analysis) -> Figure:
    """Share of the prior's variance left in each of five directions, as runs are added."""
    figure, ax = style.canvas(7.0, 3.4)
    values = np.array([found.eigenvalues for found in learned(study)])
    x = [len(stage.rows) for stage in stages(study)]
    tones = style.size_colours(range(values.shape[1]))
    ax.set_xlim(x[0] - 1, x[-1] + 0.5)
    ax.set_ylim(max(float(values.min()) / 3, 1e-9), 4)
    style.log_axis(ax, "y", style.power)
    for k in range(values.shape[1]):
        ax.plot(x, values[:, k], "o-", color=tones[k], ms=4)
    ax.axhline(1, color=style.MUTED, lw=0.8)
    names = ["best known", "second", "third", "fourth", "least known"]
    style.line_labels(ax, x[-1], [(float(values[-1, k]), names[k], tones[k]) for k in range(values.shape[1])], gap=0.07)
    ax.annotate(
        "the prior's variance",
        (x[-1], 1),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        color=style.MUTED,
        fontsize=7.5,
    )
    style.panel(ax, "", "runs fitted", "posterior / prior variance")
    return figure


def contractions(study: Analysis) -> "Markdown":
    """1 - posterior variance / prior variance of each log-parameter, and condition numbers, by stage."""
    rows = []
    for stage in stages(study):
        left = contraction(stage.posterior.parameters, study.prior, list(LAW))
        numbers = condition_numbers(stage.posterior)
        rows.append(
            {
                "runs": stage.name,
                **{LAW[name]: f"{share:.2f}".replace("-", "−") for name, share in left.items()},
                **{name: text.significant(value, 2) for name, value in numbers.items()},
            }
        )
    return text.table(rows)


@style.drawn
def profiles(study: Analysis) -> Figure:
    """Profile likelihood of a and of D_opt at the target, beside the posterior: what the data say without a prior."""
    figure, axes = style.canvas(7.2, 2.9, 1, 2)
    draws, (N0, D0), rows = study.posterior.draws, study.reference, study.posterior.rows
    for ax, name, values, label in (
        (axes[0], "a", np.asarray(draws.a), "exponent $a$"),
        (axes[1], "D_opt_at", np.asarray(draws.D_opt_at(TARGET_N)), "$D_{opt}$ at the target (tokens)"),
    ):
        low, high = text.central(values, 0.998)
        at = np.geomspace(low, high, 25)
        deviance = profile(rows, name, at, N0=N0, D0=D0, at=TARGET_N)
        edges = np.geomspace(low, high, 40)
        density = np.histogram(np.log(values), np.log(edges), density=True)[0]
        ax.stairs(density / density.max() * 8, edges, fill=True, color=style.POSTERIOR, alpha=0.3)
        ax.plot(at, deviance, color=style.INK)
        ax.axhline(3.84, color=style.KAPLAN, lw=0.9, ls="--")
        ax.set_xlim(low, high)
        ax.set_ylim(0, 9)
        if name != "a":
            style.log_axis(ax, "x", most=5)
        style.panel(ax, "", label)
    axes[0].set_ylabel("deviance above the best")
    axes[0].text(0.02, 0.5, "95 % of $\\chi^2_1$", transform=axes[0].transAxes, color=style.KAPLAN, fontsize=7.5)
    axes[0].text(0.02, 0.57, "posterior", transform=axes[0].transAxes, color=style.POSTERIOR, fontsize=7.5)
    return figure


@style.drawn
def valley(study: Analysis) -> Figure:
    """Least squares over the exponents, the three linear terms projected out: the valley that the posterior fills."""
    found = study.varpro
    if found is None:
        return style.note("Too few runs for variable projection.")
    figure, ax = style.canvas(5.6, 4.0)
    height = np.log10(found.profile / found.objective)
    levels = np.linspace(0, 3, 13)
    filled = ax.contourf(found.grid, found.grid, np.clip(height.T, 0, 3), levels=levels, cmap="Greys", alpha=0.8)
    figure.colorbar(filled, ax=ax, label="log10 of the sum of squares above the least", shrink=0.85)
    keep = np.random.default_rng(SEED).choice(len(study.posterior.draws.alpha), 600)
    ax.plot(
        study.posterior.draws.alpha[keep],
        study.posterior.draws.beta[keep],
        ".",
        ms=2,
        color=style.POSTERIOR,
        alpha=0.6,
        rasterized=True,
    )
    ax.plot([found.surface.alpha], [found.surface.beta], "x", color=style.KAPLAN, ms=7, mew=1.6)
    surface = study.huber.surface
    ax.plot([surface.alpha], [surface.beta], "+", color=style.HOFFMANN, ms=8, mew=1.6)
    reach = [text.central(values, 0.998) for values in (study.posterior.draws.alpha, study.posterior.draws.beta)]
    ax.set_xlim(max(reach[0][0] / 2, 0.05), min(reach[0][1] * 1.7, 1.2))
    ax.set_ylim(max(reach[1][0] / 2, 0.05), min(reach[1][1] * 1.7, 1.2))
    names = (("posterior", style.POSTERIOR), ("× least squares", style.KAPLAN), ("+ Huber", style.HOFFMANN))
    for y, (name, colour) in zip((0.97, 0.9, 0.83), names, strict=True):
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
        ax.text(0.98, y, name, transform=ax.transAxes, ha="right", va="top", color=colour, fontsize=7.5, bbox=box)
    style.panel(ax, "", r"$\alpha$", r"$\beta$")
    return figure
