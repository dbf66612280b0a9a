"""Speed beside other people's code, as `study bench` recorded it: tokens a second, and CPU-seconds to a loss."""

import json
from typing import Any

import numpy as np

from study.analysis.study import Study
from study.articles.shared import text

STEP, LOSS = "train", "loss"  # records of `study bench`
COMPILED, EAGER = "compiled_vs_compiled", "eager_vs_eager"


def _recorded(study: Study, name: str) -> dict[str, Any] | None:
    path = study.find(f"bench/{name}.json")
    found: dict[str, Any] | None = json.loads(path.read_text()) if path else None
    return found


def _ratios(study: Study, kind: str) -> list[float]:
    found = _recorded(study, STEP)
    return [row["ratios"][kind] for row in found["rows"]] if found else []


def _mean(ratios: list[float]) -> str:
    return text.two(float(np.exp(np.mean(np.log(ratios))))) if ratios else text.PENDING


def compiled(study: Study) -> str:
    """Tokens a second of the compiled step over the compiled peer's: the geometric mean over widths."""
    return _mean(_ratios(study, COMPILED))


def compiled_range(study: Study) -> str:
    """The least and the most of any width."""
    ratios = _ratios(study, COMPILED)
    return f"{text.two(min(ratios))} to {text.two(max(ratios))}" if ratios else text.PENDING


def eager(study: Study) -> str:
    """The same where neither is compiled."""
    return _mean(_ratios(study, EAGER))


def widths(study: Study) -> str:
    """The widths at which the steps were timed."""
    found = _recorded(study, STEP)
    return f"{found['rows'][0]['width']} to {found['rows'][-1]['width']}" if found else text.PENDING


def context(study: Study) -> str:
    """Tokens of a window there."""
    found = _recorded(study, STEP)
    return f"{found['context']}" if found else text.PENDING


def to_loss(study: Study) -> str:
    """The peer's CPU-seconds to a loss over the study's: the median of the seeds, their range, and what loss."""
    found = _recorded(study, LOSS)
    if found is None:
        return text.PENDING
    ends = f"{text.two(min(found['ratios']))} to {text.two(max(found['ratios']))}"
    return f"{text.two(found['ratio'])} ({ends} by seed) to {found['target']:g} nats at width {found['width']}"
