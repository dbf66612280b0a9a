"""Predictive checks: what the prior expects, what the posterior says of the runs it has seen, and their residuals."""

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from study.analysis.study import SEED, Study, once
from study.articles.shared import style, text, words
from study.inference.intervals import LEVELS, central, inside
from study.inference.likelihood import noise_scale
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.predictive import predict_losses, prior_predictive
from study.inference.spec import HEADLINE, ModelSpec

HEAVY = 10  # degrees of freedom below which tails are called heavy


@once
def _expected(study: Study) -> Array:
    """Prior predictive losses of the fitted rows, (S, R)."""
    N0, D0 = study.reference
    return np.asarray(prior_predictive(HEADLINE, study.fit, N0, D0, draws=1000, seed=SEED,
                                       bytes_per_token=study.bytes_per_token)[1])


def expected_factor(study: Study) -> str:
    """The factor in loss that the prior's 95 % interval for a run spans, in the median."""
    low, high = central(_expected(study), axis=0)
    return text.two(float(np.median(high / low)))


def measured_factor(study: Study) -> str:
    """The factor that the runs themselves span."""
    return text.two(float(study.fit["loss"].max() / study.fit["loss"].min()))


def expected_inside(study: Study) -> str:
    """How many of the runs lie inside the prior's interval."""
    low, high = central(_expected(study), axis=0)
    return f"{int(((study.fit['loss'] >= low) & (study.fit['loss'] <= high)).sum())} of {len(study.fit)}"


@once
def _inside(study: Study) -> dict[float, int]:
    return inside(predict_losses(study.posterior, study.fit, seed=SEED), study.fit["loss"])


def fitted(study: Study) -> str:
    """Fitted runs."""
    return f"{len(study.fit):,}"


def promised(study: Study) -> str:
    """How many the three intervals promise to hold, from the narrowest."""
    return words.promised(len(study.fit), LEVELS)


def inside_50(study: Study) -> str:
    """How many lie inside their own 50 % predictive interval."""
    return f"{_inside(study)[0.5]}"


def inside_80(study: Study) -> str:
    """Inside the 80 % interval."""
    return f"{_inside(study)[0.8]}"


def inside_95(study: Study) -> str:
    """Inside the 95 % interval."""
    return f"{_inside(study)[0.95]}"


def heavy(study: Study) -> str:
    """The posterior probability of fewer than ten degrees of freedom."""
    return f"{np.mean(study.posterior.parameters.nu < HEAVY):.2f}"


def heavy_before(study: Study) -> str:
    """And the prior's."""
    return f"{np.mean(study.prior.nu < HEAVY):.2f}"


def tails(study: Study) -> str:
    """Whether the residuals ask for heavier tails than the prior expected."""
    more = float(np.mean(study.posterior.parameters.nu < HEAVY)) > float(np.mean(study.prior.nu < HEAVY)) + 0.1
    return "ask for heavier tails than the prior expected" if more else "do not ask for heavy tails"


def _largest(study: Study) -> tuple[float, Array]:
    """The width of the largest effect, and its draws."""
    index = int(np.argmax(np.abs(np.median(study.posterior.u, axis=0))))
    return float(study.posterior.rows.groups[index]), np.asarray(study.posterior.u[:, index])


def largest_effect(study: Study) -> str:
    """The largest width effect, percent of the loss."""
    return f"{text.signed(100 * float(np.median(_largest(study)[1])))} %"


def at_width(study: Study) -> str:
    """Its width."""
    return f"{_largest(study)[0]:g}"


def holds_zero(study: Study) -> str:
    """Whether its 95 % interval holds zero."""
    return "holds" if words.lies(0.0, _largest(study)[1]) == "inside" else "leaves out"


@style.drawn
def prior_check(study: Study) -> Figure:
    """Losses the prior expects at the design, against those that were measured."""
    figure, ax = style.canvas(7.0, 3.2)
    rows = study.fit.sort_values(["budget", "N"]).reset_index(drop=True)
    N0, D0 = study.reference
    _, losses = prior_predictive(HEADLINE, rows, N0, D0, draws=1000, seed=SEED, bytes_per_token=study.bytes_per_token)
    x = np.arange(len(rows))
    for level, alpha in zip(style.LEVELS, style.ALPHAS, strict=True):
        low, high = central(losses, level, axis=0)
        ax.fill_between(x, low, high, color=style.PRIOR, alpha=alpha, lw=0, step="mid")
    palette = style.colours(study)
    ax.scatter(x, rows["loss"], c=[palette[budget] for budget in rows["budget"]], s=18, zorder=3)
    ax.set_ylim(0, float(np.quantile(losses, 0.985)))
    ax.set_xticks([])
    style.panel(ax, "", "runs, by budget and then by size", "loss (nats/token)")
    return figure


