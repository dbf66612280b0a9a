"""What `study next` does: fit the runs there are, rank the runs that could be added, and write the choice down."""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.fit.fits import Drawn, draw_posterior
from study.fit.job import Job
from study.inference.next_run import Candidates, Plan, plan
from study.inference.observations import group_labels, observations
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.replay import RULES, Replay, replay
from study.record import finite

SIZES, RATIOS = 14, 12  # of the candidates, in N and in D/N
BEYOND = 3.0  # times the largest N of the table
WIDER = 2.0  # times its range of D/N, to each side
DOLLARS_PER = 1e18  # FLOP: what `price` is the price of


@dataclass(frozen=True)
class Following:
    """A plan and what it rests on."""

    drawn: Drawn
    candidates: Candidates
    plan: Plan
    target: float
    budget: float
    priced: bool  # in dollars; else FLOP


def follow(job: Job, target: float, budget: float, price: float | None, *, most: int, seed: int,
           planned: pd.DataFrame | None = None) -> Following:
    """Fit `job`'s runs and choose which to add for D_opt at `target` parameters.

    Args:
        budget: FLOP (6 N D), or dollars where `price` is given.
        price: dollars for 1e18 FLOP.
        planned: rows run_id, N, D and perhaps width of the runs to choose from; None for a grid around the table's.

    Raises:
        StudyError: nothing to choose from within the budget. The others of `draw_posterior`.
    """
    N0, D0 = job.reference
    drawn = draw_posterior(job.frame, job.spec, seed=seed, N0=N0, D0=D0, bytes_per_token=job.bytes_per_token, prior=job.prior,
                           asked=target)
    unit = 1.0 if price is None else price / DOLLARS_PER
    candidates = around(drawn.posterior, budget / unit, unit) if planned is None else among(drawn.posterior, planned, unit)
    if not len(candidates.N) or candidates.price.min() > budget:
        cheapest = f"the cheapest costs {candidates.price.min():.3g}" if len(candidates.N) else "every run of the grid is done"
        raise StudyError(f"no run to add for {budget:g}: {cheapest}")
    return Following(drawn, candidates, plan(drawn.posterior, candidates, target, budget, seed=seed, most=most), target, budget,
                     price is not None)


def around(posterior: Posterior, flops: float, unit: float) -> Candidates:
    """Candidates about the table's runs, at most `flops` each.

    Sizes from the smallest to three times the largest, tokens a parameter over the table's range widened twice to each side,
    and no run below the smallest N, D or C of the table: a law says little about runs smaller than any it was fitted to. A
    size of the table has its group.
    """
    rows = posterior.rows
    sizes = np.geomspace(rows.N.min(), rows.N.max() * BEYOND, SIZES)
    own = np.unique(rows.N)
    near = own[np.argmin(np.abs(np.log(sizes[:, None] / own)), axis=1)]
    sizes = np.unique(np.where(np.abs(np.log(near / sizes)) < 0.2, near, sizes))
    ratio = rows.D / rows.N
    ratios = np.geomspace(ratio.min() / WIDER, ratio.max() * WIDER, RATIOS)
    N, D = (axis.ravel() for axis in np.meshgrid(sizes, ratios, indexing="ij"))
    D = N * D
    within = (flops >= 6 * N * D) & (rows.D.min() <= D) & (0.99 * rows.C.min() <= 6 * N * D)
    N, D = N[within], D[within]
    label = {float(size): _group_of(posterior, float(size), len(rows.groups) + k) for k, size in enumerate(sizes)}
    return Candidates(N, D, 6 * N * D * unit, np.array([label[float(size)] for size in N], dtype=np.int64), ("",) * len(N))


