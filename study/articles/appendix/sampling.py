"""How the posteriors were drawn, the gate that they pass, and whether two ways of drawing agree."""

from typing import TYPE_CHECKING

import numpy as np

from study.analysis.stages import stages
from study.analysis.study import Study
from study.analysis.variants import variants, without_each
from study.articles.shared import text, words
from study.inference.answers import summarise
from study.inference.parameters import Array
from study.inference.posterior import ESS, IMPORTANCE, KHAT, NUTS, RHAT, ImportanceDiagnostics, Posterior
from study.laws.errata import TARGET_N

if TYPE_CHECKING:
    from IPython.display import Markdown

AGREE = 0.1  # of the 95 % interval's width: two ways of drawing that differ by less agree


def drawn_by(study: Study) -> str:
    """How the headline was drawn."""
    return "NUTS" if study.headline.method == NUTS else "importance sampling"


def not_by_nuts(study: Study) -> str:
    """Why not by NUTS, where it was not."""
    return f"NUTS gave none here: {study.headline.reason}." if study.headline.method == IMPORTANCE else ""


def rhat() -> str:
    """What the gate asks of chains: the largest R-hat."""
    return f"{RHAT}"


def ess() -> str:
    """And the fewest effective draws, in bulk and in the tails."""
    return f"{ESS}"


def khat() -> str:
    """What it asks of importance draws: the largest Pareto k-hat."""
    return f"{KHAT}"


def _khats(study: Study) -> Array:
    khats = [stage.posterior.khat for stage in stages(study)]
    khats += [one.khat for one in variants(study)] + [one.khat for one in without_each(study)]
    return np.array([khat for khat in khats if np.isfinite(khat)])


def refits(study: Study) -> str:
    """Refits by importance sampling on which the articles rest."""
    return f"{len(_khats(study)):,}"


def refits_failed(study: Study) -> str:
    """How many do not pass the gate."""
    return words.none_or(int((_khats(study) > KHAT).sum()))


def largest_khat(study: Study) -> str:
    """Their largest k-hat."""
    return f"{_khats(study).max():.2f}"


def _apart(study: Study) -> float:
    """How far median and ends of ln D_opt differ between the two ways of drawing, in widths of the 95 % interval."""
    answers = (summarise(draws) for draws in (study.posterior.draws.D_opt_at(TARGET_N), study.fast.draws.D_opt_at(TARGET_N)))
    slow, fast = (np.log([one.ci95[0], one.median, one.ci95[1]]) for one in answers)
    return float(np.abs(slow - fast).max() / (slow[2] - slow[0]))


def agreement(study: Study) -> str:
    """Whether the two ways of drawing give the same answer."""
    return "agree" if _apart(study) < AGREE else "**disagree**"


def apart(study: Study) -> str:
    """By how much of the interval's width they differ at most."""
    return text.percent(_apart(study))


def diagnostics(study: Study) -> "Markdown":
    """How the posterior was drawn, and the gate it passed."""
    fitted, fast = study.headline, study.fast
    rows = [
        {
            "posterior of": "the headline",
            "drawn by": fitted.method,
            "draws": f"{len(fitted.posterior.parameters):,}",
            **_gate(fitted.posterior),
        },
        {
            "posterior of": "the headline, as the refits are",
            "drawn by": "importance sampling",
            "draws": f"{len(fast.parameters):,}",
            **_gate(fast),
        },
        {
            "posterior of": "the headline, for the printed answer",
            "drawn by": "importance sampling" if study.many is not fitted.posterior else fitted.method,
            "draws": f"{len(study.many.parameters):,}",
            **_gate(study.many),
        },
    ]
    return text.table(rows, left=("drawn by",))


def _gate(posterior: Posterior) -> dict[str, str]:
    found = posterior.diagnostics
    if isinstance(found, ImportanceDiagnostics):
        none = {"largest R-hat": text.ABSENT, "divergences": text.ABSENT}
        return {**none, "effective draws": f"{found.effective:,.0f}", "Pareto k-hat": f"{found.khat:.2f}"}
    return {
        "largest R-hat": f"{found.rhat:.4f}",
        "divergences": str(found.divergences),
        "effective draws": f"{found.effective:,.0f}",
        "Pareto k-hat": text.ABSENT,
    }
