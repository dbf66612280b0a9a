"""Where the law misses the runs it was fitted to, and those it was not: what its parametric interval does not carry."""

from functools import lru_cache

import numpy as np
import pandas as pd

from study.figures import checks, noise, sensitivity, text
from study.figures.analysis import TARGET_N, Analysis
from study.figures.frames import complete, groups, least
from study.inference.parameters import Array
from study.inference.posterior import Posterior

IMPOSSIBLE = 0.025  # share of draws whose E lies above a measured loss, from which on the page says so
GROWN = 1.5  # times the seeds' s.d. of the budgets below, from which on that of the largest is said to have grown
ONE_SIDED = 0.75  # of a budget's runs on one side of the law: with the runs there are, rarely by chance


def residuals(posterior: Posterior, rows: pd.DataFrame) -> Array:
    """ln L minus the law's posterior median of it, (R,): no width effect, no noise."""
    N, D = rows["N"].to_numpy(), rows["D"].to_numpy()
    return np.asarray(np.log(rows["loss"].to_numpy()) - np.median(np.log(posterior.draws.loss(N[:, None], D[:, None])), axis=1))


@lru_cache(maxsize=4)
def by_budget(study: Analysis) -> pd.DataFrame:
    """One row a fitted budget, ascending: budget, runs, mean residual (percent), how many lie below the law."""
    rows = study.fit.assign(residual=100 * residuals(study.posterior, study.fit))
    return pd.DataFrame([{"budget": budget, "runs": len(group), "mean": float(group["residual"].mean()),
                          "below": int((group["residual"] < 0).sum())} for budget, group in groups(rows, "budget")])


def missed(study: Analysis) -> str:
    """Whether the runs of the largest budget lie on one side of the law, and how the law's noise answers."""
    found = by_budget(study)
    means = text.enumeration([text.signed(mean, 1) for mean in found["mean"]])
    last = found.iloc[-1]
    below = last["below"] / last["runs"]
    said = f"From the smallest budget to the largest, the runs lie {means} % off the law on average."
    if ONE_SIDED > below > 1 - ONE_SIDED:
        return f"{said} Those of the largest lie on both sides of it."
    side, count = ("below", last["below"]) if below >= ONE_SIDED else ("above", last["runs"] - last["below"])
    pace = "faster" if side == "below" else "more slowly"
    return (
        f"{said} **Of the {int(last['runs'])} of the largest, {int(count)} lie {side} it**: there the loss falls {pace} "
        f"than the law can follow.{_covered(study)}"
    )


def _covered(study: Analysis) -> str:
    """What a noise scale that grows with compute does about it."""
    g = study.posterior.parameters.g
    constant = next((one for one in sensitivity.variants(study)[0] if one.name == sensitivity.CONSTANT), None)
    if float(np.mean(g > 0)) < 0.9 or constant is None:
        return ""
    factor = float(np.median(constant.tokens) / np.median(study.posterior.draws.D_opt_at(TARGET_N)))
    top = float(study.fit["budget"].max())
    (below, _), (at_top, freedom) = (noise.seed_sd(study, [b for b in study.budgets if b < top]), noise.seed_sd(study, [top]))
    cause = (
        f", as noise between seeds does, from {100 * below:.2g} % of the loss below the largest budget to {100 * at_top:.2g} % "
        "at it" if freedom and at_top > GROWN * below else " to cover this"
    )
    return (
        f" The noise scale grows {text.significant(float(np.exp(np.median(g))), 2)} times a decade of compute{cause}; so the runs "
        f"nearest the question count least, and with a constant scale the answer is {text.significant(factor, 2)} times as large."
    )


def tested(study: Analysis) -> str:
    """What became of the runs no fit had seen, and what that says of the extrapolation to the target."""
    rows = study.held_out
    if not len(rows):
        return "No run of a held-out budget is recorded, so nothing on this page tests the extrapolation."
    inside = checks.coverage(study)
    above = float(np.mean(rows["loss"].to_numpy() > np.median(checks.predictions(study), axis=0)))
    side = (
        "they came out worse than predicted" if above > 0.8
        else "they came out better than predicted" if above < 0.2
        else "they lie on both sides of the prediction"
    )
    return (
        f"Of {text.number_word(len(rows))} held-out runs, {_count(inside[0.95])} fell inside the 95 % predictive interval, "
        f"{_count(inside[0.8])} inside the 80 % and {_count(inside[0.5])} inside the 50 %; {side}. {_beyond(study)}"
    )


