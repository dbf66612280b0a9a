"""prediction.md: the answer of one fit in plain prose. Each sentence is chosen by the numbers it states."""

import numpy as np

from study.fit.argument import Argument
from study.fit.draws import HUGE
from study.fit.fits import Answers, Fits
from study.fit.words import FORMS, count, decimals, plain, roughly, scientific, short, with_interval
from study.inference.answers import summarise
from study.inference.digits import Estimate, estimate
from study.inference.forms import FormFit
from study.inference.intervals import decades
from study.inference.parameters import Array
from study.inference.serving import Overtraining, Serving
from study.laws.published import RULE, published_law

HOFFMANN_POINTS = ("besiroglu", "hoffmann", "hoffmann-rounded")


def prediction(fits: Fits, answers: Answers, argument: Argument, N: float, *, source: str, dropped: int, bytes_per_token: float,
               serving: Serving | None = None, overtrained: Overtraining | None = None) -> str:
    """The Markdown of prediction.md: the verdict first."""
    posterior, at = fits.posterior, answers.at_N
    found = {name: estimate(posterior, draws) for name, draws in (
        ("D", at.D), ("ratio", at.D / N), ("D new", at.predictive_D), ("ratio new", at.predictive_D / at.predictive_N),
        ("bytes", at.D * bytes_per_token), ("bytes new", at.predictive_D * bytes_per_token), ("C", at.C))}
    rows = len(posterior.rows)
    left_out = f" ({dropped} of the highest losses left out)" if dropped else ""
    widened = "" if argument.widened is None else (
        f"| D_opt({count(N)}), widened | {with_interval(summarise(argument.widened), roughly)} | |\n")
    parts = [
        f"# Compute-optimal tokens for {count(N)} parameters",
        f"**{argument.verdict[0].upper()}{argument.verdict[1:]}.**",
        f"From {rows} runs of {source}{left_out}, by {fits.method}. Intervals are central 95 %.",
        "| | law (posterior) | as a new experiment would measure it |\n|---|---|---|\n"
        f"| D_opt({count(N)}), tokens | {with_interval(found['D'])} | {with_interval(found['D new'])} |\n{widened}"
        f"| tokens a parameter | {with_interval(found['ratio'], plain)} | {with_interval(found['ratio new'], plain)} |\n"
        f"| D_opt, bytes of text | {with_interval(found['bytes'])} | {with_interval(found['bytes new'])} |\n"
        f"| compute 6 N D, FLOP | {with_interval(found['C'], scientific)} | the same |",
        f"D_opt({count(N)}) is {with_interval(found['D'])} tokens, {with_interval(found['ratio'], plain)} tokens a parameter. "
        f"{_new_experiment(at.at_edge)} A token here is {bytes_per_token:.3g} bytes.",
        "## What speaks against it",
        _against(argument),
        "## Other forms of the law",
        _forms(argument, N),
        "## Against Chinchilla",
        _chinchilla(found["ratio"], at.D, N, estimate(posterior, posterior.draws.a)),
        "## Extrapolation",
        _extrapolation(fits, at.D, at.C, N),
    ]
    if serving is not None:
        parts.extend(["## With inference counted", _serving(serving)])
    if overtrained is not None:
        parts.extend(["## At another ratio", _overtrained(overtrained)])
    return "\n\n".join(parts) + "\n"


def _against(argument: Argument) -> str:
    lines = [f"- {doubt.text[0].upper()}{doubt.text[1:]}." for doubt in argument.doubts]
    if (test := argument.forecast) is not None:
        seen = test.scores
        counts = ", ".join(f"{count} inside {100 * level:.0f} %" for level, count in seen.inside.items())
        lines.append(f"- Forecast test: {test.fitted} runs up to {scientific(test.above)} FLOP predict the {test.predicted} above "
                     f"(up to {plain(test.reach)} times that compute): {counts}; mean error {seen.z:+.1f} s.d. "
                     f"({100 * seen.error:+.2g} % of the loss). Chances of a worse mean error and of fewer inside, if the law "
                     f"holds: {seen.p_error:.2g} and {seen.p_inside:.2g}.")
    else:
        lines.append(f"- No forecast test: {argument.no_forecast}.")
    for trend in argument.trends:
        low, high = (100 * end for end in trend.ci95)
        slope = f"{100 * trend.slope:+.2g} % of the loss a decade [{low:+.2g}, {high:+.2g}]"
        lines.append(f"- Residuals against {trend.axis}: {slope}.")
    return "\n".join(lines)


