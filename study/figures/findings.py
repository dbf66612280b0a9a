"""Verbal findings on design, runs and answer: each checks its condition and returns the sentence that is then true."""

import numpy as np

from study.figures import answer, design, few, forms, misfit, noise, remarks, sensitivity, sweep, text
from study.figures.analysis import CHINCHILLA_C, IMPORTANCE, NUTS, TARGET_N, USUAL_BYTES, Analysis
from study.figures.frames import complete, groups, least
from study.inference.answers import SIZES
from study.laws.published import RULE, published_law
from study.tune import SMALLEST_BATCH


def done(study: Analysis) -> str:
    """Whether the grid is complete."""
    planned = len(study.grid.planned)
    if len(study.frame) == planned:
        return "All planned runs are recorded."
    return (
        f"**{planned - len(study.frame)} of {planned} planned runs are not recorded yet**; everything on this page is of "
        "the "
        "runs that are."
    )


def exponent(study: Analysis) -> str:
    """Where Kaplan's and Hoffmann's exponents lie in the posteriors of a, each with N counted as they count it."""
    found = {variant.name: variant.a for variant in sensitivity.variants(study)[0]}

    def verdict(key: str, count: str) -> str:
        a, draws = published_law(key).a, found[count]
        low, high = text.central(draws)
        holds = "includes" if low <= a <= high else "excludes"
        return f"$a$ = {text.significant(float(np.median(draws)))} {text.interval(low, high)}, which {holds} their {a:.2f}"

    return (
        "The exponent depends on what $N$ counts. Counted as Kaplan et al. do, without embeddings, it is "
        f"{verdict('kaplan', sensitivity.NON_EMBEDDING)}; counted as Hoffmann et al. do, with all parameters, "
        f"{verdict('hoffmann-1', sensitivity.TOTAL)}."
    )


def rule(study: Analysis) -> str:
    """Whether twenty tokens a parameter lie inside the interval at the target."""
    low, high = text.central(study.posterior.draws.D_opt_at(TARGET_N) / TARGET_N)
    where = "inside" if low <= RULE <= high else ("below" if low > RULE else "above")
    return f"The rule of {RULE:g} tokens a parameter lies {where} the 95 % interval."


def rule_in_bytes(study: Analysis) -> str:
    """Whether the rule, read in bytes of usual text, lies inside the interval."""
    low, high = text.central(study.posterior.draws.D_opt_at(TARGET_N) / TARGET_N * study.bytes_per_token)
    usual = RULE * USUAL_BYTES
    where = "inside" if low <= usual <= high else ("below" if low > usual else "above")
    return (
        f"In bytes the rule means {text.significant(usual, 2)} bytes a parameter, {where} the interval "
        f"{text.interval(low, high)} of this corpus."
    )


def counting(study: Analysis) -> str:
    """How much of the exact cost 6 N D accounts for along the ladder, by convention."""
    ends = {name: list(design.shares(study, name).values()) for name in ("multiplying", "non_embedding", "total")}
    parts = [f"{min(share):.2f} to {max(share):.2f}" for share in ends.values()]
    tilt = {name: max(share) / min(share) for name, share in ends.items()}
    least = min(tilt, key=lambda name: tilt[name])
    words = {
        "multiplying": "the headline's count",
        "non_embedding": "the count without the unembedding",
        "total": "the total",
    }
    return (
        f"$6ND$ is {parts[0]} of the exact cost with the headline's $N$, {parts[1]} with the non-embedding parameters "
        "alone and "
        f"{parts[2]} with all; the ratio changes least along the ladder for {words[least]}."
    )


def swept(study: Analysis) -> str:
    """Whether the sweep's optima are interior."""
    rows = sweep.swept(study)
    if not len(rows):
        return "No sweep of this grid's corpus is recorded: the recipe was taken over, not tuned here."
    panels, edge, floor = groups(rows, ["budget", "width"]), 0, 0
    for _, group in panels:
        best, batches = least(group, "loss"), group["batch_tokens"]
        rates, batch = group[batches == best["batch_tokens"]]["learning_rate"], best["batch_tokens"]
        at_floor = batch == SMALLEST_BATCH
        outer = batch == batches.max() or (batch == batches.min() and not at_floor)
        edge, floor = edge + bool(outer or best["learning_rate"] in (rates.min(), rates.max())), floor + bool(at_floor)
    count = text.number_word(len(panels))
    said = (
        f"In {text.number_word(edge)} of {count} panels the best run lies on the edge of what was swept: a bound, no optimum."
        if edge
        else f"In all {count} panels the best learning rate lies inside what was swept, and no best batch is the largest."
    )
    least_batch = f" In {text.number_word(floor)} the best batch is one sequence, the least there is: a bound too." if floor else ""
    return f"{said}{least_batch}{remarks.differences(study)}"