def held_out(study: Analysis) -> str:
    """All that the held-out runs say: how many were predicted, by how much the others were missed, and of what kind the step is."""
    return " ".join(filter(None, (tested(study), error(study), step(study))))


def error(study: Analysis) -> str:
    """The size of the error on the held-out runs, beside seeds and beside Huber's fit; nothing without such runs."""
    rows = study.held_out
    if not len(rows):
        return ""
    predicted, loss = checks.predictions(study), np.log(rows["loss"].to_numpy())
    off = loss - np.log(np.median(predicted, axis=0))
    low, high = (np.quantile(predicted, q, axis=0) for q in (0.025, 0.975))
    sd, freedom = noise.seed_sd_at(study, float(rows["budget"].max()))
    times = text.significant(float(np.sqrt(np.mean(off**2)) / sd), 2) if freedom else ""
    seeds = f", {times} times the largest s.d. between seeds of any budget" if freedom else ""
    huber = loss - np.log(study.huber.surface.loss(rows["N"].to_numpy(), rows["D"].to_numpy()))
    return (
        f"The r.m.s. error is {_percent(off)} of the loss{seeds}; that of Huber's fit is {_percent(huber)}. "
        f"The 95 % interval's ends lie a factor of {text.significant(float(np.median(high / low)), 3)} apart."
    )


def _count(n: int) -> str:
    return text.number_word(n) if n else "none"


def _percent(errors: Array) -> str:
    return f"{100 * float(np.sqrt(np.mean(errors**2))):.1f} %"


def _beyond(study: Analysis) -> str:
    """What the held-out budget, a single step beyond the fit, says of the extrapolation to the target."""
    rows = study.held_out
    factor = float(rows["C"].max() / study.largest_C)
    kept = checks.coverage(study)[0.95] >= 0.8 * len(rows)
    return (
        f"A step of {text.significant(factor, 2)} times the largest fitted compute "
        + ("is inside what the law promised; the rest of the way is not tested." if kept
           else "**already breaks the law's own interval**, so the interval at the target is the law's, not the world's.")
    )


def floor(study: Analysis) -> str:
    """Whether a measured loss lies below what the law says no size and no data can reach."""
    rows = complete(study.frame)
    best, E = least(rows, "loss"), study.posterior.draws.E
    share = float(np.mean(best["loss"] < E))
    if share < IMPOSSIBLE:
        return "No measured loss clearly lies below the law's irreducible one."
    which = "a held-out run" if best["split"] == "held-out" else "a fitted run"
    return (
        f"**In {text.percent(share)} of the draws the irreducible loss $E$ lies above a loss that was measured**, "
        f"{best['loss']:.2f} nats a token by {which} of {text.power(float(best['budget']))} FLOP: what the law says no size and "
        "no data can reach has been reached."
    )


def step(study: Analysis) -> str:
    """How far the held-out budget lies below the largest fitted one at equal width, on this corpus and on the other."""
    rows = complete(study.frame)
    fitted = rows[(rows["budget"] == study.fit["budget"].max()) & (rows["role"] == "isoflop")]
    pairs = fitted.merge(study.held_out, on="width", suffixes=("", "_held"))
    if not len(pairs) or pairs["ood_loss"].isna().any() or pairs["ood_loss_held"].isna().any():
        return ""
    here, there = (float((pairs[name] - pairs[f"{name}_held"]).mean()) for name in ("loss", "ood_loss"))
    corpus = next(iter(study.records.values())).config.ood_corpus
    cause = (
        f": most of the step is what the files of `{study.grid.corpus}` share (@tbl-corpus), which larger runs learn to copy and "
        "the law, fitted below it, does not know" if there < 0.5 * here else ""
    )
    return (
        f"At equal width the loss falls by {text.significant(here, 2)} nats from the largest fitted budget to this one, and by "
        f"{text.significant(there, 2)} on `{corpus}`{cause}."
    )
