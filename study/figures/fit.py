"""What the data taught: prior to posterior, the shape of the posterior, predictive checks, residuals."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from study.figures import style, text
from study.figures.analysis import SEED, Analysis
from study.figures.design import colours
from study.inference.likelihood import noise_scale
from study.inference.parameters import Array, Parameters
from study.inference.posterior import ImportanceDiagnostics, Posterior
from study.inference.predictive import predict_losses, prior_predictive
from study.inference.priors import distributions
from study.inference.spec import HEADLINE, ModelSpec

if TYPE_CHECKING:
    from IPython.display import Markdown

NAMES = {
    "E": ("$E$", "nats/token"),
    "tA": ("$t_A$", "nats"),
    "tB": ("$t_B$", "nats"),
    "alpha": (r"$\alpha$", ""),
    "beta": (r"$\beta$", ""),
    "s": ("$s$", "of ln L"),
    "g": ("$g$", "a decade of C"),
    "nu": (r"$\nu$", ""),
    "tau": (r"$\tau$", "of ln L"),
}
LOGARITHMIC = {"tA", "tB", "s", "nu"}


@style.drawn
def prior_to_posterior(study: Analysis) -> Figure:
    """Marginal prior and posterior densities of every parameter."""
    figure, axes = style.canvas(7.4, 4.9, 3, 3)
    figure.set_layout_engine("constrained", hspace=0.08)  # titles off the ticks above them
    known = distributions(HEADLINE, study.bytes_per_token)
    for ax, (name, (symbol, unit)) in zip(axes.flat, NAMES.items(), strict=True):
        draws = getattr(study.posterior.parameters, name)
        low, high = (float(value) for value in known[name].ppf([0.005, 0.995]))
        low, high = min(low, float(draws.min())), max(high, float(draws.max()))
        scale = np.log if name in LOGARITHMIC else np.asarray
        back = np.exp if name in LOGARITHMIC else np.asarray
        x = np.linspace(scale(low), scale(high), 150)
        prior = known[name].pdf(back(x)) * (back(x) if name in LOGARITHMIC else 1)
        kernel = stats.gaussian_kde(scale(draws))(x)
        ax.fill_between(back(x), 0, prior / prior.max() * 0.6, color=style.PRIOR, alpha=0.35, lw=0)
        ax.fill_between(back(x), 0, kernel / kernel.max(), color=style.POSTERIOR, alpha=0.45, lw=0)
        if name in LOGARITHMIC:
            ax.set_xlim(low, high)
            style.log_axis(ax, "x", lambda v: f"{v:g}", most=5)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_ylim(0, 1.1)
        style.panel(ax, f"{symbol}  {unit}".strip())
    first = axes.flat[0]
    first.text(0.98, 0.9, "posterior", transform=first.transAxes, color=style.POSTERIOR, fontsize=7.5, ha="right")
    first.text(0.98, 0.76, "prior", transform=first.transAxes, color=style.PRIOR, fontsize=7.5, ha="right")
    return figure


@style.drawn
def pairs(study: Analysis) -> Figure:
    """Joint posterior of the parameters the answer is made of, and of the answer."""
    values = study.posterior.parameters
    columns = {
        "$E$": values.E,
        "ln $t_A$": np.log(values.tA),
        "ln $t_B$": np.log(values.tB),
        r"$\alpha$": values.alpha,
        r"$\beta$": values.beta,
        "$a$": np.asarray(study.posterior.draws.a),
    }
    names, data = list(columns), list(columns.values())
    keep = np.random.default_rng(SEED).choice(len(values), min(700, len(values)), replace=False)
    size = len(names)
    figure, axes = style.canvas(7.2, 6.6, size, size)
    for i in range(size):
        for j in range(size):
            ax = axes[i, j]
            ax.grid(False)
            ax.tick_params(labelsize=6, length=2)
            if j > i:
                correlation = float(np.corrcoef(data[i], data[j])[0, 1])
                ax.set_axis_off()
                ax.text(
                    0.5,
                    0.5,
                    f"{correlation:+.2f}",
                    ha="center",
                    va="center",
                    transform=ax.transAxes,
                    fontsize=8 + 3 * abs(correlation),
                    color=style.INK if abs(correlation) > 0.5 else style.MUTED,
                )
                continue
            if i == j:
                ax.hist(data[i], 40, color=style.POSTERIOR, alpha=0.6)
                ax.set_yticks([])
            else:
                ax.plot(data[j][keep], data[i][keep], ".", ms=1.5, color=style.POSTERIOR, alpha=0.5, rasterized=True)
            ax.set_xticklabels([]) if i < size - 1 else ax.set_xlabel(names[j])
            if j == 0:
                ax.set_ylabel(names[i])  # E's own too, though its histogram has no scale
            elif i != j:
                ax.set_yticklabels([])
    return figure


@style.drawn
def prior_check(study: Analysis) -> Figure:
    """Losses the prior expects at the design, against those that were measured."""
    figure, ax = style.canvas(7.0, 3.2)
    rows = study.fit.sort_values(["budget", "N"]).reset_index(drop=True)
    N0, D0 = study.reference
    _, losses = prior_predictive(HEADLINE, rows, N0, D0, draws=1000, seed=SEED, bytes_per_token=study.bytes_per_token)
    x = np.arange(len(rows))
    for level, alpha in zip(style.LEVELS, style.ALPHAS, strict=True):
        low, high = np.quantile(losses, [(1 - level) / 2, (1 + level) / 2], axis=0)
        ax.fill_between(x, low, high, color=style.PRIOR, alpha=alpha, lw=0, step="mid")
    palette = colours(study)
    ax.scatter(x, rows["loss"], c=[palette[budget] for budget in rows["budget"]], s=18, zorder=3)
    ax.set_ylim(0, float(np.quantile(losses, 0.985)))
    ax.set_xticks([])
    style.panel(ax, "", "runs, by budget and then by size", "loss (nats/token)")
    return figure


@style.drawn
def checks(study: Analysis) -> Figure:
    """Posterior predictive check: residuals of ln L, in percent, by budget and by width."""
    figure, axes = style.canvas(7.2, 3.4, 1, 2, sharey=True)
    palette, rows = colours(study), study.fit
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
                low, high = np.quantile(spread, [(1 - share) / 2, (1 + share) / 2])
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
def quantiles(study: Analysis) -> Figure:
    """Residuals against the quantiles of the noise they are said to have: Student-t, and normal."""
    figure, axes = style.canvas(7.2, 3.3, 1, 2, sharey=True)
    normal = study.refit(study.fit, ModelSpec(noise="normal"))
    rng = np.random.default_rng(SEED)
    palette = colours(study)
    for ax, posterior, name in ((axes[0], study.posterior, "Student-t noise (headline)"), (axes[1], normal, "normal noise")):
        z = residuals(posterior)
        order = np.argsort(z)
        share = (np.arange(1, len(z) + 1) - 0.5) / len(z)
        nu = np.minimum(posterior.parameters.nu[rng.integers(0, len(posterior.parameters), 400)], 1e6)
        simulated = np.sort(stats.t.rvs(nu[:, None], size=(400, len(z)), random_state=rng), axis=1)
        theory = np.median(simulated, axis=0)
        low, high = np.quantile(simulated, [0.025, 0.975], axis=0)
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
def widths(study: Analysis) -> Figure:
    """The random effect of each width: what runs of one shape share."""
    figure, ax = style.canvas(6.6, 0.33 * len(study.posterior.rows.groups) + 1.1)
    order = np.argsort([float(name) for name in study.posterior.rows.groups])
    for y, index in enumerate(order):
        style.bar(ax, y, 100 * study.posterior.u[:, index], style.POSTERIOR)
    ax.axvline(0, color=style.MUTED, lw=0.8)
    ax.set_yticks(range(len(order)), [f"{float(study.posterior.rows.groups[i]):g}" for i in order])
    style.panel(ax, "", "effect on the loss (%)", "width $d$")
    return figure


def parameter_table(study: Analysis) -> "Markdown":
    """Posterior mean, s.d. and central intervals of every parameter and of a; the prior's interval beside them."""
    known = distributions(HEADLINE, study.bytes_per_token)
    rows = []
    for name, (symbol, unit) in NAMES.items():
        draws = getattr(study.posterior.parameters, name)
        low, high = (float(v) for v in known[name].ppf([0.025, 0.975]))
        rows.append(_row(symbol, unit, draws, text.interval(low, high)))
    surface = study.posterior.draws
    rows.append(_row(r"$a = \beta/(\alpha+\beta)$", "", np.asarray(surface.a), _prior_exponent(study.prior)))
    return text.table(rows, left=("unit",))


