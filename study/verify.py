"""Does a rerun reproduce the recorded runs? Two sets of records of one grid, run by run.

On the same CPU (model, torch and thread count, from the provenance) a run must have the same bits: every loss, every metric and
every point of its curve. Elsewhere, and on a GPU always, the order of sums differs, and training amplifies it, at most up to what
another seed would do: each loss and metric must then be within `TOLERANCE` standard deviations between seeds of the recorded one,
pooled over the cells that the reference holds more than one seed of. Counts, FLOPs and the corpus must be equal everywhere.

The tolerance is wide: five runs of the quick grid with AVX2 in place of AVX-512 ended within 2.3e-5 nats a token of the
recorded ones, 0.01 standard deviations between seeds.
"""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

from study.config import Config
from study.errors import StudyError
from study.record import RunRecord

TOLERANCE = 4.0  # standard deviations between seeds

SAME_BITS = "same bits"
WITHIN_NOISE = "within seed noise"
NO_REFERENCE = "not in the reference"  # said, not a failure: there is nothing to compare it with
MISSING = "missing"
PASSES = (SAME_BITS, WITHIN_NOISE, NO_REFERENCE)


@dataclass(frozen=True)
class Comparison:
    """One run on both sides. Losses are validation losses in nats a token, None where a side has none."""

    run_id: str
    loss: float | None
    reference: float | None
    verdict: str  # one of the constants above, or what differs

    @property
    def difference(self) -> float | None:
        return None if self.loss is None or self.reference is None else self.loss - self.reference

    @property
    def passed(self) -> bool:
        return self.verdict in PASSES


@dataclass(frozen=True)
class Verification:
    """All runs of both sides, and the seed noise they were judged by."""

    comparisons: tuple[Comparison, ...]
    seed_sd: dict[str, float]  # by loss ("validation", "train", "ood"), nats a token, and by metric; empty without repeats
    repeats: int  # degrees of freedom behind `seed_sd`

    @property
    def passed(self) -> bool:
        return all(comparison.passed for comparison in self.comparisons)

    @property
    def tolerance(self) -> float | None:
        """Largest accepted difference of validation losses between machines, nats a token."""
        return TOLERANCE * self.seed_sd["validation"] if self.seed_sd else None


def verify(ours: Sequence[RunRecord], theirs: Sequence[RunRecord], *, only: Collection[str] = ()) -> Verification:
    """Compare a rerun (`ours`) with the reference (`theirs`), matched by run_id, in the order of the run_ids.

    Args:
        only: run_ids to compare, where not all; the seed noise is that of the whole reference all the same.

    Raises:
        StudyError: one of `only` is on neither side.
    """
    rerun, reference = ({record.run_id: record for record in records} for records in (ours, theirs))
    seed_sd, repeats = pooled_seed_sd(theirs)
    comparisons = []
    if unknown := sorted(set(only) - set(rerun | reference)):
        raise StudyError(f"no record of {', '.join(unknown)} on either side: --only takes run_ids, the names of the records' "
                         "folders")
    for run_id in sorted(set(only) or rerun | reference):
        a, b = rerun.get(run_id), reference.get(run_id)
        verdict = MISSING if a is None else NO_REFERENCE if b is None else compare(a, b, seed_sd)
        comparisons.append(Comparison(run_id, _validation(a), _validation(b), verdict))
    return Verification(tuple(comparisons), seed_sd, repeats)


def compare(a: RunRecord, b: RunRecord, seed_sd: dict[str, float]) -> str:
    """The verdict on one run: `SAME_BITS`, `WITHIN_NOISE`, or what differs."""
    for name in ("status", "parameters", "flops_6nd", "flops_exact", "bytes_per_token"):
        if getattr(a, name) != getattr(b, name):
            return f"{name} differs"
    for name in ("corpus_sha256", "ood_sha256"):
        if getattr(a.provenance, name) != getattr(b.provenance, name):
            return f"{name} differs: trained on another text"
    if a.losses.keys() != b.losses.keys():
        return "evaluated on other sets"
    if a.metrics.keys() != b.metrics.keys():
        return "measured by other metrics"
    if _bits(a) == _bits(b):
        return SAME_BITS
    if same_machine(a, b):
        return "other bits on the same machine"
    if not a.losses:
        return WITHIN_NOISE  # both diverged, each in its own way
    if not seed_sd:
        return "cannot be judged: other bits, and the reference holds no cell with two seeds"
    theirs = _finals(b)
    for name, value in _finals(a).items():
        difference, tolerance = abs(value - theirs[name]), TOLERANCE * seed_sd.get(name, 0.0)
        if not difference <= tolerance:
            what = f"{name} loss" if name in a.losses else name
            return f"{what} differs by {difference:.2g}, more than {tolerance:.2g}"
    return WITHIN_NOISE


def same_machine(a: RunRecord, b: RunRecord) -> bool:
    """Whether the same bits are due: a CPU, of one model, with one torch and thread count. A GPU adds gradients in any order."""
    return a.provenance.device == "cpu" and all(
        getattr(a.provenance, name) == getattr(b.provenance, name) for name in ("device", "cpu", "torch", "threads"))


def pooled_seed_sd(records: Sequence[RunRecord]) -> tuple[dict[str, float], int]:
    """Standard deviation between seeds of each final loss, nats a token, and metric, and its degrees of freedom.

    s^2 = sum over cells of sum_i (L_i - mean)^2 / sum over cells of (n - 1), over the cells with n >= 2 complete runs that
    differ in the seed alone. Empty and 0 where there is none.
    """
    cells: dict[Config, list[RunRecord]] = defaultdict(list)
    for record in records:
        if record.losses:
            cells[replace(record.config, seed=0)].append(record)
    repeated = [cell for cell in cells.values() if len(cell) > 1]
    freedom = sum(len(cell) - 1 for cell in repeated)
    squares: dict[str, float] = defaultdict(float)
    for cell in repeated:
        finals = [_finals(record) for record in cell]
        for name in finals[0]:
            values = [final[name] for final in finals]
            mean = math.fsum(values) / len(values)
            squares[name] += math.fsum((value - mean) ** 2 for value in values)
    return {name: math.sqrt(total / freedom) for name, total in squares.items()}, freedom


def _finals(record: RunRecord) -> dict[str, float]:
    """Final losses and metrics by name; no metric is called as a loss is."""
    return {**{name: metric.value for name, metric in record.metrics.items()},
            **{name: loss.nats_per_token for name, loss in record.losses.items()}}


def _bits(record: RunRecord) -> str:
    # JSON spells floats exactly and nan as equal to itself, which == does not
    return json.dumps([record.status, {name: asdict(loss) for name, loss in record.losses.items()},
                       {name: asdict(metric) for name, metric in record.metrics.items()},
                       [asdict(point) for point in record.curve]], sort_keys=True)


def _validation(record: RunRecord | None) -> float | None:
    return record.losses["validation"].nats_per_token if record is not None and record.losses else None
