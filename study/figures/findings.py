"""Verbal findings: each checks its condition on the analysis and returns the sentence that is then true."""

import numpy as np

from study.figures import checks, chinchilla, few, sensitivity, text, training
from study.figures.analysis import IMPORTANCE, NUTS, RULE, TARGET_N, Analysis
from study.laws.published import published_law


def exponent(study: Analysis) -> str:
    """Where Kaplan's and Hoffmann's exponents lie in the posterior of a."""
    low, high = text.central(study.posterior.draws.a)
    parts = []
    for key, name in (("kaplan", "Kaplan et al.'s"), ("hoffmann-1", "Hoffmann et al.'s")):
        a = published_law(key).a
        verb = "excludes" if not low <= a <= high else "includes"
        parts.append(f"{verb} {name} exponent, {a:.2f}")
    return f"The 95 % interval of $a$ {parts[0]}, and {parts[1]}."


def rule(study: Analysis) -> str:
    """Whether twenty tokens a parameter lie inside the interval at the target, in tokens and in bytes."""
    draws = study.posterior.draws.D_opt_at(TARGET_N) / TARGET_N
    low, high = text.central(draws)
    where = "inside" if low <= RULE <= high else ("below" if low > RULE else "above")
    return f"The rule of {RULE:g} tokens a parameter lies {where} the 95 % interval at {text.count(TARGET_N)} parameters."


def sampler(study: Analysis) -> str:
    """How the headline was drawn."""
    if study.headline.method == NUTS:
        return "The headline posterior was drawn by NUTS and passed the convergence gate; the many refits use importance sampling of the same posterior."
    return f"NUTS did not pass the gate on these runs ({study.headline.reason}); the headline posterior was drawn by importance sampling, as the refits are."


def agreement(study: Analysis) -> str:
    """Whether the two ways of drawing give the same answer."""
    if study.headline.method == IMPORTANCE:
        return "Both rows are the same method here, so they check nothing but the seed."
    slow, fast = (
        np.log(np.quantile(p.draws.D_opt_at(TARGET_N), [0.025, 0.5, 0.975])) for p in (study.posterior, study.fast)
    )
    gap, width = float(np.abs(slow - fast).max()), float(slow[2] - slow[0])
    close = gap < 0.1 * width
    return (
        f"The two agree: the three quantiles of ln $D_{{opt}}$ differ by at most {text.percent(gap / width)} of the 95 % interval's width."
        if close
        else f"The two disagree by up to {text.percent(gap / width)} of the 95 % interval's width of ln $D_{{opt}}$: read the refits as relative to each other."
    )


def done(study: Analysis) -> str:
    """Whether the grid is complete."""
    planned = [cell for cell in study.grid.cells if cell.split != "tuning"]
    if len(study.frame) == len(planned):
        return "All planned runs are recorded."
    return f"**{len(planned) - len(study.frame)} of {len(planned)} planned runs are not recorded yet**; everything on this page is of the runs that are."


def held_out(study: Analysis) -> str:
    """What became of the runs no fit had seen."""
    rows = study.held_out
    if not len(rows):
        return "No run of a held-out budget is recorded, so nothing on this page tests the extrapolation."
    inside = checks.coverage(study)
    predicted = checks.held_out_predictions(study)
    below = float(np.mean(np.median(predicted, axis=0) < rows["loss"].to_numpy()))
    side = (
        "worse than predicted"
        if below > 0.8
        else "better than predicted"
        if below < 0.2
        else "on both sides of the prediction"
    )
    return (
        f"Of {text.number_word(len(rows))} held-out runs, {text.number_word(inside[0.95])} fell inside the 95 % predictive interval, "
        f"{text.number_word(inside[0.8])} inside the 80 % and {text.number_word(inside[0.5])} inside the 50 %; they came out {side}."
    )


def sweep(study: Analysis) -> str:
    """Whether the tuning sweep is there and its optima are interior."""
    rows = study.sweep[study.sweep["status"] == "complete"] if len(study.sweep) else study.sweep
    if not len(rows):
        return "No sweep of this grid's corpus is recorded: the recipe was taken over, not tuned here."
    groups = [group for _, group in rows.groupby(["budget", "width"])]
    edge = 0
    for group in groups:
        best = group.loc[group["loss"].idxmin()]
        rate = best["learning_rate"] in (group["learning_rate"].min(), group["learning_rate"].max())
        batch = best["batch_tokens"] == group["batch_tokens"].max()
        edge += bool(rate or batch)
    if not edge:
        return f"In all {text.number_word(len(groups))} panels the best run lies inside the swept range of rates (a batch of one sequence is the floor)."
    return f"In {text.number_word(edge)} of {text.number_word(len(groups))} panels the best run lies on the edge of the swept range, so the optimum there is a bound."


def failures(study: Analysis) -> str:
    """How many runs failed."""
    bad = [record for record in (*study.records.values(), *study.sweep_records.values()) if record.status != "complete"]
    return (
        "No recorded run diverged or failed."
        if not bad
        else f"{text.number_word(len(bad)).capitalize()} recorded runs diverged or failed; they stay in the records."
    )


def seeds(study: Analysis) -> str:
    """How seed noise compares with the misfit of the law."""
    sd, freedom = training.seed_sd(study)
    if not freedom:
        return "No cell has a second seed yet, so noise between seeds is unknown."
    s = float(np.median(study.posterior.parameters.s))
    return (
        f"Seeds differ by {100 * sd:.2f} % of the loss (pooled s.d., {text.number_word(freedom)} degrees of freedom); the noise scale the fit learns is "
        f"{100 * s:.2f} %, so {'misfit of the law, not seeds, sets the noise' if s > 1.5 * sd else 'seeds explain the noise'}."
    )


