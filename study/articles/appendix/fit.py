"""The posterior: what the runs taught against the prior, and the shape it has."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from study.analysis.study import SEED, Study
from study.analysis.variants import NARROW, WIDE, variant
from study.articles.shared import style, text, words
from study.inference.identify import contraction
from study.inference.parameters import Array, Parameters
from study.inference.priors import distributions
from study.inference.spec import HEADLINE
from study.laws.law import NATS_PER_BYTE

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
LAW = ("E", "tA", "tB", "alpha", "beta")
BEYOND = 0.1  # share of draws outside their prior's 95 % interval from which on a page says so


def N0(study: Study) -> str:
    """The reference size."""
    return text.count(study.reference[0])


def D0(study: Study) -> str:
    """The reference tokens."""
    return text.count(study.reference[1])


def entropy(study: Study) -> str:
    """Where the prior of E is centred, nats a token."""
    return text.significant(NATS_PER_BYTE * study.bytes_per_token)


def _beyond(study: Study) -> dict[str, float]:
    """The share of draws outside the prior's 95 % interval, by parameter."""
    out = {}
    for name, prior in distributions(HEADLINE, study.bytes_per_token).items():
        low, high = prior.ppf([0.025, 0.975])
        values = getattr(study.posterior.parameters, name)
        out[name] = float(np.mean((values < low) | (values > high)))
    return out


def conflict(study: Study) -> str:
    """The parameters that the runs put where their prior did not expect them."""
    found = [f"{NAMES[name][0]} ({text.percent(share)} of its draws)" for name, share in _beyond(study).items() if share > BEYOND]
    return words.enumeration(found)


def _median_of(study: Study, name: str) -> str:
    found = variant(study, name)
    return text.ABSENT if found is None else text.median(found.tokens, text.count)


def narrow(study: Study) -> str:
    """The answer with priors half as wide."""
    return _median_of(study, NARROW)


def wide(study: Study) -> str:
    """And twice as wide."""
    return _median_of(study, WIDE)


def _left(study: Study) -> list[tuple[str, float]]:
    """The parameters of the surface by how much of the prior's variance of their logarithm the runs leave, most first."""
    found = contraction(study.posterior.parameters, study.prior, list(LAW))
    return sorted(((name, 1 - share) for name, share in found.items()), key=lambda one: -one[1])


def narrowed_most(study: Study) -> str:
    """The parameter that the runs narrow most, and the percent of its prior's variance that is left."""
    name, left = _left(study)[-1]
    return f"{NAMES[name][0]} to {text.two(100 * left)} %"


def narrowed_least(study: Study) -> str:
    """And least."""
    name, left = _left(study)[0]
    return f"{NAMES[name][0]} to {text.two(100 * left)} %"


def strongest(study: Study) -> str:
    """The two strongest correlations between logarithms of the surface's parameters."""
    values = {name: np.log(getattr(study.posterior.parameters, name)) for name in LAW}
    found = [(float(np.corrcoef(values[a], values[b])[0, 1]), a, b) for i, a in enumerate(LAW) for b in LAW[i + 1:]]
    first = sorted(found, key=lambda one: -abs(one[0]))[:2]
    return words.enumeration([f"{NAMES[a][0]} with {NAMES[b][0]}, {text.signed(r)}" for r, a, b in first])


@style.drawn
def prior_to_posterior(study: Study) -> Figure:
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
            style.log_axis(ax, "x", style.plain, most=5)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_ylim(0, 1.1)
        style.panel(ax, f"{symbol}  {unit}".strip())
    first = axes.flat[0]
    first.text(0.98, 0.9, "posterior", transform=first.transAxes, color=style.POSTERIOR, fontsize=7.5, ha="right")
    first.text(0.98, 0.76, "prior", transform=first.transAxes, color=style.PRIOR, fontsize=7.5, ha="right")
    return figure


@style.drawn
def pairs(study: Study) -> Figure:
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


def parameter_table(study: Study) -> "Markdown":
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
