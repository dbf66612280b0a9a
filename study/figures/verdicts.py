"""Verbal findings on the checks and on published tables: each checks its condition and returns the sentence that is true."""

import numpy as np
import pandas as pd

from study.figures import approaches, calibration, checks, chinchilla, few, forms, literature, sensitivity, text
from study.figures.analysis import TARGET_N, Analysis
from study.figures.frames import each, least
from study.inference.posterior import KHAT
from study.inference.spec import HEADLINE

ERRORS = {
    "E": 0.026,
    "A": 124.0,
    "B": 1293.0,
    "alpha": 0.0154,
    "beta": 0.0206,
}  # Besiroglu et al. 2024, table 1: bootstrap s.e.


def calibrated(study: Analysis) -> str:
    """Whether the ranks are uniform."""
    found = calibration.headline_ranks(study)
    if found is None:
        return "No simulation-based calibration is recorded."
    tests = pd.DataFrame(found.body["tests"])
    worst = least(tests, "holm")
    verdict = (
        "no departure from uniform ranks"
        if worst["holm"] > 0.05
        else f"**ranks of {worst['quantity']} that are not uniform**"
    )
    return (
        f"{found.body['draws']:,} truths drawn from the prior on the design `{found.body['design']}` and fitted show "
        f"{verdict} "
        f"(least p {text.significant(worst['holm'], 2)} after Holm's correction over {len(tests)} quantities and two tests)."
    )


def covered(study: Analysis) -> str:
    """Which methods hold what they promise, for the answer."""
    found = calibration.coverage_study(study)
    if found is None:
        return "No coverage study is recorded."
    table = calibration.answer_rows(found)
    ours = table[table["method"].str.startswith("posterior, headline")].set_index("scenario")["covered_95"]
    parts = [f"{text.percent(share)} of “{name}”" for name, share in ours.items()]
    dense = table[table["scenario"] == "dense"].set_index("method")
    rivals = dense[[not str(name).startswith("posterior") for name in dense.index]]
    said = f"The headline's 95 % interval of the answer holds the truth in {text.enumeration(parts)}."
    if not len(rivals) or "dense" not in ours:
        return said
    nearest = rivals.iloc[int(np.argmin(np.abs(rivals["covered_95"] - 0.95)))]
    wider = float(nearest["log_width_95"] / dense[dense.index.str.startswith("posterior, headline")]["log_width_95"].iloc[0])
    return (
        f"{said} On ample clean data the classical interval that comes nearest is that of the {nearest.name}: "
        f"{text.percent(float(nearest['covered_95']))}, {text.significant(wider, 2)} times as wide as the posterior's in ln."
    )


def refitted(study: Analysis) -> str:
    """Whether the importance draws of the page's refits pass the gate."""
    khats = [stage.posterior.khat for stage in few.stages(study)]
    khats += [variant.khat for variant in sensitivity.variants(study)[0]] + [row[4] for row in sensitivity.dropped(study)]
    known = np.array([khat for khat in khats if np.isfinite(khat)])
    failed = int((known > KHAT).sum())
    verdict = "all pass the gate" if not failed else f"**{failed} do not pass the gate**"
    return f"Of {len(known)} refits by importance sampling {verdict}: their largest k-hat is {known.max():.2f}."


