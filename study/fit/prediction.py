"""prediction.md: the answer of one fit in plain prose. Each sentence is chosen by the numbers it states."""

import numpy as np

from study.fit.fits import Answers, Fits
from study.inference.answers import Summary, summarise
from study.inference.parameters import Array
from study.laws.published import RULE, published_law

HOFFMANN_POINTS = ("besiroglu", "hoffmann", "hoffmann-rounded")


def prediction(fits: Fits, answers: Answers, N: float, *, source: str, dropped: int, bytes_per_token: float) -> str:
    """The Markdown of prediction.md."""
    posterior, at = fits.posterior, answers.at_N
    D, ratio = summarise(at.D), summarise(at.D / N)
    predicted = summarise(at.predictive_D)
    predicted_ratio = summarise(at.predictive_D / at.predictive_N)
    rows = len(posterior.rows)
    left_out = f" ({dropped} of the highest losses left out)" if dropped else ""
    parts = [
        f"# Compute-optimal tokens for {count(N)} parameters",
        f"From {rows} runs of {source}{left_out}, by {fits.method}. Intervals are central 95 %.",
        "| | law (posterior) | as a new experiment would measure it |\n|---|---|---|\n"
        f"| D_opt({count(N)}), tokens | {with_interval(D)} | {with_interval(predicted)} |\n"
        f"| tokens a parameter | {with_interval(ratio, plain)} | {with_interval(predicted_ratio, plain)} |\n"
        f"| D_opt, bytes of text | {with_interval(summarise(at.D * bytes_per_token))} "
        f"| {with_interval(summarise(at.predictive_D * bytes_per_token))} |\n"
        f"| compute 6 N D, FLOP | {with_interval(summarise(at.C), scientific)} | the same |",
        f"D_opt({count(N)}) is {with_interval(D)} tokens, {with_interval(ratio, plain)} tokens a parameter. "
        f"{_new_experiment(at.at_edge)} A token here is {bytes_per_token:.3g} bytes.",
        "## Against Chinchilla",
        _chinchilla(ratio, at.D, N, summarise(posterior.draws.a)),
        "## Extrapolation",
        _extrapolation(fits, at.D, at.C, N),
    ]
    return "\n\n".join(parts) + "\n"


def _new_experiment(at_edge: float) -> str:
    text = ("The second column adds what seven new runs around the optimum would add: their noise, and the parabola's own error.")
    if at_edge > 0.005:
        text += (f" In {100 * at_edge:.0f} % of such experiments the losses have no minimum inside the seven sizes; "
                 "the edge size is then counted as the optimum.")
    return text


def _chinchilla(ratio: Summary, D: Array, N: float, a: Summary) -> str:
    published = []
    for key in HOFFMANN_POINTS:
        law = published_law(key)
        tokens = float(law.law.D_opt_at(N))
        share = float(np.mean(tokens > D))
        place = ("inside" if 0.025 <= share <= 0.975 else "above" if share > 0.975 else "below")
        published.append(f"{law.label} gives {count(tokens)} ({plain(tokens / N)} a parameter), {place} the interval")
    low, high = ratio.ci95
    if low <= RULE <= high:
        rule = f"The interval of tokens a parameter, [{plain(low)}, {plain(high)}], contains the rule of {RULE:g}"
        rule += "." if high / low < 4 else f", as it would contain many others: its ends differ by a factor of {plain(high / low)}."
    else:
        more = "more" if low > RULE else "fewer"
        rule = (f"These runs ask for {more} tokens than the rule of {RULE:g} a parameter: the interval is "
                f"[{plain(low)}, {plain(high)}].")
    b_low, b_high = 1 - a.ci95[1], 1 - a.ci95[0]
    if b_low <= 0.5 <= b_high:
        exponent = "which contains one half, the equal split of compute between parameters and tokens"
    elif b_low > 0.5:
        exponent = "above one half: tokens should grow faster than parameters"
    else:
        exponent = "below one half: parameters should grow faster than tokens"
    return (f"{rule} At {count(N)} parameters, {'; '.join(published)}. The exponent of D_opt in C is {1 - a.median:.3f} "
            f"[{b_low:.3f}, {b_high:.3f}], {exponent}. The published laws count total parameters and their own tokens: "
            "compare in bytes of text where the vocabularies differ.")


def _extrapolation(fits: Fits, D: Array, C: Array, N: float) -> str:
    rows = fits.posterior.rows
    C_factor, N_factor = float(np.median(C) / rows.C.max()), float(N / rows.N.max())
    data = (f"The largest of these runs has {count(float(rows.N.max()))} parameters, and the largest compute is "
            f"{scientific(float(rows.C.max()))} FLOP.")
    if C_factor <= 1 and N_factor <= 1:
        text = f"{data} The optimum lies inside that range, so it is an interpolation."
    else:
        text = (f"{data} The model asked for is {plain(N_factor)} times that size and its optimum takes {plain(C_factor)} times "
                f"that compute ({np.log10(C_factor):.1f} decades).")
        if C_factor > 1000:
            text += (" At such a distance the interval is only as good as the law: a curvature that these runs cannot show, "
                     "another learning-rate rule or another corpus could move the answer, and the interval includes none of "
                     "them. Read it as what the law says, not as what a run will do.")
        elif C_factor > 10:
            text += (" The interval assumes that the same law holds all the way; that is untested, so plan with the predictive "
                     "interval and check the law at an intermediate compute before spending on the target.")
        else:
            text += " The interval assumes that the same law holds there, a modest extrapolation."
    spread = float(np.log10(np.quantile(D, 0.975) / np.quantile(D, 0.025)))
    if spread > 1:
        text += f" The interval itself spans {spread:.1f} decades: these runs do not settle the question."
    for warning in fits.warnings:
        text += f" {warning[0].upper()}{warning[1:]}."
    if len(rows.groups) < 2:
        text += (" Runs are taken as independent given the law; if runs of one width or budget share errors, the interval is "
                 "too narrow.")
    return text


def with_interval(summary: Summary, form=None) -> str:  # type: ignore[no-untyped-def]
    """`21.4 B [19.5 B, 23.8 B]`."""
    show = form or count
    low, high = summary.ci95
    return f"{show(summary.median)} [{show(low)}, {show(high)}]"


def count(value: float) -> str:
    """Parameters, tokens or bytes to three digits: 1B, 21.4B, 0.35T; powers of ten beyond a thousand trillion."""
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if unit <= abs(value) < 1000 * unit:
            return f"{value / unit:.3g}{name}" if abs(value) < 999.5 * unit else f"{value / unit:.0f}{name}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.2e}"


def plain(value: float) -> str:
    """Three digits, thousands separated; powers of ten beyond a million."""
    if abs(value) >= 1e6:
        return f"{value:.2e}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def scientific(value: float) -> str:
    """5.76e23."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa}e{int(exponent)}"
