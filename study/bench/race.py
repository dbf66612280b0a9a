"""How many tokens a recipe needs for a loss: runs at token counts that close in on it, each kept in a file."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from study.bench.machine import write

NEAR = 1.6  # the factor in D within which two runs about the target are near enough
GROWTH, MOST_GROWTH, LEAST_GROWTH = 1.5, 4.0, 1.2  # of D from one run to the next: of the second, and at the most and least
MOST_RUNS = 12


@dataclass(frozen=True)
class Trained:
    """One run: its tokens, the CPU-seconds of its training, its validation loss (nats a token)."""

    tokens: int
    cpu_seconds: float
    loss: float


def kept(notes: Path, key: str, run: Callable[[], Trained]) -> Trained:
    """The run that `notes` holds under `key`; else it is trained, and written there."""
    seen = json.loads(notes.read_text()) if notes.is_file() else {}
    if key not in seen:
        seen[key] = asdict(run())
        write(notes, seen)
    body = seen[key]
    return Trained(**{**body, "loss": math.inf if body["loss"] is None else body["loss"]})  # JSON has no infinity


def race(run: Callable[[int], Trained], target: float, start: float) -> list[Trained]:
    """Runs until two within `NEAR` in D have the target between them, or `MOST_RUNS`; the first is of `start` tokens."""
    runs = [run(int(start))]
    while len(runs) < MOST_RUNS:
        above, below = bracket(runs, target)
        if above and below:
            if below.tokens <= NEAR * above.tokens:
                break
            count = interpolated(above, below, target)
        elif below:
            count = below.tokens / GROWTH
        else:
            count = runs[-1].tokens * _growth(runs, target)
        runs.append(run(int(count)))
    return runs


def bracket(runs: Sequence[Trained], target: float) -> tuple[Trained | None, Trained | None]:
    """Of the runs that did not diverge and have fewer tokens than the first that meets the target: the longest; and that first."""
    below = min((one for one in runs if one.loss <= target), key=lambda one: one.tokens, default=None)
    above = [one for one in runs if target < one.loss < math.inf and (below is None or one.tokens < below.tokens)]
    return max(above, key=lambda one: one.tokens, default=None), below


def interpolated(above: Trained, below: Trained, target: float) -> float:
    """Tokens at the target by ln D linear in the loss."""
    share = (above.loss - target) / (above.loss - below.loss)
    return math.exp((1 - share) * math.log(above.tokens) + share * math.log(below.tokens))


def at_target(runs: Sequence[Trained], target: float) -> float:
    """Tokens at the target; nan where no two runs have it between them."""
    above, below = bracket(runs, target)
    return interpolated(above, below, target) if above and below else math.nan


def _growth(runs: Sequence[Trained], target: float) -> float:
    before, last = runs[-2:] if len(runs) > 1 else (runs[0], runs[0])
    if not (math.isfinite(before.loss) and before.loss > last.loss):
        return GROWTH
    steepness = math.log(last.tokens / before.tokens) / (before.loss - last.loss)
    return math.exp(min(max((last.loss - target) * steepness, math.log(LEAST_GROWTH)), math.log(MOST_GROWTH)))