def ruled(study: Analysis) -> str:
    """Whether half or twice the rule's learning rate wins at the largest budget by more than twice the seed s.d."""
    found = sweep.verification(study)
    if not len(found):
        return "The rule has not been checked at the largest fitted budget."
    sd, freedom = noise.seed_sd_at(study, float(study.fit["budget"].max()))
    gain = float(found["gain"].max())
    if gain <= 0:
        close = int((found["gain"] > -200 * np.sqrt(2) * sd).sum()) if freedom else 0
        doubt = "" if not close else (
            f"; {text.number_word(close)} of {text.number_word(len(found))} by less than two s.d. of the difference of two seeds "
            "there, too little to tell them apart"
        )
        return (
            "At the largest fitted budget neither half nor twice the rule's learning rate wins: they lose at least "
            f"{-gain:.2f} % of the loss{doubt}."
        )
    if not freedom:
        return f"At the largest fitted budget half or twice the rule's learning rate gains at most {gain:.2f} % of the loss."
    verdict = "less" if gain <= 200 * sd else "**more**"
    return (
        f"At the largest fitted budget half or twice the rule's learning rate gains at most {gain:.2f} % of the loss, "
        f"{verdict} than "
        f"twice the s.d. between seeds ({200 * sd:.2f} %)."
    )


def failures(study: Analysis) -> str:
    """How many runs failed."""
    bad = [record for record in (*study.records.values(), *study.sweep_records.values()) if record.status != "complete"]
    if not bad:
        return "No recorded run diverged or failed."
    return f"Recorded runs that diverged or failed: {text.number_word(len(bad))}. They stay in the records and in no fit."


def minima(study: Analysis) -> str:
    """In how many budgets the best size is neither the smallest nor the largest."""
    rows = complete(study.frame)
    panels = groups(rows[rows["role"].isin(["isoflop", "held-out"])], "budget")
    inside = 0
    for _, group in panels:
        best = least(group, "loss")["N"]
        inside += bool(group["N"].min() < best < group["N"].max())
    count = text.number_word(len(panels))
    return (
        f"In all {count} budgets the best size is neither the smallest nor the largest."
        if inside == len(panels)
        else f"In {text.number_word(inside)} of {count} budgets the best size is neither the smallest nor the largest."
    )


def seeds(study: Analysis) -> str:
    """How seed noise compares with the misfit of the law, below the largest fitted budget and at it."""
    top = float(study.fit["budget"].max())
    off, at_top = misfit.residuals(study.posterior, study.fit), (study.fit["budget"] == top).to_numpy()
    parts = []
    for where, budgets, rows in (("below the largest fitted budget", [b for b in study.budgets if b < top], ~at_top),
                                 ("at it" if at_top.mean() < 1 else "at the one budget", [top], at_top)):
        sd, freedom = noise.seed_sd(study, budgets)
        if not freedom:
            continue
        miss = float(np.sqrt(np.mean(off[rows] ** 2)))
        cause = "misfit of the law sets the noise there" if miss > 1.5 * sd else "seeds account for it"
        parts.append(f"{where} seeds differ by {100 * sd:.2f} % of the loss (pooled s.d., {text.number_word(freedom)} degrees of "
                     f"freedom) and the runs lie {100 * miss:.2f} % off the law (r.m.s.), so {cause}")
    if not parts:
        return "No cell has a second seed yet, so noise between seeds is unknown."
    extra = "" if not len(study.seeds) else (
        f" {text.number_word(len(study.seeds)).capitalize()} of these runs were added for their seeds after the grid had been "
        "seen, and are in no fit."
    )
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}.{extra}"


def gap(study: Analysis) -> str:
    """How far training loss is from validation loss, and how it goes with the tokens seen."""
    rows = complete(study.frame)
    difference = rows["loss"] - rows["train_loss"]
    growth = float(np.corrcoef(np.log(rows["D"]), difference)[0, 1]) if difference.std() > 0 else 0.0
    middle = float(difference.median())
    side = "above" if middle > 0 else "below"
    trend = "grows with the tokens seen" if growth > 0.5 else "falls with the tokens seen" if growth < -0.5 else \
        "has no clear trend in the tokens seen"
    return (
        f"In the median run, validation loss lies {text.significant(abs(middle), 2)} nats a token {side} that of a fixed subset "
        "of the training text, of which a run has seen no more than of the rest; the difference is "
        f"{text.significant(float(difference.max()), 2)} at most and {trend} (correlation with ln $D$ {text.signed(growth)})."
    )


