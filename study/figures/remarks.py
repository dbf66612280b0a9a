"""Verbal findings for captions: what a figure shows, checked on the analysis it is drawn from."""

from functools import lru_cache

import numpy as np

from study.figures import decision, few, sensitivity, text
from study.figures.analysis import SEED, TARGET_N, Analysis
from study.figures.fit import NAMES
from study.figures.frames import complete, each
from study.figures.training import noise_scale, peaks
from study.inference.answers import SIZES, SPREAD, penalty
from study.inference.classical.isoflop import vertex_shift
from study.inference.identify import contraction
from study.inference.posterior import ESS, KHAT, RHAT
from study.inference.predictive import inside, predict_losses, prior_predictive
from study.inference.priors import distributions
from study.inference.spec import HEADLINE

BEYOND = 0.1  # share of draws outside their prior's 95 % interval from which on the page says so
ASPECT = 64  # width over layers of a usual model of that size
WORD = 6  # bytes of a word and its space, about as many as in English
SYMBOLS = {"E": "$E$", "tA": "$t_A$", "tB": "$t_B$", "alpha": r"$\alpha$", "beta": r"$\beta$"}


def gate() -> str:
    """What draws must pass to be reported."""
    return (
        f"The gate asks of chains an R-hat below {RHAT}, {ESS} effective draws in bulk and in the tails and no divergence; of "
        f"importance draws a k-hat of at most {KHAT}."
    )


def learned(study: Analysis) -> str:
    """Which of the surface's parameters the runs narrow most and least against the prior."""
    left = contraction(study.posterior.parameters, study.prior, list(SYMBOLS))
    order = sorted(left, key=lambda name: left[name])
    return (
        f"Against its prior the runs narrow {SYMBOLS[order[-1]]} most, to "
        f"{text.significant(100 * (1 - left[order[-1]]), 2)} % of the "
        "variance of its "
        f"logarithm, and {SYMBOLS[order[0]]} least, to {text.significant(100 * (1 - left[order[0]]), 2)} %."
    )


