"""How many tokens: D_opt(N) and N_opt(C) with intervals, beside the published laws."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from study.analysis import answers
from study.analysis.study import USUAL_BYTES, Study
from study.articles.shared import laws, style, text, words
from study.articles.verdict import with_interval
from study.inference.answers import SIZES
from study.inference.digits import Estimate, estimate
from study.inference.intervals import LEVELS
from study.laws.errata import TARGET_N
from study.laws.published import RULE

if TYPE_CHECKING:
    from IPython.display import Markdown

ASKED = (1e7, 1e8, TARGET_N, 1e10)  # parameters
TRAINED = 70e9  # parameters of Chinchilla


def size() -> str:
    """The parameters asked for."""
    return text.count(TARGET_N)


def tokens(study: Study) -> str:
    """D_opt at the target, the median."""
    return text.held(answers.asked(study))


def tokens_95(study: Study) -> str:
    """Its central 95 % interval."""
    return text.held_ends(answers.asked(study))


def tokens_80(study: Study) -> str:
    """Its 80 % interval."""
    return text.held_ends(answers.asked(study), level=0.8)


def tokens_50(study: Study) -> str:
    """Its 50 % interval."""
    return text.held_ends(answers.asked(study), level=0.5)


def ratio(study: Study) -> str:
    """Tokens a parameter, the median."""
    return text.held(_ratio(study), text.significant)


def ratio_95(study: Study) -> str:
    """Its interval."""
    return text.held_ends(_ratio(study), text.significant)


def _ratio(study: Study) -> Estimate:
    return answers.asked(study).times(1 / TARGET_N)


def rule_lies(study: Study) -> words.Side:
    """Where the rule of thumb lies beside the interval of tokens a parameter."""
    return words.lies(RULE, answers.tokens(study) / TARGET_N)


def bytes_of_text(study: Study) -> str:
    """The answer in bytes of this corpus."""
    return text.held(answers.asked(study).times(study.bytes_per_token), text.size_in_bytes)


def bytes_95(study: Study) -> str:
    """Its interval."""
    return text.held_ends(answers.asked(study).times(study.bytes_per_token), text.size_in_bytes)


def rule_in_bytes() -> str:
    """Bytes a parameter by the rule, for usual text."""
    return text.two(RULE * USUAL_BYTES)


def bytes_a_parameter_95(study: Study) -> str:
    """The interval of the answer in bytes a parameter."""
    return text.held_ends(_ratio(study).times(study.bytes_per_token), text.significant)


def rule_in_bytes_lies(study: Study) -> words.Side:
    """Where the rule, read in bytes of usual text, lies beside it."""
    return words.lies(RULE * USUAL_BYTES, answers.tokens(study) / TARGET_N * study.bytes_per_token)


def compute(study: Study) -> str:
    """FLOP of the answer, 6 N D."""
    return text.held(answers.asked(study).times(6 * TARGET_N), text.power)


def times_beyond_C(study: Study) -> str:
    """How many times the largest fitted compute that is."""
    return text.held(answers.asked(study).times(6 * TARGET_N / study.largest_C), text.significant)


def times_beyond_N(study: Study) -> str:
    """How many times the largest fitted size the target is."""
    return text.two(TARGET_N / study.largest_N)


def decades_beyond(study: Study) -> str:
    """The powers of ten between the largest fitted compute and the answer's."""
    return f"{np.log10(answers.target_compute(study) / study.largest_C):.1f}"


def monte_carlo_error(study: Study) -> str:
    """Monte Carlo error of the ends of the 95 % interval."""
    return text.percent(max(answers.asked(study).interval_errors[0.95]))


def E(study: Study) -> str:
    """The irreducible loss, nats a token, with its interval."""
    return with_interval(study.posterior.parameters.E, text.two)


def alpha(study: Study) -> str:
    """The exponent of size."""
    return with_interval(study.posterior.parameters.alpha, text.two)


def beta(study: Study) -> str:
    """The exponent of data."""
    return with_interval(study.posterior.parameters.beta, text.two)


def a(study: Study) -> str:
    """The exponent of N_opt, the median."""
    return text.held(answers.exponent(study), text.significant)


def a_95(study: Study) -> str:
    """Its interval."""
    return text.held_ends(answers.exponent(study), text.significant)


def experiment_sizes() -> str:
    """Sizes of a new isoFLOP experiment, as a word."""
    return words.number_word(SIZES)


def experiment_95(study: Study) -> str:
    """Where it would measure the optimum."""
    return text.held_ends(estimate(study.posterior, answers.measured(study).D))


def experiment_fails(study: Study) -> str:
    """The share of draws in which its parabola has no minimum inside."""
    return text.percent(float(answers.measured(study).at_edge.mean()))


def at_chinchilla(study: Study) -> str:
    """N_opt at Chinchilla's budget."""
    return f"{text.held(answers.at_chinchilla(study))} {text.held_ends(answers.at_chinchilla(study))}"


def chinchilla_trained() -> str:
    """What was trained with it."""
    return text.count(TRAINED)


def exact_budget(study: Study) -> str:
    """The budget at which the exact cost is compared with 6 N D."""
    return text.power(answers.exact_optimum(study)[0])


def exact_factor(study: Study) -> str:
    """The optimal size there under the exact cost a token, over that at 6 N."""
    _, plain, exact = answers.exact_optimum(study)
    return text.two(float(np.median(exact / plain)))


@style.drawn
def by_size(study: Study) -> Figure:
    """D_opt / N against N: the posterior, the published laws, and the rule of twenty tokens a parameter."""
    figure, ax = style.canvas(7.2, 3.1)
    N = np.geomspace(float(study.fit["N"].min()), 3e10, 70)
    ax.set_xlim(N[0] / 1.5, N[-1])
    style.log_axis(ax, "x")
    middle = style.fan(ax, N, study.posterior.draws.D_opt_at(N[:, None]) / N[:, None], style.POSTERIOR)
    labels = [(float(middle[-1]), "this study", style.POSTERIOR), (RULE, f"{RULE:g} tokens a parameter", style.INK)]
    ax.axhline(RULE, color=style.INK, lw=1, ls="--")
    for one in laws.drawn():
        at = np.geomspace(1e7, N[-1], 30)
        line = np.asarray(one.law.law.D_opt_at(at)) / at
        ax.plot(at, line, color=one.colour, lw=1.2)
        labels.append((float(line[-1]), one.name, one.colour))
    style.log_axis(ax, "y", style.plain)
    style.line_labels(ax, N[-1], labels)
    style.shade(ax, float(study.fit["N"].min()), study.largest_N)
    ax.axvline(TARGET_N, color=style.FAINT, lw=0.8, ls=":")
    style.panel(ax, "", "parameters $N$", "tokens a parameter, $D_{opt}(N)/N$")
    return figure


def table(study: Study) -> "Markdown":
    """D_opt at sizes from inside the grid to beyond the target: posterior, and as a new experiment would measure it."""
    rows = []
    for N in (
        float(np.exp(np.log(study.fit["N"]).mean())),
        study.largest_N,
        *(size for size in ASKED if size > study.largest_N),
    ):
        measured = estimate(study.posterior, answers.measured(study, N).D)
        for kind, found in (("law", answers.asked(study, N)), ("experiment", measured)):
            first = kind == "law"
            rows.append(
                {
                    "N": text.count(N) if first else "",
                    "": kind,
                    "$D_{opt}$ (tokens)": text.held(found),
                    **{f"{100 * level:g} %": text.held_ends(found, level=level) for level in LEVELS},
                    "D/N": text.held(found.times(1 / N), text.significant),
                }
            )
    return text.table(rows, left=("",))