def three_runs(study: Analysis) -> str:
    """What three runs leave open."""
    low, high = text.central(few.stages(study)[0].posterior.draws.D_opt_at(TARGET_N))
    end_low, end_high = text.central(few.stages(study)[-1].posterior.draws.D_opt_at(TARGET_N))
    first, last = np.log10(high / low), np.log10(end_high / end_low)
    return f"Three runs leave a 95 % interval of {first:.1f} decades; all {len(study.fit)} runs leave {last:.1f}."


def curve_fit(study: Analysis) -> str:
    """What curve_fit makes of three runs."""
    fitted = few.false_certainty(study)
    if isinstance(fitted, str):
        return f"On these three runs curve_fit refuses every start: {fitted}."
    exact = fitted.exact()
    ends = np.asarray(fitted.surfaces.D_opt_at(TARGET_N))[exact]
    if exact.sum() < 2:
        return "On these three runs at most one start of curve_fit ends on a surface through all three losses."
    return (
        f"{int(exact.sum())} of {len(exact)} starts end on a surface through all three losses, and their answers run from {text.count(float(ends.min()))} to "
        f"{text.count(float(ends.max()))} tokens: the fit is perfect and the answer is the start's."
    )


def sensitivity_range(study: Analysis) -> str:
    """Which choice moves the answer most, against the headline's own width."""
    found, failed = sensitivity.variants(study)
    base = np.log(np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    moved = {variant.name: float(np.log(np.median(variant.tokens)) - base) for variant in found}
    name = max(moved, key=lambda key: abs(moved[key]))
    low, high = np.log(text.central(study.posterior.draws.D_opt_at(TARGET_N)))
    inside = low <= base + moved[name] <= high
    tail = f" Not fitted here: {text.enumeration(failed)}." if failed else ""
    return (
        f"The choice that moves the answer most is “{name}”, by a factor of {text.significant(np.exp(moved[name]), 2)}, "
        f"{'still inside' if inside else 'outside'} the headline's 95 % interval.{tail}"
    )


def drop_one(study: Analysis) -> str:
    """The run that matters most."""
    found = sensitivity.dropped(study)
    base = float(np.median(study.fast.draws.D_opt_at(TARGET_N)))
    run_id, _, middle, _ = max(found, key=lambda row: abs(np.log(row[2] / base)))
    return f"Leaving out any one run moves the median by at most a factor of {text.significant(max(middle / base, base / middle), 2)} (without `{run_id}`)."


def identified(study: Analysis) -> str:
    """How many directions the runs determined."""
    found = few.stages(study)
    first, last = (checks.eigenvalues(study.prior, stage.posterior.parameters) for stage in (found[0], found[-1]))
    return (
        f"Three runs reduce the prior variance tenfold in {text.number_word(int((first < 0.1).sum()))} of five directions, "
        f"all runs in {text.number_word(int((last < 0.1).sum()))}."
    )


def law_choice(study: Analysis) -> str:
    """Which form predicts the runs best."""
    compared = checks.comparison(study)
    if compared is None:
        return "Fewer than two laws converged under NUTS on these runs, so they are not compared."
    best, second = compared.index[0], compared.index[1]
    gap, error = float(compared.loc[second, "elpd_diff"]), float(compared.loc[second, "dse"])
    clear = gap > 2 * error
    return (
        f"{checks.LAW_NAMES[best]} predicts the runs best, {text.significant(gap, 2)} ± {text.significant(error, 2)} in elpd ahead of the "
        f"{checks.LAW_NAMES[second]}: {'more than' if clear else 'within'} two standard errors."
    )


def published_source(study: Analysis) -> str:
    """Whether Chinchilla's points were fitted now or read from the record."""
    found = chinchilla.fits(study)
    if found is None:
        return "The table of Chinchilla's points can neither be fetched nor is a summary recorded: this chapter has nothing to show."
    if found.recorded:
        return f"**Recorded earlier, not computed for this page**, because {found.reason.rstrip('.')}."
    return "Every number of this chapter was computed for this page from the published table."


def recovered(study: Analysis) -> str:
    """Whether the refit reproduces Besiroglu et al.'s values within their standard errors."""
    found = chinchilla.fits(study)
    if found is None:
        return "Without the table there is nothing to recover."
    ours, theirs = found.fits[3], found.find("Besiroglu et al. 2024", "published")
    errors = {"E": 0.026, "A": 124.0, "B": 1293.0, "alpha": 0.0154, "beta": 0.0206}  # their table 1
    worst = max(abs(getattr(ours, name) - getattr(theirs, name)) / error for name, error in errors.items())
    lower = ours.objective is not None and theirs.objective is not None and ours.objective < theirs.objective
    return (
        f"The refit {'recovers' if worst < 1 else 'misses'} Besiroglu et al.'s five values to within {text.significant(worst, 2)} of their standard errors, "
        f"at {'a lower' if lower else 'a higher'} value of the same objective."
    )


def outliers(study: Analysis) -> str:
    """What the five outliers do to each fit."""
    found = chinchilla.fits(study)
    if found is None:
        return ""
    data = list(dict.fromkeys(fit.data for fit in found.fits if fit.data != "published"))
    huber = [found.find("Huber, 4,500 starts", name).ratio for name in data]
    bayes = [found.find("Bayes, Student-t, g free", name).ratio for name in data]
    moved = [max(x) / min(x) for x in (huber, bayes)]
    steadier = "steadier" if moved[1] < moved[0] else "no steadier"
    return (
        f"Putting the five outliers back moves Huber's D/N from {text.significant(huber[0])} to {text.significant(huber[1])}, and the Student-t posterior's "
        f"from {text.significant(bayes[0])} to {text.significant(bayes[1])}: heavy tails are {steadier}."
    )
