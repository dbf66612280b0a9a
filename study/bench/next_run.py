"""The proof of `study next`: finished tables replayed, own grids and open tables, into next-run-NAME.json of runs/bench."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from study.atlas.tables import AtlasTable
from study.errors import StudyError
from study.fit.following import prove
from study.fit.job import Job, grid_job
from study.inference.replay import RULES
from study.inference.spec import HEADLINE
from study.published import entries, load_entry
from study.record import COMMITTED

OWN = ("cpu", "cpu2", "cpu3", "quick")
# the open tables of runs with the most cells (N, D), one a laboratory; then smaller ones
OPEN = ("chinchilla", "misfitting", "llama-3", "marin-comma", "porian-refinedweb-decay", "gadre-c4", "olmo-ladder")


def replayed(name: str, starts: int, out: Path, *, rules: Sequence[str] = RULES,
             say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Replay one table from so many starts (`following.prove`): D_opt of the optimal size of ten times its largest compute.

    A record of the same question is continued.

    Raises:
        StudyError: an unknown table or rule, or a table that cannot be had.
    """
    if unknown := [rule for rule in rules if rule not in RULES]:
        raise StudyError(f"unknown rule {unknown[0]!r} to replay by: one of {', '.join(RULES)}")
    return prove(_job(name), None, starts, out, say, file=f"next-run-{name}.json", rules=rules)


def _job(name: str) -> Job:
    if name in OWN:
        job = grid_job(name, COMMITTED, "auto", 0)
        return replace(job, bytes_per_token=float(job.frame["bytes_per_token"].mean()))
    if name not in OPEN:
        raise StudyError(f"unknown table {name!r} to replay: one of {', '.join((*OWN, *OPEN))}")
    table = AtlasTable(entries()[name][1], load_entry(name).reset_index(drop=True))
    return Job(table.rows, pd.DataFrame(), replace(HEADLINE, group=None), f"the open table {name}", name, (),
               bytes_per_token=table.bytes_per_token)
