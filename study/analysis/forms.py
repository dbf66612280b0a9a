"""Other forms of the law on the same runs: which predicts them best, and what their mixture answers."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

from study.analysis import answers
from study.analysis.profiles import Vertex, compared
from study.analysis.study import SEED, Fitted, Study, once
from study.inference.digits import Estimate, estimate, mixed
from study.inference.parameters import Array, evenly
from study.inference.posterior import UnconvergedError
from study.inference.spec import HEADLINE, SpecError
from study.laws.errata import TARGET_N

OTHERS = ("kaplan", "nesting")
BY_NUTS = (HEADLINE, *(replace(HEADLINE, law=law) for law in OTHERS))  # what `laws` draws by NUTS
DRAWS = 4000  # of a mixture


@once
def laws(study: Study) -> dict[str, Fitted]:
    """The three laws under the headline's noise, those that converged."""
    out = {"hoffmann": study.headline}
    for law in OTHERS if study.nuts else ():
        try:
            out[law] = study.drawn(replace(HEADLINE, law=law))
        except (UnconvergedError, SpecError):
            continue
    return out


@once
def comparison(study: Study) -> pd.DataFrame | None:
    """PSIS-LOO and stacking weights, all laws as densities of ln L; None unless two were drawn by NUTS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ announces its coming refactor, and says when a k-hat is high: the table shows it
        import arviz as az

        found = {name: fitted.posterior.idata for name, fitted in laws(study).items() if fitted.posterior.idata is not None}
        return az.compare(found, ic="loo", method="stacking", var_name="ln_L") if len(found) > 1 else None


@once
def farthest(study: Study) -> tuple[str, float, Vertex] | None:
    """The law whose optimum lies farthest, in ln, from one that the runs measured: its name, its median D/N there, and the latter.

    None where no budget has a measured optimum, or one law alone was drawn.
    """
    found = [(law, float(np.median(fitted.posterior.draws.D_opt(one.C) / fitted.posterior.draws.N_opt(one.C))), one)
             for law, fitted in laws(study).items() for one in compared(study)]
    return max(found, key=lambda row: abs(np.log(row[1] / row[2].measured))) if found and len(laws(study)) > 1 else None


@once
def largest_khat(study: Study, law: str) -> float:
    """The largest Pareto k-hat of a law's leave-one-out densities: above 0.7 its elpd is not to be trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz as az

        return float(az.loo(laws(study)[law].posterior.idata, pointwise=True, var_name="ln_L").pareto_k.max())


def tokens(study: Study, law: str) -> Array:
    """Draws of D_opt at the target by one law."""
    return np.asarray(laws(study)[law].posterior.draws.D_opt_at(TARGET_N))


def asked(study: Study, law: str) -> Estimate:
    """Their median and intervals, with the Monte Carlo errors."""
    return answers.asked(study) if law == HEADLINE.law else estimate(laws(study)[law].posterior, tokens(study, law))


def stacked(study: Study) -> Array:
    """Draws of D_opt at the target from the laws in proportion to their stacking weights."""
    compared = comparison(study)
    if compared is None:
        return np.asarray(study.posterior.draws.D_opt_at(TARGET_N))
    rng = np.random.default_rng(SEED)
    return np.concatenate([rng.choice(tokens(study, str(name)), round(DRAWS * float(weight)))
                           for name, weight in compared["weight"].items()])


@once
def equal(study: Study, without: str = "") -> Estimate:
    """The same with equal weights, of all laws or of all but one: what the data cannot rule out far outside them."""
    drawn = {law: tokens(study, law) for law in laws(study) if law != without}
    fewest = min(map(len, drawn.values()))
    thin = {law: values[evenly(len(values), fewest)] for law, values in drawn.items()}
    return mixed([(laws(study)[law].posterior, values) for law, values in thin.items()])