def tradeoff(study: Analysis) -> str:
    """The two strongest correlations between parameters of the surface."""
    values = {name: np.log(getattr(study.posterior.parameters, name)) for name in SYMBOLS}
    names = list(values)
    found = [(float(np.corrcoef(values[a], values[b])[0, 1]), a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    strongest = sorted(found, key=lambda one: -abs(one[0]))[:2]
    words = [f"{SYMBOLS[a]} and {SYMBOLS[b]}, {text.signed(r)}" for r, a, b in strongest]
    return f"The strongest correlations are those of {words[0]}, and of {words[1]}."


def conflict(study: Analysis) -> str:
    """Which parameters the runs put where their prior did not expect them, and what the priors' width is worth."""
    out, far = [], False
    for name, prior in distributions(HEADLINE, study.bytes_per_token).items():
        low, high = prior.ppf([0.025, 0.975])
        values = getattr(study.posterior.parameters, name)
        beyond = float(np.mean((values < low) | (values > high)))
        far = far or not low <= float(np.median(values)) <= high
        if beyond > BEYOND:
            out.append(f"{NAMES[name][0]} ({text.percent(beyond)} of its draws)")
    width = {one.name: float(np.median(one.tokens)) for one in sensitivity.variants(study)[0]}
    narrow, wide = (text.count(width[name]) for name in (sensitivity.NARROW, sensitivity.WIDE))
    moved = f" With priors half and twice as wide the answer's median is {narrow} and {wide} tokens."
    if not out:
        return f"The runs put no parameter outside its prior's 95 % interval.{moved}"
    said = f"The runs push {text.enumeration(out)} outside the prior's 95 % interval"
    said = f"**{said}**" if far else said
    return (
        f"{said}: what was expected of such text and the runs disagree, and either the law bends in this range or the prior was "
        f"wrong. The prior stays as it was fixed.{moved}"
    )


def expected(study: Analysis) -> str:
    """How wide the prior predictive is beside the spread of the measured losses."""
    N0, D0 = study.reference
    _, losses = prior_predictive(HEADLINE, study.fit, N0, D0, draws=1000, seed=SEED, bytes_per_token=study.bytes_per_token)
    low, high = np.quantile(losses, [0.025, 0.975], axis=0)
    inside = int(((study.fit["loss"] >= low) & (study.fit["loss"] <= high)).sum())
    factor = float(np.median(high / low))
    return (
        f"The prior's 95 % interval for a run spans a factor of {text.significant(factor, 2)} in loss, the runs themselves "
        f"{text.significant(float(study.fit['loss'].max() / study.fit['loss'].min()), 2)}; {inside} of {len(study.fit)} "
        "lie inside."
    )


def predicted(study: Analysis) -> str:
    """How many of the fitted runs fall inside their own predictive intervals."""
    losses = predict_losses(study.posterior, study.fit, seed=SEED)
    counts = list(inside(losses, study.fit["loss"]).values())
    return f"Of {len(study.fit)} runs, {counts[0]}, {counts[1]} and {counts[2]} lie inside their 50, 80 and 95 % intervals."


def residual_tails(study: Analysis) -> str:
    """Whether the residuals ask for heavy tails: the posterior of nu against its prior."""
    nu = study.posterior.parameters.nu
    heavy = float(np.mean(nu < 10))
    prior = float(np.mean(study.prior.nu < 10))
    verdict = "ask for heavier tails than the prior expected" if heavy > prior + 0.1 else "do not ask for heavy tails"
    return f"The residuals {verdict}: the probability of fewer than ten degrees of freedom is {heavy:.2f}, {prior:.2f} a priori."


def shared(study: Analysis) -> str:
    """The largest width effect and whether its interval leaves zero."""
    middles = np.median(study.posterior.u, axis=0)
    largest = int(np.argmax(np.abs(middles)))
    low, high = text.central(study.posterior.u[:, largest])
    verdict = "its 95 % interval leaves out zero" if low > 0 or high < 0 else "its 95 % interval holds zero"
    width = float(study.posterior.rows.groups[largest])
    return f"The largest is {text.signed(100 * middles[largest])} % of the loss, at width {width:g}; {verdict}."


def speed(study: Analysis) -> str:
    """Share of the measured matmul peak at the smallest and at the largest width."""
    rows, peak = complete(study.frame), peaks(study)
    share = np.array(
        [row.C_exact / (r.timing.train_cpu * peak[r.provenance.cpu]) for row in each(rows) if (r := study.records[row.run_id])]
    )
    widths = rows["width"].to_numpy()
    small, large = (float(np.median(share[widths == width])) for width in (widths.min(), widths.max()))
    return (
        f"Runs of width {widths.min()} reach {text.percent(small)} of the measured matmul peak, those of width "
        f"{widths.max()} "
        f"{text.percent(large)}: hours are not in proportion to FLOPs."
    )


def noisy(study: Analysis) -> str:
    """How the batches lie to the gradient noise scale."""
    rows = complete(study.frame)
    scales = np.array([noise_scale(study.records[run_id]) for run_id in rows["run_id"]])
    good = np.isfinite(scales) & (scales > 0)
    if not good.any():
        return "No run recorded a gradient noise scale."
    ratio = scales[good] / rows["batch_tokens"].to_numpy()[good]
    return (
        f"{int((ratio > 1).sum())} of the {int(good.sum())} runs whose noise scale is known, of {len(good)}, had a batch below "
        f"it, in the median by a factor of {text.significant(float(np.median(ratio)), 2)}."
    )


def downstream(study: Analysis) -> str:
    """What English text costs the best run: a word of it is what LAMBADA asks for."""
    losses = [(record.losses["ood"].bits_per_byte, record.config.ood_corpus) if "ood" in record.losses
              else (record.losses["validation"].bits_per_byte, record.config.corpus)
              for record in study.records.values() if record.status == "complete"]
    bits, corpus = min(losses)
    chance = f"{text.significant(100 * 2.0 ** (-WORD * bits), 2)}{text.NBSP}%"
    return (
        f"On English (`{corpus}`) the best run needs {text.significant(bits)} bits a byte, so a word of {text.number_word(WORD)} "
        f"bytes, LAMBADA's task, has a probability of {chance}."
    )


def differences(study: Analysis) -> str:
    """In what the sweep's runs differ from the grid's; nothing where they do not."""
    builds = [{record.provenance.corpus_sha256 for record in records.values()}
              for records in (study.sweep_records, study.records)]
    other = len(builds[0] - builds[1]) > 0
    said = " The sweep read an earlier build of the corpus, so its losses compare with one another only." if other else ""
    return said + heads(study)


def heads(study: Analysis) -> str:
    """Where the sweep's models have other heads than the grid's; nothing where they have the same."""
    ours = {cell.config.width: cell.config.heads for cell in study.grid.cells}
    swept = {record.config.width: record.config.heads for record in study.sweep_records.values()}
    other = [width for width in sorted(swept) if width in ours and swept[width] != ours[width]]
    if not other:
        return ""
    cases = text.enumeration([f"{swept[width]} instead of {ours[width]} at width {width}" for width in other])
    return (
        f" Its models had other numbers of heads than the grid's ({cases}): it was trained first, and its rule is used with "
        "the heads of the grid."
    )


def priced(study: Analysis) -> str:
    """What the grid's runs cost in money, where every one has a price."""
    dollars = study.frame["dollars"]
    if dollars.isna().any():
        return "No price was set when they ran."
    hours = float(study.frame["seconds"].sum()) / 3600
    return (
        f"At the price that was set, {text.significant(float(dollars.sum()) / hours, 2)} dollars an hour of a process, the grid's "
        f"cost {text.significant(float(dollars.sum()), 2)} dollars."
    )


def flat(study: Analysis) -> str:
    """What half or twice the optimal size costs, at the largest fitted budget and at the target's."""
    target = decision.target_compute(study)
    lost = [
        max(float(np.median(penalty(study.posterior.draws, C, factor))) for factor in (0.5, 2.0))
        for C in (study.largest_C, target)
    ]
    return (
        f"Half or twice the optimal size loses at most {text.significant(lost[0], 2)} nats a token at the largest fitted "
        "compute and "
        f"{text.significant(lost[1], 2)} at the target's (medians)."
    )


def untouched(study: Analysis) -> str:
    """Which parameters three runs leave within a factor of two of the prior's variance."""
    left = contraction(few.stages(study)[0].posterior.parameters, study.prior, list(SYMBOLS))
    names = [SYMBOLS[name] for name, share in left.items() if share < 0.5]
    moved = [SYMBOLS[name] for name, share in left.items() if share >= 0.5]
    if not names:
        return "Three runs reduce every parameter's prior variance by half or more."
    tail = f", and reduce that of {text.enumeration(moved)}" if moved else ""
    return f"Three runs leave more than half of the prior variance of {text.enumeration(names)}{tail}."


def added(study: Analysis) -> str:
    """What more sizes of one budget do to the interval, and what a second budget does."""
    found = few.stages(study)
    spans = [float(np.log10(np.divide(*text.central(stage.posterior.draws.D_opt_at(TARGET_N))[::-1]))) for stage in found]
    one = next((i for i, stage in enumerate(found) if i and stage.rows["budget"].nunique() == 1), None)
    two = next((i for i, stage in enumerate(found) if stage.rows["budget"].nunique() == 2), None)
    parts = [f"three runs leave {spans[0]:.1f} decades"]
    if one is not None:
        parts.append(f"all {len(found[one].rows)} sizes of that budget {spans[one]:.1f}")
    if two is not None:
        parts.append(f"a second budget {spans[two]:.1f}")
    return f"{text.enumeration(parts).capitalize()}, and all {len(study.fit)} runs {spans[-1]:.1f}."


@lru_cache(maxsize=4)
def _bias(study: Analysis, reach: float) -> np.ndarray:
    draws = study.posterior.draws
    x, pick = np.linspace(-np.log(reach), np.log(reach), SIZES), np.linspace(0, len(draws.alpha) - 1, 400).astype(int)
    return np.expm1([vertex_shift(float(draws.alpha[i]), float(draws.beta[i]), x) for i in pick])


def biased(study: Analysis) -> str:
    """How far a noiseless parabola's vertex misses the optimum for sizes from a quarter to four times it."""
    shift = 100 * _bias(study, SPREAD)
    low, high = text.central(shift)
    return (
        f"With sizes from a quarter to four times the optimum, the vertex of a parabola without noise lies "
        f"{text.significant(float(np.median(shift)), 2)} % off {text.interval(low, high, lambda x: text.significant(x, 2))}."
    )


def counted(study: Analysis) -> str:
    """What the answers under the three counts of N say of each other at the target, where the counts hardly differ."""
    found = {one.name: float(np.median(one.tokens)) for one in sensitivity.variants(study)[0]}
    ours = float(np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    medians = [ours, found[sensitivity.NON_EMBEDDING], found[sensitivity.TOTAL]]
    vocabulary = study.grid.cells[0].config.vocabulary
    width = (TARGET_N * ASPECT / 12) ** (1 / 3)  # N = 12 L d^2 with d / L = ASPECT
    share = 2 * vocabulary * width / TARGET_N
    return (
        f"With $N$ counted in three ways the runs answer {text.count(min(medians))} to {text.count(max(medians))} tokens. At the "
        f"target the counts themselves differ by {text.significant(100 * share, 1)} %, so the factor of "
        f"{text.significant(max(medians) / min(medians), 2)} between the answers is what the extrapolation makes of a definition."
    )
