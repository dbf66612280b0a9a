"""The headline under other choices: noise, priors, conventions, groups, laws, and without each run in turn."""

from dataclasses import dataclass, replace

import numpy as np

from study.analysis.forms import laws
from study.analysis.study import Fitted, Study, once
from study.inference.answers import summarise
from study.inference.fast.target import supported
from study.inference.parameters import Array
from study.inference.posterior import IMPORTANCE, UnconvergedError
from study.inference.spec import HEADLINE, ModelSpec, SpecError
from study.laws.errata import TARGET_N

NON_EMBEDDING, TOTAL = "N without the unembedding", "N total"
NARROW, WIDE = "priors half as wide", "priors twice as wide"
CONSTANT = "noise scale constant in C (g = 0)"
VARIANTS: dict[str, ModelSpec] = {
    "normal noise": replace(HEADLINE, noise="normal"),
    CONSTANT: replace(HEADLINE, scale_slope=False),
    "no width effect": replace(HEADLINE, group=None),
    "budget effect instead": replace(HEADLINE, group="budget"),
    NARROW: replace(HEADLINE, prior_scale=0.5),
    WIDE: replace(HEADLINE, prior_scale=2.0),
    NON_EMBEDDING: replace(HEADLINE, n_convention="non_embedding"),
    TOTAL: replace(HEADLINE, n_convention="total"),
    "C exact in the noise scale": replace(HEADLINE, c_convention="exact"),
    "seed noise apart from misfit": replace(HEADLINE, noise="seed"),
    "Kaplan's form": replace(HEADLINE, law="kaplan"),
    "nesting family (κ free)": replace(HEADLINE, law="nesting"),
}
BY_NUTS = (HEADLINE, *(spec for spec in VARIANTS.values() if not supported(spec)))  # what the appendix draws by NUTS


@dataclass(frozen=True)
class Variant:
    """The answer under one other choice."""

    name: str
    tokens: Array  # D_opt(TARGET_N) per draw
    a: Array
    method: str
    khat: float = float("nan")  # of importance draws


@once
def variant(study: Study, name: str) -> Variant | None:
    """One of `VARIANTS`; None where it could not be fitted."""
    spec = VARIANTS[name]
    try:
        if spec.law != "hoffmann":
            fitted = laws(study)[spec.law]
        elif supported(spec):
            fitted = Fitted(study.refit(study.fit, spec), IMPORTANCE)
        elif study.nuts:
            fitted = study.drawn(spec)
        else:
            return None
    except (UnconvergedError, SpecError, KeyError):
        return None
    draws = fitted.posterior.draws
    return Variant(name, np.asarray(draws.D_opt_at(TARGET_N)), np.asarray(draws.a), fitted.method, fitted.posterior.khat)


def variants(study: Study) -> tuple[Variant, ...]:
    """Every variant that could be fitted."""
    return tuple(found for name in VARIANTS if (found := variant(study, name)))


def not_fitted(study: Study) -> tuple[str, ...]:
    """The names of those that could not."""
    return tuple(name for name in VARIANTS if variant(study, name) is None)


@dataclass(frozen=True)
class LeftOut:
    """The answer without one run: the 2.5, 50 and 97.5 % points of D_opt at the target, and the draws' k-hat."""

    run_id: str
    low: float
    middle: float
    high: float
    khat: float


@once
def without_each(study: Study) -> tuple[LeftOut, ...]:
    """The answer without each fit run in turn."""
    out = []
    for index, run_id in enumerate(study.fit["run_id"]):
        found = study.refit(study.fit.drop(index=index).reset_index(drop=True), draws=1000)
        answer = summarise(found.draws.D_opt_at(TARGET_N))
        out.append(LeftOut(str(run_id), answer.ci95[0], answer.median, answer.ci95[1], found.khat))
    return tuple(out)
