"""The tool that reads any table of runs, applied to the study's own."""

import numpy as np

from study.analysis.argued import argued
from study.analysis.study import Study
from study.articles.shared import text, words
from study.inference.forecast import Forecast
from study.inference.parameters import Array
from study.laws.errata import TARGET_N

NOT_TESTED = "is not put to"


def _forecast(study: Study) -> Forecast | None:
    return argued(study).forecast


def fitted(study: Study) -> str:
    """Runs of less compute that its forecast test fits."""
    found = _forecast(study)
    return f"{found.fitted}" if found else text.ABSENT


def predicted(study: Study) -> str:
    """And those of the largest compute that it predicts."""
    found = _forecast(study)
    return f"{found.predicted}" if found else text.ABSENT


def inside(study: Study) -> str:
    """How many of these lie in their 95 % interval."""
    found = _forecast(study)
    return words.none_or(found.scores.inside[0.95]) if found else text.ABSENT


def off(study: Study) -> str:
    """Their mean error, percent of the loss."""
    found = _forecast(study)
    return f"{text.signed(100 * found.scores.error, 1)} %" if found else text.ABSENT


def verdict(study: Study) -> str:
    """Whether the fit passes."""
    found = _forecast(study)
    return NOT_TESTED if found is None else "passes" if found.passed else "**fails**"


def advice(study: Study) -> str:
    """What the tool does with the answer."""
    return "lets the fit stand and answers" if argued(study).trusted else \
        "says not to extrapolate the fit and, allowing for misfit, answers"


def _tokens(study: Study) -> Array:
    found = argued(study).widened
    return np.asarray(study.posterior.draws.D_opt_at(TARGET_N)) if found is None else found


def interval(study: Study) -> str:
    """The tokens at the target and the interval that it widens; the law's own where it trusts the fit."""
    return f"{text.median(_tokens(study), text.short)} {text.ends(_tokens(study), text.rough)}"


def decades(study: Study) -> str:
    """The powers of ten of that interval."""
    return f"{text.decades(_tokens(study)):.1f}"