def sampler(study: Analysis) -> str:
    """How the headline was drawn."""
    if study.headline.method == NUTS:
        return (
            "The headline posterior was drawn by NUTS and passed the convergence gate; the many refits on this page are "
            "importance "
            "draws of the same posterior [@vehtari2024]."
        )
    return (
        f"The headline posterior was drawn by importance sampling, as the refits are, because NUTS gave none here: "
        f"{study.headline.reason}."
    )


def agreement(study: Analysis) -> str:
    """Whether the two ways of drawing give the same answer."""
    if study.headline.method == IMPORTANCE:
        return "Both rows are one method here, so they check nothing but the seed."
    slow, fast = (
        np.log(np.quantile(p.draws.D_opt_at(TARGET_N), [0.025, 0.5, 0.975])) for p in (study.posterior, study.fast)
    )
    share = text.percent(float(np.abs(slow - fast).max() / (slow[2] - slow[0])))
    if float(np.abs(slow - fast).max()) < 0.1 * (slow[2] - slow[0]):
        return f"The two agree: median and ends of ln $D_{{opt}}$ differ by at most {share} of the 95 % interval's width."
    return f"The two disagree by {share} of the 95 % interval's width of ln $D_{{opt}}$: read the refits against each other only."


def extrapolated(study: Analysis) -> str:
    """What other forms of the law answer, singly and mixed."""
    found = forms.laws(study)
    if len(found) < 2:
        return "No other law is compared with it on this page."
    middles = [float(np.median(fitted.posterior.draws.D_opt_at(TARGET_N))) for fitted in found.values()]
    mixed = forms.equal(study)
    return (
        f"Over {text.number_word(len(found))} forms of the law, equally weighted, it is "
        f"{text.count(float(np.median(mixed)))} {text.interval(*text.central(mixed), text.count)}; singly their medians run from "
        f"{text.count(min(middles))} to {text.count(max(middles))}."
    )


def experiment(study: Analysis) -> str:
    """The posterior against a new experiment's measurement."""
    found = answer.measured(study)
    low, high = text.central(found.D)
    edge = text.percent(float(found.at_edge.mean()))
    return (
        f"A new experiment at the target, {text.number_word(SIZES)} sizes from a quarter to four times the optimum, would "
        "measure a value in "
        f"{text.interval(low, high, text.count)}; in {edge} of the draws its parabola has no minimum inside."
    )


def exact(study: Analysis) -> str:
    """How the optimum moves under the exact cost of the ladder."""
    C, plain, other = answer.exact_optimum(study)
    factor = float(np.median(other / plain))
    return (
        f"Under the exact cost a token instead of $6N$, the optimal size at {text.power(C)} FLOP is "
        f"{text.significant(factor, 2)} times as large."
    )


def three_runs(study: Analysis) -> str:
    """What three runs leave open."""
    found = few.stages(study)
    spans = [
        np.log10(high / low)
        for low, high in (text.central(stage.posterior.draws.D_opt_at(TARGET_N)) for stage in (found[0], found[-1]))
    ]
    return f"Three runs leave a 95 % interval of {spans[0]:.1f} decades; all {len(study.fit)} runs leave {spans[1]:.1f}."


def curve_fit(study: Analysis) -> str:
    """What curve_fit makes of three runs."""
    fitted = few.false_certainty(study)
    if isinstance(fitted, str):
        return f"On these three runs curve_fit refuses every start: {fitted}."
    through = fitted.exact()
    ends = np.asarray(fitted.surfaces.D_opt_at(TARGET_N))[through]
    if through.sum() < 2:
        return "On these three runs at most one start of curve_fit ends on a surface through all three losses."
    return (
        f"{int(through.sum())} of {len(through)} starts end on a surface through all three losses, and their answers run "
        "from "
        f"{text.count(float(ends.min()))} to {text.count(float(ends.max()))} tokens: the fit is perfect and the answer is "
        "the start's."
    )


def gopher(study: Analysis) -> str:
    """What the posterior would train with Chinchilla's budget."""
    N = study.posterior.draws.N_opt(CHINCHILLA_C)
    return (
        f"With Chinchilla's budget the posterior would train {text.count(float(np.median(N)))} parameters "
        f"{text.interval(*text.central(N), text.count)}; @hoffmann2022 trained {text.count(70e9)}."
    )