@style.drawn
def checks(study: Study) -> Figure:
    """Posterior predictive check: residuals of ln L, in percent, by budget and by width."""
    figure, axes = style.canvas(7.2, 3.4, 1, 2, sharey=True)
    palette, rows = style.colours(study), study.fit
    predicted = predict_losses(study.posterior, rows, seed=SEED)
    middle = np.median(np.log(predicted), axis=0)
    residual = 100 * (np.log(rows["loss"].to_numpy()) - middle)
    rng = np.random.default_rng(SEED)
    for ax, column, label in ((axes[0], "budget", "budget (exact FLOP)"), (axes[1], "width", "width $d$")):
        levels = sorted(rows[column].unique())
        for x, level in enumerate(levels):
            mine = (rows[column] == level).to_numpy()
            spread = 100 * (np.log(predicted[:, mine]) - middle[mine])
            for share, alpha in zip(style.LEVELS, style.ALPHAS, strict=True):
                low, high = central(spread, share)
                ax.fill_between([x - 0.38, x + 0.38], low, high, color=style.PREDICTIVE, alpha=alpha, lw=0)
            ax.scatter(
                x + rng.uniform(-0.22, 0.22, mine.sum()),
                residual[mine],
                s=16,
                zorder=3,
                edgecolor="white",
                linewidth=0.4,
                c=[palette[budget] for budget in rows["budget"][mine]],
            )
        ax.set_xticks(range(len(levels)), [style.power(level) if column == "budget" else f"{level:g}" for level in levels])
        style.panel(ax, "", label)
    axes[0].set_ylabel("ln L, measured − predicted (%)")
    return figure


def residuals(posterior: Posterior) -> Array:
    """Posterior medians of the standardised residuals of the fitted rows, shape (R,)."""
    rows, draws = posterior.rows, posterior.parameters
    centre = np.log(posterior.draws.loss(rows.N[:, None], rows.D[:, None])) + posterior.u.T[rows.group]
    scale = noise_scale(draws, rows.C[:, None], posterior.N0, posterior.D0, rows.repeats[:, None])
    return np.asarray(np.median((np.log(rows.loss)[:, None] - centre) / scale, axis=1))


@style.drawn
def quantiles(study: Study) -> Figure:
    """Residuals against the quantiles of the noise they are said to have: Student-t, and normal."""
    figure, axes = style.canvas(7.2, 3.3, 1, 2, sharey=True)
    normal = study.refit(study.fit, ModelSpec(noise="normal"))
    rng = np.random.default_rng(SEED)
    palette = style.colours(study)
    for ax, posterior, name in ((axes[0], study.posterior, "Student-t noise (headline)"), (axes[1], normal, "normal noise")):
        z = residuals(posterior)
        order = np.argsort(z)
        share = (np.arange(1, len(z) + 1) - 0.5) / len(z)
        nu = np.minimum(posterior.parameters.nu[rng.integers(0, len(posterior.parameters), 400)], 1e6)
        simulated = np.sort(stats.t.rvs(nu[:, None], size=(400, len(z)), random_state=rng), axis=1)
        theory = np.median(simulated, axis=0)
        low, high = central(simulated, axis=0)
        ax.fill_between(theory, low, high, color=style.PREDICTIVE, alpha=0.25, lw=0)
        ax.plot(theory, theory, color=style.MUTED, lw=0.8)
        budgets = study.fit["budget"].to_numpy()[order]
        ax.scatter(
            theory, z[order], s=15, c=[palette[budget] for budget in budgets], zorder=3, edgecolor="white", linewidth=0.4
        )
        ax.set_ylim(-4.5, 4.5)
        style.panel(ax, name, f"expected at ranks of {len(share)}")
    axes[0].set_ylabel("standardised residual of ln L")
    return figure


@style.drawn
def widths(study: Study) -> Figure:
    """The random effect of each width: what runs of one shape share."""
    figure, ax = style.canvas(6.6, 0.33 * len(study.posterior.rows.groups) + 1.1)
    order = np.argsort([float(name) for name in study.posterior.rows.groups])
    for y, index in enumerate(order):
        style.bar(ax, y, 100 * study.posterior.u[:, index], style.POSTERIOR)
    ax.axvline(0, color=style.MUTED, lw=0.8)
    ax.set_yticks(range(len(order)), [f"{float(study.posterior.rows.groups[i]):g}" for i in order])
    style.panel(ax, "", "effect on the loss (%)", "width $d$")
    return figure