def sensitive(study: Analysis) -> str:
    """Which choice moves the answer most, against the headline's own width."""
    found, failed = sensitivity.variants(study)
    base = np.log(np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    moved = {variant.name: float(np.log(np.median(variant.tokens)) - base) for variant in found}
    name = max(moved, key=lambda key: abs(moved[key]))
    low, high = np.log(text.central(study.posterior.draws.D_opt_at(TARGET_N)))
    inside = "still inside" if low <= base + moved[name] <= high else "outside"
    tail = f" Not fitted on these runs: {text.enumeration(failed)}." if failed else ""
    return (
        f"The choice that moves the answer most is “{name}”, by a factor of "
        f"{text.significant(float(np.exp(moved[name])), 2)}, {inside} "
        f"the headline's 95 % interval.{tail}"
    )


def left_out(study: Analysis) -> str:
    """The run that matters most."""
    base = float(np.median(study.fast.draws.D_opt_at(TARGET_N)))
    run_id, _, middle, _, _ = max(sensitivity.dropped(study), key=lambda row: abs(np.log(row[2] / base)))
    factor = text.significant(max(middle / base, base / middle), 2)
    run = next(row for row in each(study.fit) if row.run_id == run_id)
    return (
        f"Leaving out any one run moves the median by a factor of {factor} at most: that of {text.count(run.N)} parameters at "
        f"{text.power(run.budget)} FLOP."
    )


def identified(study: Analysis) -> str:
    """How many directions the runs determined."""
    found = checks.learned(study)
    least_known = found[-1].describe(len(found[-1].eigenvalues) - 1).replace("-", "−")
    for name, symbol in (("alpha", "$\\alpha$"), ("beta", "$\\beta$"), ("tA", "$t_A$"), ("tB", "$t_B$"), ("ln E", "ln $E$")):
        least_known = least_known.replace(name, symbol)
    return (
        f"Three runs at least halve the prior variance in {text.number_word(found[0].learned)} of five directions, all "
        f"{len(few.stages(study)[-1].rows)} in {text.number_word(found[-1].learned)}; what is known least is "
        f"{least_known}."
    )


def preferred(study: Analysis) -> str:
    """Which form predicts the runs best."""
    compared = forms.comparison(study)
    if compared is None:
        return "Fewer than two laws converged under NUTS on these runs, so they are not compared."
    best, second = compared.index[0], compared.index[1]
    gap, error = float(compared.loc[second, "elpd_diff"]), float(compared.loc[second, "dse"])
    clear = "more than" if gap > 2 * error else "within"
    return (
        f"{_the(best, start=True)} has the highest leave-one-out density of the runs, {text.significant(gap, 2)} ± "
        f"{text.significant(error, 2)} in elpd ahead of the next, {_the(second)}: {clear} two standard errors.{_doubt(study)}"
    )


def _doubt(study: Analysis) -> str:
    """That leave-one-out densities are not to be trusted, where a k-hat says so."""
    worst = max(forms.largest_khat(study, law) for law in forms.comparison(study).index)  # type: ignore[union-attr]
    return f" With a k-hat of up to {worst:.2f} that ranking is a hint, no measurement." if worst > KHAT else ""


def favoured(study: Analysis) -> str:
    """What the form that predicts the runs best answers, where it is not the headline's."""
    compared = forms.comparison(study)
    if compared is None:
        return "Which form predicts the runs best is not known."
    if (best := compared.index[0]) == HEADLINE.law:
        return f"{_the(best, start=True)}, the headline's, is the one that leave-one-out densities prefer."
    tokens = forms.laws(study)[best].posterior.draws.D_opt_at(TARGET_N)
    return (
        f"{_the(best, start=True)}, which leave-one-out densities prefer, answers "
        f"{text.count(float(np.median(tokens)))} {text.interval(*text.central(tokens), text.count)}."
    )


def _the(law: str, *, start: bool = False) -> str:
    """The name of a form in a sentence."""
    name = f"the {forms.NAMES[law]}" if law == "nesting" else forms.NAMES[law]
    return name[0].upper() + name[1:] if start else name


def agreed(study: Analysis) -> str:
    """How far apart the three approaches are."""
    found = [one for one in approaches.approaches(study) if np.isfinite(one.tokens)]
    low, high = min(one.tokens for one in found), max(one.tokens for one in found)
    inside = text.central(study.posterior.draws.D_opt_at(TARGET_N))
    outside = [one.name.split(":")[0] for one in found if not inside[0] <= one.tokens <= inside[1]]
    verdict = (
        "all inside the posterior's 95 % interval"
        if not outside
        else f"of which approach {text.enumeration(list(dict.fromkeys(outside)))} falls outside the posterior's 95 % interval"
    )
    ours = float(np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    place = " The posterior's median is the lowest." if ours <= low else " The posterior's median is the highest." \
        if ours >= high else ""
    return f"The approaches that give an answer say {text.count(low)} to {text.count(high)} tokens, {verdict}.{place}"


def estimators(study: Analysis) -> str:
    """What other estimators of the same law make of the same runs, beside the headline."""
    found = [one for one in approaches.approaches(study) if np.isfinite(one.tokens) and one.name != approaches.POSTERIOR]
    if not found:
        return "No other estimator gives an answer on these runs."
    low, high = min(one.tokens for one in found), max(one.tokens for one in found)
    ours = float(np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    place = ", all above it" if low > ours else ", all below it" if high < ours else ""
    return (
        f"Other estimators of it on the same runs answer {text.count(low)} to {text.count(high)}{place} (@tbl-approaches)."
    )


def published_source(study: Analysis) -> str:
    """Whether Chinchilla's points were fitted now or read from the record."""
    found = chinchilla.fits(study)
    if found is None:
        return "The table of Chinchilla's points can neither be fetched nor is a summary recorded."
    return (
        "The fits of this section were recorded earlier."
        if found.recorded
        else "Every fit of this section was made for this page."
    )


def recovered(study: Analysis) -> str:
    """Whether the refit reproduces Besiroglu et al.'s values within their standard errors."""
    found = chinchilla.fits(study)
    if found is None:
        return "Without the table there is nothing to recover."
    ours, theirs = chinchilla.huber(found)[0], found.find("Besiroglu et al. 2024", "published")
    worst = max(abs(getattr(ours, name) - getattr(theirs, name)) / error for name, error in ERRORS.items())
    lower = "a lower" if (ours.objective or 0) < (theirs.objective or 0) else "a higher"
    return (
        f"The refit {'recovers' if worst < 1 else 'misses'} @besiroglu2024's five values to within "
        f"{text.significant(worst, 2)} of their "
        f"standard errors, at {lower} value of the Huber objective than theirs."
    )


def outliers(study: Analysis) -> str:
    """What the five outliers do to each fit."""
    found = chinchilla.fits(study)
    if found is None:
        return ""
    huber = [fit.ratio for fit in chinchilla.huber(found)]
    bayes = [fit.ratio for fit in found.fits if fit.method == "Bayes, Student-t, g free"]
    moved = [max(x) / min(x) for x in (huber, bayes)]
    return (
        f"Putting the five outliers back moves Huber's D/N from {text.significant(huber[0])} to "
        f"{text.significant(huber[1])}, and the "
        f"Student-t posterior's from {text.significant(bayes[0])} to {text.significant(bayes[1])}: heavy tails are "
        f"{'steadier' if moved[1] < moved[0] else 'no steadier'}."
    )


def dependent(study: Analysis) -> str:
    """How much wider the interval is when budgets, not rows, are resampled."""
    found = chinchilla.fits(study)
    if found is None:
        return ""
    data = chinchilla.huber(found)[0].data
    rows, budgets = (
        found.find(f"Huber, bootstrap by {unit}", data).ratio_interval or (1.0, 1.0) for unit in ("row", "budget")
    )
    factor = np.log(budgets[1] / budgets[0]) / np.log(rows[1] / rows[0])
    change = "widens" if factor > 1.05 else "narrows" if factor < 0.95 else "keeps"
    return (
        f"Resampling bins of compute instead of rows {change} Huber's interval of D/N, from {text.interval(*rows)} to "
        f"{text.interval(*budgets)}, {text.significant(float(factor), 2)} times in ln. The bins are few, and a resample "
        "without the outer ones has little leverage, so this measures no dependence between rows."
    )


def forecast(study: Analysis) -> str:
    """How the runs of most compute are predicted from the rest."""
    found = chinchilla.fits(study)
    if found is None or found.forecast is None:
        return ""
    one = found.forecast
    few = " That is fewer than promised: the law's own misfit shows." if one.inside["95"] < 0.88 * one.predicted else ""
    return (
        f"Fitted to the {one.fitted} points below {text.power(one.above)} FLOP, the same model predicts the "
        f"{one.predicted} above: "
        f"{one.inside['50']}, {one.inside['80']} and {one.inside['95']} of them fall inside its 50, 80 and 95 % "
        f"intervals.{few}"
    )


def corrected() -> str:
    """Whether Porian et al.'s chain of exponents is reproduced."""
    found = literature.tables()
    if isinstance(found, str):
        return f"Porian et al.'s table is not at hand: {found}."
    off = max(abs(weighted - published) for _, published, _, weighted in literature.refits(found[0]))
    verdict = "to every digit shown" if off < 5e-4 else f"but for {text.significant(off, 2)} at most"
    return f"Weighted least squares on Porian et al.'s optimal pairs gives their published exponents {verdict}."


def repeated() -> str:
    """How the data-constrained law fits its points, by repetition."""
    found, residual = literature.tables(), literature.residuals()
    if isinstance(found, str) or residual is None:
        return f"The data-constrained table is not at hand: {found}."
    seldom = (found[1]["D"] / found[1]["unique"]).to_numpy() <= 5
    once, often = (100 * float(np.median(residual[mask])) for mask in (seldom, ~seldom))

    def side(x: float) -> str:
        return f"{abs(x):.1f} % {'above' if x > 0 else 'below'}"

    off = max(abs(once), abs(often)) > 5.0
    verdict = " The published constants do not describe the released points, and nothing on this page rests on them." if off else ""
    return (
        f"The median measured loss lies {side(once)} the published law up to five epochs, and {side(often)} it beyond.{verdict}"
    )
