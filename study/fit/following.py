"""What `study next` does: fit the runs there are, rank the runs that could be added, and write the choice down."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.fit.draws import Drawn, draw_posterior
from study.fit.job import Job
from study.grids.design import Grid
from study.grids.files import written
from study.inference.known_law import known_law
from study.inference.next_run import Candidates, Plan, group_index, plan
from study.inference.observations import group_labels
from study.inference.parameters import Array
from study.inference.posterior import Posterior
from study.inference.replay import RULES, flops_to, ground, replay
from study.record import write_json

SIZES, RATIOS = 14, 12  # of the candidates, in N and in D/N
SMALLEST = 0.99  # times the smallest C of the table: the cheapest candidate
BEYOND = 3.0  # times the largest N of the table
WIDER = 2.0  # times its range of D/N, to each side
SLACK = (1.0, 1.1, 1.25, 1.5, 2.0)  # times the width of all rows: what a replay is asked how soon it reached
EQUAL = 1 + 1e-6  # two fits of the same rows in two processes, and two computes of one budget, may differ by a rounding
KNOWN_STARTS = 20  # of the comparison with a known law
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
    unit = 1.0 if price is None else price / DOLLARS_PER
    _check_budget(job.frame, planned, budget, unit, "FLOP" if price is None else "dollars")
    N0, D0 = job.reference
    drawn = draw_posterior(job.frame, job.spec, seed=seed, N0=N0, D0=D0, bytes_per_token=job.bytes_per_token,
                           asked=target)
    candidates = around(drawn.posterior, budget / unit, unit) if planned is None else among(drawn.posterior, planned, unit)
    if not len(candidates.N):
        raise StudyError(f"there is no run to add for --budget {budget:g}: no candidate within it is as large as the smallest run "
                         "of the table")
    return Following(drawn, candidates, plan(drawn.posterior, candidates, target, budget, seed=seed, most=most), target, budget,
                     price is not None)


def _check_budget(table: pd.DataFrame, planned: pd.DataFrame | None, budget: float, unit: float, spent: str) -> None:
    """Before a fit: whether the budget buys one run.

    Raises:
        StudyError: it is below the cheapest, or no planned run is left.
    """
    if planned is not None and planned.empty:
        raise StudyError("there is no run to add: every run of the grid is recorded")
    runs, share = (table, SMALLEST) if planned is None else (planned, 1.0)
    cheapest = share * 6 * float((runs["N"] * runs["D"]).min()) * unit
    if budget < cheapest:
        raise StudyError(f"no run can be added for {budget:g} {spent}: the cheapest costs {cheapest:.3g}; raise --budget")


def around(posterior: Posterior, flops: float, unit: float) -> Candidates:
    """Candidates about the table's runs, at most `flops` each.

    Sizes from the smallest to three times the largest, tokens a parameter over the table's range widened twice to each side,
    and no run below the smallest N, D or C of the table: a law says little about runs smaller than any it was fitted to. A
    candidate is of a group of the table's where the group means it: a size of a width, a compute of a budget; never of a run.
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
    within = (flops >= 6 * N * D) & (rows.D.min() <= D) & (SMALLEST * rows.C.min() <= 6 * N * D)
    N, D = N[within], D[within]
    return Candidates(N, D, 6 * N * D * unit, group_index(posterior, _labels(posterior, N, D)), ("",) * len(N))


def among(posterior: Posterior, planned: pd.DataFrame, unit: float) -> Candidates:
    """Candidates that a grid names: rows run_id, N, D and what the group effect needs."""
    N, D = planned["N"].to_numpy(dtype=float), planned["D"].to_numpy(dtype=float)
    labels = group_labels(planned, posterior.spec, 6 * N * D)
    return Candidates(N, D, 6 * N * D * unit, group_index(posterior, labels), tuple(map(str, planned["run_id"])))


