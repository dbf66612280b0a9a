"""The fit argues against itself: a forecast of the runs it did not see, what the residuals follow, and other forms.

One verdict comes first: what makes the answer unsafe, or which test it passed. Where it is unsafe a widened interval stands
beside the law's own: the draws of every form that predicts the runs about as well, each stretched on the log scale about its
median by the root mean square of the forecast's standardised errors where that is above 1; and where the rows' tokens are not
what the law means by D, as many draws whose term in D is the prior's.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.fit.doubts import Doubt
from study.fit.draws import HUGE
from study.fit.words import FORMS as FORM_NAMES
from study.fit.words import roughly
from study.inference.forecast import Forecast, UnfittedRestError, forecast_test
from study.inference.forms import FORMS, FormFit, fit_form
from study.inference.intervals import central
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.priors import draw_prior, priors
from study.inference.trends import Trend, residual_trends, residuals

THINNED = 500  # random rows that the forecast and other forms are tried on, at the most
BETTER = 4.0  # elpd by which another form must predict better to be held against this one
AS_WELL = 10.0  # elpd within which a form is part of the widened interval
FAR = 3.0  # prior s.d. of ln E
ASTRAY = (10.0, 0.05)  # scales of the noise, and ln L, that a run off the law is further away than
EXACT = 1e-5  # r.m.s. distance from the law, in ln L: nothing that was trained is so near
UNLEARNED = 0.5  # share of the prior variance of ln E left, above which E is the prior's
PUBLISHED = (0.1, 1000.0)  # tokens a parameter: published optima of 1e9 parameters have 7 to 44
UNSEEN_TOKENS = ("checkpoints", "repeated text", "optimum")  # doubts that leave the term in D without evidence
MIXED = 4000  # draws of a mixture


@dataclass(frozen=True)
class Argument:
    """What speaks against a fit, and for it."""

    verdict: str  # one line
    trusted: bool
    doubts: tuple[Doubt, ...]  # all, the table's first
    forecast: Forecast | None
    no_forecast: str  # why there is none
    trends: tuple[Trend, ...]
    forms: dict[str, FormFit | str]  # or why a form could not be fitted
    rows: int  # that the forecast and the forms were tried on
    mixture: Array  # D_opt at N over Hoffmann's, Kaplan's and the nesting form, equally weighted
    widened: Array | None  # D_opt at N, where the fit is not trusted


def argue(table: pd.DataFrame, posterior: Posterior, N: float, known: tuple[Doubt, ...], *, seed: int,
          rough: str = "") -> Argument:
    """Try a fit in the three ways; `known` are the doubts that the table raised, `rough` why its draws are, where they are."""
    own = _tokens(posterior.draws.D_opt_at(N))
    at: dict[str, Any] = {"N0": posterior.N0, "D0": posterior.D0, "bytes_per_token": posterior.bytes_per_token, "seed": seed}
    forecast: Forecast | None = None
    no_forecast, unfitted = "", False
    some = table if len(table) <= THINNED else table.sample(THINNED, random_state=seed)
    try:
        forecast = forecast_test(some, posterior.spec, **at)
    except StudyError as error:
        no_forecast, unfitted = str(error), isinstance(error, UnfittedRestError)
    trends, off = residual_trends(posterior), residuals(posterior)
    forms: dict[str, FormFit | str] = {}
    for form in FORMS:
        try:
            forms[form] = fit_form(some, form, group=posterior.spec.group, **at)
        except StudyError as error:
            forms[form] = str(error)
    sampling = [Doubt("sampling", rough, True)] if rough else []
    found = [*known, *sampling, *_drifts(trends), *_astray(table, posterior.rows.loss, *off), *_exact(off[0]), *_floor(posterior),
             *_better(forms, own, N), *_unheard_of(own / N)]
    others = [fit for name in ("kaplan", "nesting") if isinstance(fit := forms[name], FormFit)]
    mixture = _mixed([own, *(_tokens(fit.draws.D_opt_at(N)) for fit in others)], seed)
    verdict, trusted = _verdict(forecast, no_forecast, unfitted, found)
    widened = None if trusted else _widened(own, forms, N, forecast, seed)
    if widened is not None and any(doubt.severe and doubt.kind in UNSEEN_TOKENS for doubt in found):
        widened = _mixed([widened, _tokens_of_the_prior(posterior, N, seed)], seed)
    return Argument(verdict, trusted, tuple(found), forecast, no_forecast, trends, forms, len(some), mixture, widened)


def _verdict(forecast: Forecast | None, no_forecast: str, unfitted: bool, found: list[Doubt]) -> tuple[str, bool]:
    severe = next((doubt for doubt in found if doubt.severe), None)
    failed = forecast is not None and not forecast.passed
    inside = [] if forecast is None else [f"{forecast.scores.inside[0.95]} of {forecast.predicted} inside 95 %"]
    if severe is not None:
        tail = f"; forecast test {'failed' if failed else 'passed'}: {inside[0]}" if inside else ""
        return f"do not rely on this fit: {severe.text}{tail}", False
    if forecast is None:
        return (f"do not extrapolate this fit: it could not be tested, {no_forecast}", False) if unfitted else (
            f"not tested: {no_forecast}", True)
    if failed:
        z, percent = forecast.scores.z, 100 * abs(forecast.scores.error)
        return (f"do not extrapolate this fit: forecast test failed, {inside[0]}, on average {abs(z):.1f} s.d. ({percent:.2g} % of "
                f"the loss) {'above' if z > 0 else 'below'} what {forecast.fitted} runs of less compute predict"), False
    return f"forecast test passed: {inside[0]}", True


def _drifts(trends: tuple[Trend, ...]) -> list[Doubt]:
    return [Doubt("trend", f"the residuals drift with ln {trend.axis}: {100 * trend.slope:+.2g} % of the loss a decade "
                  f"[{100 * trend.ci95[0]:+.2g}, {100 * trend.ci95[1]:+.2g}]", True) for trend in trends if trend.drifts]


def _astray(table: pd.DataFrame, loss: Array, residual: Array, scale: Array) -> list[Doubt]:
    """Runs so far off the law that another cause is likelier than noise: diverged, or a slip of the pen."""
    far = np.flatnonzero((np.abs(residual) > ASTRAY[0] * scale) & (np.abs(residual) > ASTRAY[1]))
    if not len(far):
        return []
    worst = int(far[np.argmax(np.abs(residual[far]))])
    line = f"line {int(table['line'].iloc[worst])}: " if "line" in table.columns and len(table) == len(residual) else ""
    said = f"{line}{loss[worst]:.3g} nats where it says {loss[worst] / np.exp(residual[worst]):.3g}"
    lie = "run lies" if len(far) == 1 else "runs lie"
    highest = set(np.argsort(-loss, kind="stable")[: len(far)]) == set(far)
    remedy = f"--drop-highest {len(far)} leaves out the highest" if highest else "remove what is no run of this law"
    return [Doubt("astray", f"{len(far)} {lie} more than {ASTRAY[0]:g} noise scales off the law ({said}): diverged, or mistyped? "
                  f"The noise has heavy tails, so the fit hardly follows; {remedy}")]


def _exact(residual: Array) -> list[Doubt]:
    off = float(np.sqrt(np.mean(residual**2)))
    if off >= EXACT:
        return []
    return [Doubt("exact", f"the losses lie on the law to within {off:.0e} of themselves: computed, not measured?")]


def _floor(posterior: Posterior) -> list[Doubt]:
    mean, sd = priors(posterior.spec, posterior.bytes_per_token).E
    ln_E = np.log(posterior.parameters.E)
    left, away = float(np.var(ln_E)) / sd**2, float(ln_E.mean() - mean) / sd
    if left > UNLEARNED:
        return [Doubt("floor", f"E is the prior's, {np.exp(mean):.2g} nats: {100 * left:.0f} % of the variance of ln E is left, so "
                      "these runs do not show where the loss levels off")]
    if away < -FAR:
        return [Doubt("floor", f"E is {np.exp(ln_E.mean()):.2g} nats, {-away:.1f} prior s.d. below {np.exp(mean):.2g}: "
                      "the loss does not level off, and only the prior keeps E from 0")]
    return []


def _unheard_of(ratio: Array) -> list[Doubt]:
    """An optimum far from any that was published: rows that are no runs of their own, or a unit."""
    low, high = central(ratio)
    if PUBLISHED[0] <= high and low <= PUBLISHED[1]:
        return []
    middle = f"{float(np.median(ratio)):.2g}"
    return [Doubt("optimum", f"the optimum is {middle} tokens a parameter, far from any that was published: are all rows runs of "
                  "their own, is D in tokens and N in parameters?", True)]


def _better(forms: dict[str, FormFit | str], own: Array, N: float) -> list[Doubt]:
    base = forms["hoffmann"]
    rivals = [fit for name, fit in forms.items() if isinstance(fit, FormFit) and name != "hoffmann"]
    if not isinstance(base, FormFit) or not rivals:
        return []
    best = max(rivals, key=lambda fit: fit.elpd)
    gain = best.elpd - base.elpd
    if gain < BETTER:
        return []
    tokens = float(np.median(_tokens(best.draws.D_opt_at(N))))
    low, high = central(own)
    outside = not low <= tokens <= high
    place = "outside" if outside else "inside"
    return [Doubt("form", f"{FORM_NAMES[best.form]} predicts these runs better (elpd {gain:+.0f}) and puts the optimum at "
                  f"{roughly(tokens)} tokens, {place} the 95 % interval", outside)]


def _widened(own: Array, forms: dict[str, FormFit | str], N: float, forecast: Forecast | None, seed: int) -> Array:
    fitted = [fit for fit in forms.values() if isinstance(fit, FormFit)]
    best = max((fit.elpd for fit in fitted), default=0.0)
    parts = [own, *(_tokens(fit.draws.D_opt_at(N)) for fit in fitted if fit.form != "hoffmann" and fit.elpd > best - AS_WELL)]
    if forecast is not None and not forecast.passed:
        parts.append(_tokens(forecast.posterior.draws.D_opt_at(N)))
    stretch = max(1.0, forecast.scores.z_rms if forecast is not None else 1.0)
    stretched = []
    for part in parts:
        middle = np.median(np.log(part))
        stretched.append(np.exp(np.clip(middle + stretch * (np.log(part) - middle), -276.0, 276.0)))
    return _mixed(stretched, seed)


def _tokens_of_the_prior(posterior: Posterior, N: float, seed: int) -> Array:
    """D_opt at N with the term in N as fitted and the term in D as the prior has it.

    Used where the rows' D are not tokens of separate runs.
    """
    p = posterior.parameters
    prior = draw_prior(posterior.spec, len(p), seed=seed, bytes_per_token=posterior.bytes_per_token)
    return _tokens(replace(p, tB=prior.tB, beta=prior.beta).surface(posterior.N0, posterior.D0).D_opt_at(N))


def _mixed(parts: list[Array], seed: int) -> Array:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.choice(part, MIXED // len(parts)) for part in parts])


def _tokens(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.clip(values, 1 / HUGE, HUGE)