def among(posterior: Posterior, planned: pd.DataFrame, unit: float) -> Candidates:
    """Candidates that a grid names: rows run_id, N, D and what the group effect needs."""
    spec = posterior.spec
    labels = group_labels(planned, spec, 6 * planned["N"].to_numpy(dtype=float) * planned["D"].to_numpy(dtype=float))
    known = {name: k for k, name in enumerate(posterior.rows.groups)}
    for name in dict.fromkeys(map(str, labels)):
        known.setdefault(name, len(known))
    N, D = planned["N"].to_numpy(dtype=float), planned["D"].to_numpy(dtype=float)
    return Candidates(N, D, 6 * N * D * unit, np.array([known[str(name)] for name in labels], dtype=np.int64),
                      tuple(map(str, planned["run_id"])))


def write(found: Following, out: Path) -> tuple[str, ...]:
    """next.json and next.png, moved into `out` when both are whole.

    Raises:
        StudyError: the disk refused.
    """
    from study.fit.next_picture import next_run

    c, p = found.candidates, found.plan
    body = {"target_N": found.target, "budget": found.budget, "unit": "dollars" if found.priced else "FLOP",
            "width_now": p.width, "ended": p.ended, "method": found.drawn.method, "chosen": [
                {**asdict(choice), "label": c.label[choice.index], "N": c.N[choice.index], "D": c.D[choice.index],
                 "C": 6 * c.N[choice.index] * c.D[choice.index], "price": c.price[choice.index]} for choice in p.choices],
            "candidates": [dict(zip(("label", "N", "D", "price", "information"), row, strict=True))
                           for row in zip(c.label, c.N, c.D, c.price, p.information, strict=True)]}
    return _put(out, {"next.json": lambda path: path.write_text(json.dumps(finite(body), indent=1, allow_nan=False) + "\n"),
                      "next.png": lambda path: next_run(found.drawn.posterior, c, p).savefig(path, dpi=200)})


def prove(job: Job, target: float, starts: int, out: Path,
          say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Replay the finished table by every rule from so many starts, to the width of all rows; write replay.json.

    Returns what it holds: for each rule the median over starts of FLOP to that width over those of the own order, the share
    of final intervals that hold the answer of all rows, and the trajectories.
    """
    rows = observations(job.frame, job.spec)
    whole = float(replay(job.frame, job.spec, target, "own order", 0, first=len(rows), batch=1).width[-1])
    found: dict[str, list[Replay]] = {rule: [] for rule in RULES}
    for start in range(starts):
        say(f"start {start + 1} of {starts}")
        for rule in RULES:
            found[rule].append(replay(job.frame, job.spec, target, rule, start, until=whole))
    own = np.array([each.flops_to(whole) for each in found["own order"]])
    body = {"source": job.source, "rows": len(rows), "target_N": target, "starts": starts, "width_of_all": whole,
            "flops_of_all": float(rows.C.sum()),
            "rules": {rule: _summary(each, own, whole) for rule, each in found.items()}}
    _put(out, {"replay.json": lambda path: path.write_text(json.dumps(finite(body), indent=1, allow_nan=False) + "\n")})
    return body


def _summary(replays: list[Replay], own: Array, whole: float) -> dict[str, Any]:
    flops = np.array([each.flops_to(whole) for each in replays])
    reached = np.isfinite(flops) & np.isfinite(own)
    return {"reached": float(np.isfinite(flops).mean()), "median_flops": float(np.median(flops)),
            "median_share_of_own_order": float(np.median((flops / own)[reached])) if reached.any() else None,
            "final_interval_holds_the_answer": float(np.mean([each.inside[-1] for each in replays])),
            "median_final_error": float(np.median([abs(each.error[-1]) for each in replays])),
            "paths": [{"flops": list(each.flops), "width": list(each.width), "error": list(each.error)} for each in replays]}


def _group_of(posterior: Posterior, size: float, fresh: int) -> int:
    same = np.flatnonzero(size == posterior.rows.N)
    return int(posterior.rows.group[same[0]]) if len(same) else fresh


def _put(out: Path, files: dict[str, Callable[[Path], object]]) -> tuple[str, ...]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=out, prefix=".next."))
        try:
            for name, make in files.items():
                make(scratch / name)
            for name in files:
                (scratch / name).replace(out / name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise StudyError(f"cannot write to {out}: {error.strerror or error}") from None
    return tuple(files)