def write(found: Following, out: Path, grid: Grid | None = None) -> tuple[str, ...]:
    """next.json, next.png and, of a grid's planned runs, grid.json with the chosen ones; moved into `out` when all are whole.

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
    files: dict[str, Callable[[Path], object]] = {
        "next.json": lambda path: write_json(path, body),
        "next.png": lambda path: next_run(found.drawn.posterior, c, p).savefig(path, dpi=200)}
    if grid is not None:
        cells = tuple(grid.cell(c.label[choice.index]) for choice in p.choices)
        files["grid.json"] = lambda path: path.write_text(written(replace(grid, cells=cells)))
    return _put(out, files)


def prove(job: Job, target: float | None, starts: int, out: Path, say: Callable[[str], None] = lambda _: None, *,
          file: str = "replay.json", rules: Sequence[str] = RULES) -> dict[str, Any]:
    """Replay the finished table by every rule from so many starts, to the score of all rows; `file` is written after each.

    Returns what it holds. For each rule and each of `SLACK`, times the width of all rows: the share of starts whose interval
    score falls to it, the median FLOP to it, and the median over starts of FLOP to it over those of the own order; the same for
    the width alone, and the share of intervals that hold the answer of all rows when they are first so narrow; and the
    trajectories. What the file holds of the same question is not done again.
    """
    field = ground(job.frame, job.spec, target, job.bytes_per_token)
    low, _, high = field.answer(range(len(field.rows)))
    body: dict[str, Any] = {
        "source": job.source, "rows": len(field.rows), "target_N": field.target, "width_of_all": float(high - low),
        "flops_of_all": float(field.rows.C.sum()), "slack": list(SLACK), "known_law": known_law(field, SLACK, KNOWN_STARTS)}
    paths = _recorded(out / file, body)
    for rule in rules:
        for start in range(starts):
            if any(path["start"] == start for path in paths[rule]):
                continue
            say(f"{rule}, start {start + 1} of {starts}")
            found = replay(field, rule, start, until=body["width_of_all"] * EQUAL)
            paths[rule].append({"start": start, "flops": found.flops.tolist(), "width": found.width.tolist(),
                                "score": found.score.tolist(), "error": found.error.tolist()})
            body["rules"] = {name: _summary(paths[name], paths["own order"], body["width_of_all"]) for name in RULES if paths[name]}
            _put(out, {file: lambda path: write_json(path, body)})
    return body


def _recorded(path: Path, body: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The trajectories of a record of the same question, by rule."""
    paths: dict[str, list[dict[str, Any]]] = {rule: [] for rule in RULES}
    if path.is_file():
        seen = json.loads(path.read_text())
        if all(seen.get(name) == body[name] for name in ("source", "rows", "target_N", "flops_of_all")):
            paths |= {rule: found["paths"] for rule, found in seen.get("rules", {}).items()}
            body["rules"] = seen.get("rules", {})
    return paths


def _summary(paths: list[dict[str, Any]], own: list[dict[str, Any]], whole: float) -> dict[str, Any]:
    by = {measure: {f"{slack:g}": _to(paths, own, measure, slack * whole * EQUAL) for slack in SLACK}
          for measure in ("score", "width")}
    return {"starts": len(paths), "to": by["score"], "to_width": by["width"], "held_at_width": _held(paths, whole * EQUAL),
            "median_final_error": float(np.median([abs(path["error"][-1]) for path in paths])), "paths": paths}


def _to(paths: list[dict[str, Any]], own: list[dict[str, Any]], measure: str, least: float) -> dict[str, Any]:
    """FLOP until a measure of the paths, "score" or "width", falls to `least`, and over those of the own order from that start."""
    base = {path["start"]: flops_to(path["flops"], path[measure], least) for path in own}
    flops = np.array([flops_to(path["flops"], path[measure], least) for path in paths])
    others = np.array([base.get(path["start"], np.inf) for path in paths])
    both = np.isfinite(flops) & np.isfinite(others)
    shares = flops[both] / others[both]
    return {"reached": float(np.isfinite(flops).mean()), "median_flops": float(np.median(flops)),
            "median_share_of_own_order": float(np.median(shares)) if len(shares) else None,
            "quartiles_of_share": np.quantile(shares, [0.25, 0.75]).tolist() if len(shares) else None}


def _held(paths: list[dict[str, Any]], whole: float) -> float | None:
    """The share of the paths whose interval holds the answer when it is first as narrow as `whole`, of those that come to it."""
    first = [next((score <= width for width, score in zip(path["width"], path["score"], strict=True) if width <= whole), None)
             for path in paths]
    came = [held for held in first if held is not None]
    return float(np.mean(came)) if came else None


def _labels(posterior: Posterior, N: Array, D: Array) -> list[str]:
    """The group of each run that could be added, by name; one that no row is of has a name of its own."""
    rows, by = posterior.rows, posterior.spec.group
    if by is None:
        return [*rows.groups] * len(N)
    if by == "run":
        return [f"new run {k}" for k in range(len(N))]
    if by == "budget":
        return _budgets(posterior, 6 * N * D)
    of = {float(size): rows.groups[group] for size, group in zip(rows.N[::-1], rows.group[::-1], strict=True)}
    return [of.get(float(size), f"new size {size:g}") for size in N]


def _budgets(posterior: Posterior, C: Array) -> list[str]:
    """Of each compute: the fit's bin where it binned log C, else the budget whose rows have it, D being rounded to steps."""
    rows, unnamed = posterior.rows, pd.DataFrame(index=range(len(posterior.rows)))
    labels = [f"new budget {compute:g}" for compute in C]
    if set(group_labels(unnamed, posterior.spec, rows.C)) == set(rows.groups):
        inside = np.flatnonzero((rows.C.min() <= C) & (rows.C.max() >= C))  # so that the bins of both are the rows' own
        both = pd.DataFrame(index=range(len(rows) + len(inside)))
        found = group_labels(both, posterior.spec, np.append(rows.C, C[inside]))
        for k, label in zip(inside.tolist(), found[len(rows):], strict=True):
            labels[k] = str(label)
        return labels
    for k, group in enumerate(rows.group[np.argmin(np.abs(np.log(C[:, None] / rows.C)), axis=1)]):
        own = rows.C[rows.group == group]
        if own.min() / EQUAL <= C[k] <= own.max() * EQUAL:
            labels[k] = rows.groups[group]
    return labels


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