def _prior_exponent(prior: Parameters) -> str:
    return text.interval(*text.central(prior.beta / (prior.alpha + prior.beta)))


def _row(symbol: str, unit: str, draws: Array, prior: str) -> dict[str, str]:
    return {
        "parameter": symbol,
        "unit": unit,
        "mean": text.significant(float(draws.mean())),
        "s.d.": text.significant(float(draws.std()), 2),
        "95 %": text.interval(*text.central(draws)),
        "prior, 95 %": prior,
    }


def diagnostics(study: Analysis) -> "Markdown":
    """How the posterior was drawn, and the gate it passed."""
    fitted, fast = study.headline, study.fast
    rows = [
        {
            "posterior of": "the headline",
            "drawn by": fitted.method,
            "draws": f"{len(fitted.posterior.parameters):,}",
            **_gate(fitted.posterior),
        },
        {
            "posterior of": "the headline, as the refits are",
            "drawn by": "importance sampling",
            "draws": f"{len(fast.parameters):,}",
            **_gate(fast),
        },
    ]
    return text.table(rows, left=("drawn by",))


def _gate(posterior: Posterior) -> dict[str, str]:
    found = posterior.diagnostics
    if isinstance(found, ImportanceDiagnostics):
        none = {"largest R-hat": text.ABSENT, "divergences": text.ABSENT}
        return {**none, "effective draws": f"{found.effective:,.0f}", "Pareto k-hat": f"{found.khat:.2f}"}
    smallest = min(found.ess_bulk, found.ess_tail)
    return {
        "largest R-hat": f"{found.rhat:.4f}",
        "divergences": str(found.divergences),
        "effective draws": f"{smallest:,.0f}",
        "Pareto k-hat": text.ABSENT,
    }
