"""The record of the population's simulation-based calibration: a row an atlas, and the tests of their ranks."""

from collections.abc import Callable
from concurrent.futures import as_completed
from pathlib import Path

import pandas as pd

from study.inference.calibration.ranks import coverage_of_ranks, uniformity
from study.inference.calibration.runs import FEWEST, CalibrationError
from study.inference.intervals import LEVELS
from study.inference.pooled.simulated import RANKED, SEED, one_atlas
from study.inference.pooled.two_stage import MODEL
from study.pool import one_thread, pool
from study.record import write_atomic, write_json

INFORMATION = ["atlas", "model", "reason", "effective"]  # columns that are not ranks


def calibrate_population(folder: Path, atlases: int, say: Callable[[str], None] = lambda _: None, *,
                         workers: int | None = None) -> Path:
    """Simulate and fit what sbc.csv lacks of so many atlases, then write sbc.json with the tests. Stops and resumes.

    workers: processes (default: one a core).

    Raises:
        CalibrationError: fewer than `FEWEST` atlases that finished, too few for a test of their ranks; they are kept in sbc.csv.

    Returns:
        The path of sbc.json.
    """
    path = folder / "sbc.csv"
    folder.mkdir(parents=True, exist_ok=True)
    rows = pd.read_csv(path, keep_default_na=False, na_values={"effective": [""]}) if path.exists() else pd.DataFrame()
    rows = rows[rows["model"] == MODEL] if "model" in rows else rows.iloc[:0]  # those of another model calibrate that one
    done = set(rows["atlas"]) if len(rows) else set()
    waiting = [index for index in range(atlases) if index not in done]
    with one_thread(), pool(workers) as executor:
        for finished in as_completed([executor.submit(one_atlas, index) for index in waiting]):
            rows = pd.concat([rows, pd.DataFrame([finished.result()])], ignore_index=True).sort_values("atlas")
            write_atomic(path, rows.to_csv(index=False).encode())
            say(f"{len(rows)} of {atlases} atlases")
    if (rows["reason"].fillna("") == "").sum() < FEWEST:
        raise CalibrationError(f"{len(rows)} atlases are kept, too few for a test of their ranks: simulate {FEWEST} or more "
                               "with --atlases")
    record = folder / "sbc.json"
    write_json(record, tests(rows))
    return record


def tests(rows: pd.DataFrame) -> dict[str, object]:
    """Uniformity and coverage of the ranks of each parameter, and the atlases that failed."""
    finished = rows[rows["reason"].fillna("") == ""]
    ranks = finished.drop(columns=INFORMATION).astype(int)
    found = uniformity(ranks, RANKED)
    for level in LEVELS:
        found[f"coverage_{round(100 * level)}"] = [coverage_of_ranks(ranks[name], level, RANKED) for name in ranks]
    return {"seed": SEED, "model": MODEL, "atlases": len(rows), "finished": len(finished), "ranked": RANKED,
            "effective": {"median": float(finished["effective"].median()), "least": float(finished["effective"].min())},
            "failed": {str(row.atlas): str(row.reason) for row in rows[rows["reason"].fillna("") != ""].itertuples()},
            "smallest_holm": float(found["holm"].min()), "tests": found.to_dict("records")}
