"""What the runs identify: directions, contraction, profile likelihoods, the plane of the exponents, runs added."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis.answers import middle_tokens, tokens
from study.analysis.stages import learned, stages, three
from study.analysis.study import Study
from study.articles.shared import style, text, words
from study.inference.identify import condition_numbers, contraction, profile
from study.laws.errata import TARGET_N

if TYPE_CHECKING:
    from IPython.display import Markdown

LAW = {"E": "ln E", "tA": "ln tA", "tB": "ln tB", "alpha": "ln α", "beta": "ln β"}
CONDITIONED = {"naive": "as in the papers", "centred": "centred", "slopes": "slopes"}
SYMBOLS = {"alpha": "$\\alpha$", "beta": "$\\beta$", "tA": "$t_A$", "tB": "$t_B$", "E": "$E$"}


def learned_by_three(study: Study) -> str:
    """In how many of five directions three runs at least halve the prior variance."""
    return words.none_or(learned(study)[0].learned)


def learned_by_all(study: Study) -> str:
    """And all runs."""
    return words.none_or(learned(study)[-1].learned)


def least_known(study: Study) -> str:
    """The direction known least."""
    found = learned(study)[-1]
    shown = found.describe(len(found.eigenvalues) - 1).replace("-", "−")
    for name in ("alpha", "beta", "tA", "tB"):
        shown = shown.replace(name, SYMBOLS[name])
    return shown.replace("ln E", "ln $E$")


def untouched(study: Study) -> str:
    """The parameters of which three runs leave more than half of the prior variance."""
    left = contraction(three(study).posterior.parameters, study.prior, list(LAW))
    return words.enumeration([SYMBOLS[name] for name, share in left.items() if share < 0.5])


@style.drawn
def identifiability(study: Study) -> Figure:
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


def contractions(study: Study) -> "Markdown":
    """1 - posterior variance / prior variance of each log-parameter, and condition numbers, by stage."""
    rows = []
    for stage in stages(study):
        left = contraction(stage.posterior.parameters, study.prior, list(LAW))
        numbers = condition_numbers(stage.posterior)
        rows.append(
            {
                "runs": stage.name,
                **{LAW[name]: f"{share:.2f}".replace("-", "−") for name, share in left.items()},
                **{CONDITIONED[name]: text.significant(value, 2) for name, value in numbers.items()},
            }
        )
    return text.table(rows)


def likeliest_factor(study: Study) -> str:
    """The answer of greatest likelihood under normal noise of one scale, over the posterior's median."""
    found = study.varpro
    if found is None or found.at_bound:
        return text.ABSENT
    return text.two(float(found.surface.D_opt_at(TARGET_N)) / middle_tokens(study))


@style.drawn
def profiles(study: Study) -> Figure:
    """Profile likelihood of a and of D_opt at the target, beside the posterior: what the data say without a prior."""
    figure, axes = style.canvas(7.2, 2.9, 1, 2)
    draws, (N0, D0), rows = study.posterior.draws, study.reference, study.posterior.rows
    for ax, name, values, label in (
        (axes[0], "a", np.asarray(draws.a), "exponent $a$"),
        (axes[1], "D_opt_at", tokens(study), "$D_{opt}$ at the target (tokens)"),
    ):
        low, high = text.central(values, 0.998)
        at = np.geomspace(low, high, 25)
        deviance = profile(rows, name, at, N0=N0, D0=D0, at=TARGET_N)
        edges = np.geomspace(low, high, 40)
        density = np.histogram(np.log(values), np.log(edges), density=True)[0]
        ax.stairs(density / density.max() * 8, edges, fill=True, color=style.POSTERIOR, alpha=0.3, label="posterior")
        ax.plot(at, deviance, color=style.INK, label="deviance")
        ax.axhline(3.84, color=style.KAPLAN, lw=0.9, ls="--", label=r"95 % of $\chi^2_1$")
        ax.set_xlim(low, high)
        ax.set_ylim(0, 9)
        if name != "a":
            style.log_axis(ax, "x", most=5)
        style.panel(ax, "", label)
    axes[0].set_ylabel("deviance above the best")
    figure.legend(handles=axes[0].get_legend_handles_labels()[0], loc="outside upper right", ncols=3, fontsize=7.5)
    return figure


@style.drawn
def parameters(study: Study) -> Figure:
    """Prior, three runs, all runs: marginal densities of what the answer is made of, and of the answer."""
    figure, axes = style.canvas(7.4, 2.0, 1, 5)
    with np.errstate(over="ignore"):
        sets = {
            "prior": (study.prior, study.prior.surface(*study.reference), style.PRIOR),
            "three runs": (three(study).posterior.parameters, three(study).posterior.draws, style.PREDICTIVE),
            "all runs": (study.posterior.parameters, study.posterior.draws, style.POSTERIOR),
        }
        columns = [
            ("ln $E$", lambda p, _: np.log(p.E)),
            (r"ln $\alpha$", lambda p, _: np.log(p.alpha)),
            (r"ln $\beta$", lambda p, _: np.log(p.beta)),
            ("$a$", lambda _, s: np.asarray(s.a)),
            ("log10 $D_{opt}$", lambda _, s: np.log10(s.D_opt_at(TARGET_N))),
        ]
        for ax, (name, column) in zip(axes, columns, strict=True):
            values = {label: column(p, s) for label, (p, s, _) in sets.items()}
            low, high = np.nanquantile(values["prior"], [0.005, 0.995])
            low, high = (
                min(low, *(np.nanquantile(v, 0.01) for v in values.values())),
                max(high, *(np.nanquantile(v, 0.99) for v in values.values())),
            )
            for label, (_, _, colour) in sets.items():
                density, edges = np.histogram(values[label], np.linspace(low, high, 50), density=True)
                ax.stairs(density / density.max(), edges, fill=True, color=colour, alpha=0.12)
                ax.stairs(density / density.max(), edges, color=colour, lw=1.2)
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
            style.panel(ax, name)
    handles = [axes[0].plot([], [], color=colour, label=label)[0] for label, (_, _, colour) in sets.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), fontsize=7.5)
    return figure


def narrowest(study: Study) -> str:
    """The stage at which the answer's interval is narrowest, and the decades that it spans there."""
    stage = min(stages(study), key=lambda stage: text.decades(stage.tokens))
    return f"{stage.name}, {text.two(text.decades(stage.tokens))} decades"


def widest_end(study: Study) -> str:
    """The decades of the last stage."""
    return text.two(text.decades(stages(study)[-1].tokens))


def growth(study: Study) -> "Markdown":
    """The answer's interval, the exponent's, and how many decades the first spans, as runs are added."""
    rows = []
    for stage in stages(study):
        found, a = stage.tokens, stage.posterior.draws.a
        low, high = text.central(found)
        rows.append(
            {
                "runs": stage.name,
                "$D_{opt}$ (tokens)": text.count(float(np.median(found))),
                "95 %": text.interval(low, high, text.count),
                "decades": text.significant(np.log10(high / low), 2),
                "a, 95 %": text.interval(*text.central(a)),
            }
        )
    return text.table(rows)