def _forms(argument: Argument, N: float) -> str:
    base = argument.forms.get("hoffmann")
    lines = [f"| form | D_opt({count(N)}) | elpd against Hoffmann's |\n|---|---|---|"]
    for name, fit in argument.forms.items():
        if not isinstance(fit, FormFit):
            lines.append(f"| {FORMS[name]} | none: {fit} | |")
            continue
        gain = f"{fit.elpd - base.elpd:+.1f}" if isinstance(base, FormFit) and name != "hoffmann" else ""
        tokens = summarise(np.clip(fit.draws.D_opt_at(N), 0, HUGE))
        lines.append(f"| {FORMS[name]} | {with_interval(tokens, roughly)} | {gain} |")
    mixed = with_interval(summarise(argument.mixture), roughly)
    lines.append(f"| the fit, Kaplan's form and the one that nests both, in equal parts | {mixed} | |")
    return "\n".join(lines)


def _serving(found: Serving) -> str:
    N, D, saved = summarise(found.N), summarise(found.D), summarise(100 * (1 - found.C / found.C_chinchilla))
    return (f"For {count(found.inference_tokens)} tokens of inference, and the loss of the compute-optimal model of the compute "
            f"asked for, the fewest FLOPs are spent by {with_interval(N, roughly)} parameters on {with_interval(D, roughly)} "
            f"tokens, {with_interval(summarise(found.D / found.N), plain)} a parameter: {saved.median:.2g} % "
            f"[{saved.ci95[0]:.2g}, {saved.ci95[1]:.2g}] fewer than by that model (6 N D + 2 N T; Sardana et al. 2024).")


def _overtrained(found: Overtraining) -> str:
    above, compute = summarise(found.loss_above), summarise(found.compute)
    N, D = (count(float(values[0]), 2) for values in (found.N, found.D))
    return (f"At the compute asked for, {plain(found.ratio)} tokens a parameter are {N} parameters on {D} tokens. Their loss is "
            f"{with_interval(above, short)} nats above the optimum's, which reaches it with the compute divided by "
            f"{with_interval(compute, short)}.")


def _new_experiment(at_edge: float) -> str:
    text = ("The second column adds what seven new runs around the optimum would add: their noise, and the parabola's own error.")
    if at_edge > 0.005:
        text += (f" In {100 * at_edge:.0f} % of such experiments the losses have no minimum inside the seven sizes; "
                 "the edge size is then counted as the optimum.")
    return text


def _chinchilla(ratio: Estimate, D: Array, N: float, a: Estimate) -> str:
    published = []
    for key in HOFFMANN_POINTS:
        law = published_law(key)
        tokens = float(law.law.D_opt_at(N))
        share = float(np.mean(tokens > D))
        place = ("inside" if 0.025 <= share <= 0.975 else "above" if share > 0.975 else "below")
        published.append(f"{law.label} gives {count(tokens)} ({plain(tokens / N)} a parameter), {place} the interval")
    low, high = ratio.ci95
    interval = f"[{plain(low, ratio.digits[1])}, {plain(high, ratio.digits[2])}]"
    if low <= RULE <= high:
        rule = f"The interval of tokens a parameter, {interval}, contains the rule of {RULE:g}"
        many = f", as it would contain many others: its ends differ by a factor of {plain(high / low, 1)}"
        rule += "." if high / low < 4 else f"{many}."
    else:
        more = "more" if low > RULE else "fewer"
        rule = f"These runs ask for {more} tokens than the rule of {RULE:g} a parameter: the interval is {interval}."
    b_low, b_high = 1 - a.ci95[1], 1 - a.ci95[0]
    if b_low <= 0.5 <= b_high:
        exponent = "which contains one half, the equal split of compute between parameters and tokens"
    elif b_low > 0.5:
        exponent = "above one half: tokens should grow faster than parameters"
    else:
        exponent = "below one half: parameters should grow faster than tokens"
    return (f"{rule} At {count(N)} parameters, {'; '.join(published)}. The exponent of D_opt in C is {decimals(1 - a.median, 2)} "
            f"[{decimals(b_low, 2)}, {decimals(b_high, 2)}], {exponent}. The published laws count total parameters and their own "
            "tokens: compare in bytes of text where the vocabularies differ.")


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
    if (spread := decades(D)) > 1:
        text += f" The interval itself spans {spread:.1f} decades: these runs do not settle the question."
    for warning in fits.warnings:
        text += f" {warning[0].upper()}{warning[1:]}."
    if len(rows.groups) < 2:
        text += (" Runs are taken as independent given the law; if runs of one width or budget share errors, the interval is "
                 "too narrow.")
    return text
