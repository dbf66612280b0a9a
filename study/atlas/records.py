"""The atlas's records, made by `study atlas`: the article renders from them where the tables cannot be had.

- runs/published/atlas/NAME.json: one table alone (`alone.Alone`)
- runs/published/atlas/population.json: all together: parameters, a new study, sensitivity, what was left out and why
- runs/published/atlas/leave-out.json: every study predicted from its first runs (`leave_out.Prediction`)
- runs/published/atlas/others.json: the population without this study's tables
- runs/published/atlas/target.json: the tokens for the target size from none, three and all of this study's runs (`target.AtTarget`)
- runs/published/atlas/joint.json: three tables in two stages and in one model
- study/inference/pooled/atlas.json: the population that `study fit --prior atlas` reads
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from study.atlas.alone import describe, fit_alone, stage_one
from study.atlas.leave_out import COUNTS, FACTORS, FIT_DRAWS, coverage, name_of, predict, widening, without
from study.atlas.tables import MAIN, OWN, OWN_LABORATORY, SPEC, AtlasTable, gather, own_rows, own_table
from study.atlas.target import at_target
from study.atlas.together import (
    BASE,
    PopulationError,
    members,
    new_study,
    place,
    prior_predictive,
    quantiles,
    sensitivity,
    spreads,
    together,
)
from study.inference.pooled.coordinates import NAMES, REFERENCE
from study.inference.pooled.population import COVARIATES, Population, as_json, covariates, from_json
from study.inference.pooled.prior import PATH
from study.inference.pooled.summary import around
from study.inference.pooled.two_stage import MODEL, StudyDraws, pool, summary_draws
from study.inference.posterior import Diagnostics
from study.published import entries
from study.record import write_json
from study.table import records_sha256

SEED = 0
FIRST = 4000  # draws of a study alone
PILOT = (200, 300)  # draws of each chain, and those before, of the population that finds where studies are asked
CHECKS = (300, 300)  # of the populations that are only compared
LEAVE_OUT = (300, 300)  # of those that leave one laboratory out
PILOTED = 300.0  # draws of a study that carry weight in the pilot: below, it is summarised again about its place
RECORDED = 100  # draws of the population in the package
JOINT = ("marin-dclm", "porian-refinedweb-decay", "olmo-ladder")  # well-known each, and unlike one another
LEAST_LABORATORIES, LEAST_TABLES = 9, 14

Say = Callable[[str], None]


def record_alone(folder: Path, runs: Path, say: Say) -> list[Path]:
    """Fit every table alone; a file each."""
    tables, _ = gather(runs)
    paths = []
    for name, table in tables.items():
        say(name)
        paths.append(_write(folder / f"{name}.json", {**asdict(describe(table, source(table)["citation"], seed=SEED)),
                                                      "source": source(table)}))
    return paths


def record_together(folder: Path, runs: Path, say: Say) -> list[Path]:
    """Fit the population and record it, with its checks, and as the package's prior.

    Raises:
        PopulationError: fewer tables or laboratories than a population needs. UnconvergedError: see `together`.
    """
    tables, left_out = gather(runs)
    chosen = members(tables)
    studies, _ = first_stages(chosen, say)
    say("the population")
    found = together(studies, seed=SEED)
    tails = sensitivity(studies, seed=SEED, draws=CHECKS[0], tune=CHECKS[1], say=say)
    kinds = {"base": BASE, "total parameters": covariates("total", True, True, 4.3),
             "not tuned": covariates("multiplying", True, False, 4.3), "constant rate": covariates("multiplying", False, True, 4.3)}
    body = {
        "provenance": _provenance(chosen, runs), "left_out": dict(left_out), "diagnostics": asdict(found.diagnostics),
        "summaries": {name: {"gap": float(gap), "effective": float(count)}
                      for name, gap, count in zip(found.names, found.gaps, found.effective, strict=True)}, **spreads(found),
        "new_study": {name: quantiles(new_study(found.population, seed=SEED, c=c)) for name, c in kinds.items()},
        "prior_predictive": prior_predictive(seed=SEED), "sensitivity": tails, "reference_C": REFERENCE,
    }
    recorded = {"provenance": _provenance(chosen, runs), "reference_C": REFERENCE, **as_json(found.population.thin(RECORDED))}
    paths = [_write(folder / "population.json", body), _write(PATH, recorded)]
    beside = folder / "leave-out.json"
    left_out_one = json.loads(beside.read_text()) if beside.is_file() else {}
    return paths if "widening" not in left_out_one else [*paths, *_widen_prior(left_out_one)]


def record_joint(folder: Path, runs: Path, say: Say) -> list[Path]:
    """Three tables of three laboratories in two stages and in one NUTS: medians and intervals of all that they share.

    Raises:
        UnconvergedError: either is not past the gate.
    """
    from study.inference.pooled.joint import fit_joint  # PyMC takes two seconds to import

    tables, _ = gather(runs)
    chosen = [tables[name] for name in JOINT]
    studies = [stage_one(table, seed=SEED, draws=FIRST) for table in chosen]
    say("in two stages")
    both = {"two stages": together(studies, seed=SEED)}
    say("in one NUTS: some minutes")
    both["joint"] = fit_joint(studies, [table.rows for table in chosen], [table.bytes_per_token for table in chosen], SPEC,
                              seed=SEED)
    draws = {}
    for how, found in both.items():
        own = {f"{name} of {study}": found.x[:, k, j] for k, study in enumerate(found.names) for j, name in enumerate(NAMES)}
        draws[how] = {**summary_draws(found.population), **own}
    apart = {name: float((np.median(values) - np.median(draws["joint"][name])) / draws["joint"][name].std())
             for name, values in draws["two stages"].items()}
    body = {"tables": list(JOINT), "model": MODEL, "diagnostics": {how: asdict(found.diagnostics) for how, found in both.items()},
            "apart": apart, "widest": max(apart.values(), key=abs),
            "spread": {name: float(values.std() / draws["joint"][name].std()) for name, values in draws["two stages"].items()}}
    return [_write(folder / "joint.json", body)]


def record_leave_out(folder: Path, runs: Path, say: Say) -> list[Path]:
    """Leave each laboratory out and predict its studies; with the place of each study in what the others predict.

    Written after every laboratory, so that a stopped command goes on where it stopped, if the tables are the same.
    """
    tables, _ = gather(runs)
    chosen = members(tables)
    path, provenance = folder / "leave-out.json", _plain(_provenance(chosen, runs))
    body = json.loads(path.read_text()) if path.is_file() else {}
    if body.get("provenance") != provenance:
        body = {"provenance": provenance, "diagnostics": {}, "places": {}, "new_study_without": {}, "predictions": []}
    missing = sorted({table.entry.laboratory for table in chosen.values()} - set(body["new_study_without"]))
    studies, alone = first_stages(chosen, say) if missing else ([], {})
    for laboratory in missing:
        say(f"without {laboratory}")
        population, seen = without(studies, laboratory, seed=SEED, draws=LEAVE_OUT[0], tune=LEAVE_OUT[1])
        body["diagnostics"][laboratory] = _plain(asdict(seen))
        for study in studies:
            if study.laboratory == laboratory:
                table = chosen[study.name]
                body["places"][study.name] = place(alone[study.name], population, seed=SEED)
                full = fit_alone(table, seed=SEED)
                body["predictions"] += [_plain(asdict(row)) for row in predict(table, full, population, seed=SEED, say=say)]
        if laboratory == OWN_LABORATORY:
            _write_others(folder / "others.json", provenance, population, seen)
        body["new_study_without"][laboratory] = quantiles(new_study(population, seed=SEED))
        body["coverage"] = {f"{prior} {count}": {level: coverage(body["predictions"], prior, count, level)
                                                 for level in ("50", "80", "95")}
                            for prior in ("default", *map(name_of, (1.0, *FACTORS))) for count in COUNTS}
        _write(path, body)
    body["widening"] = widening(body["predictions"])
    return [_write(path, body), *_widen_prior(body)]


def record_target(folder: Path, runs: Path, say: Say) -> list[Path]:
    """The tokens for the target size from none, three and all of this study's runs, with everyone else's and without.

    The population without this study's tables is recorded first, and read where it is of the same tables.
    """
    tables, _ = gather(runs)
    chosen = members(tables)
    path, provenance = folder / "others.json", _plain(_provenance(chosen, runs))
    body = json.loads(path.read_text()) if path.is_file() else {}
    if body.get("provenance") != provenance:
        studies, _ = first_stages(chosen, say)
        say(f"without {OWN_LABORATORY}")
        found = without(studies, OWN_LABORATORY, seed=SEED, draws=LEAVE_OUT[0], tune=LEAVE_OUT[1])
        body = _write_others(path, provenance, *found)
    grids = [*((name, *OWN[name]) for name in OWN if name in chosen), MAIN]
    frames = {name: own_rows(grid, runs) for name, grid, _ in grids}
    given = [(own_table(*each, frames[each[0]]), frames[each[0]]) for each in grids]
    say("from none, three and all of this study's runs")
    rows = [_plain(asdict(row)) for row in at_target(given, from_json(body), seed=SEED)]
    measured = {name: records_sha256(runs / grid) for name, grid, _ in grids}
    return [path, _write(folder / "target.json", {"provenance": provenance, "runs": measured, "rows": rows})]


def _write_others(path: Path, provenance: Mapping[str, Any], population: Population, seen: Diagnostics) -> dict[str, Any]:
    body = {"provenance": provenance, "diagnostics": _plain(asdict(seen)), **as_json(population)}
    _write(path, body)
    return body


def _widen_prior(left_out: Mapping[str, Any]) -> list[Path]:
    # the package's prior says by how much it is widened, where both are of one model
    body = json.loads(PATH.read_text()) if PATH.is_file() else {}
    if body.get("provenance") != left_out["provenance"]:
        return []
    return [_write(PATH, {**body, "widening": left_out["widening"]["factor"]})]


def first_stages(tables: Mapping[str, AtlasTable], say: Say) -> tuple[list[StudyDraws], dict[str, StudyDraws]]:
    """Draws of each study for the population, and alone, by name.

    They differ for those of whose draws a pilot of the population leaves few: they are drawn again about their place in it.

    Raises:
        PopulationError: too few tables or laboratories.
    """
    laboratories = {table.entry.laboratory for table in tables.values()} - {OWN_LABORATORY}
    if len(tables) < LEAST_TABLES or len(laboratories) < LEAST_LABORATORIES:
        raise PopulationError(f"{len(tables)} tables of {len(laboratories)} other laboratories can be had, of {LEAST_TABLES} and "
                              f"{LEAST_LABORATORIES} that the population needs: set STUDY_PUBLISHED")
    alone = {}
    for name, table in tables.items():
        say(f"{name} alone")
        alone[name] = stage_one(table, seed=SEED, draws=FIRST)
    studies = list(alone.values())
    say("a pilot of the population")
    pilot = pool(studies, seed=SEED, draws=PILOT[0], tune=PILOT[1], chains=2)
    for k, study in enumerate(studies):
        if pilot.effective[k] < PILOTED:
            say(f"{study.name} again")
            studies[k] = stage_one(tables[study.name], around(pilot.x[:, k]), seed=SEED, draws=FIRST)
    return studies, alone


def source(table: AtlasTable) -> dict[str, Any]:
    """Where a table is from and what its numbers mean, as far as it is published."""
    entry = table.entry
    meaning = {"N_convention": entry.N_convention, "decayed": entry.decayed, "tuned": entry.tuned,
               "bytes_per_token": entry.bytes_per_token, "unit": entry.unit, "checkpoints": entry.checkpoints,
               "pooled": entry.pooled}
    if table.name not in entries():
        return {"citation": "this study", "sha256": "", "licence": "MIT", **meaning}
    published = entries()[table.name][0]
    return {"table": published.name, "citation": published.citation, "licence": published.licence,
            "repository": published.folder.repository, "commit": published.folder.commit, "path": published.folder.path,
            "sha256": published.folder.sha256, **meaning}


def _provenance(tables: Mapping[str, AtlasTable], runs: Path) -> dict[str, Any]:
    # what a stopped command must find the same, or begin afresh
    return {"tables": {name: {"sha256": records_sha256(runs / OWN[name][0]) if name in OWN else source(table)["sha256"],
                              "runs": len(table.rows), "laboratory": table.entry.laboratory} for name, table in tables.items()},
            "model": MODEL, "covariates": list(COVARIATES), "seed": SEED,
            "predicted_from": list(COUNTS), "widened_by": list(FACTORS), "draws": [FIRST, FIT_DRAWS]}


def read_alone(folder: Path) -> dict[str, dict[str, Any]]:
    """The recorded tables, by name."""
    others = ("population.json", "leave-out.json", "others.json", "target.json", "joint.json", "sbc.json")
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json")) if path.name not in others}


def _write(path: Path, body: Mapping[str, Any] | Sequence[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, _plain(body))
    return path


def _plain(value: Any) -> Any:
    # numbers to six digits: those beyond are Monte Carlo's
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value


