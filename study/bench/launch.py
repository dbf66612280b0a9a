"""What the Ray launcher adds to a run: grids of 125 to 2,000 runs that train nothing."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from study.bench.machine import machine
from study.config import RunConfig
from study.counts import config_counts, exact_flops, six_nd
from study.extras import need
from study.grids.design import Cell, Grid
from study.launch import ray
from study.launch.worker import Options
from study.record import Loss, Provenance, RunRecord, Timing, read_runs

SIZES = (125, 250, 500, 1000, 2000)  # runs of a grid
SLOTS = 2
BASE = RunConfig(corpus="sotu", vocabulary=64, width=16, layers=1, heads=1, tokens=256, batch_tokens=256, learning_rate=0.01,
                 context=32)


def trivial(cell: Cell, options: Options, work: Path, stop: Callable[[], bool]) -> RunRecord:
    """A record of a run that was never trained: all that is left is the launcher's own work."""
    del options, work, stop
    return RunRecord(cell.config, "complete", "", config_counts(cell.config), float(six_nd(cell.config)),
                     float(exact_flops(cell.config)), {"validation": Loss(1.0, 0.1, 1.0, 256)}, (),
                     Timing(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0), Provenance("", False, "", "", "", "", "", "", "", 1, "", "", ""))


def trivial_grid(count: int) -> Grid:
    """`count` runs that differ in their seed."""
    return Grid("trivial", "sotu", tuple(Cell(replace(BASE, seed=seed), "check", "tuning", 1.0) for seed in range(count)))


def bench_launch(*, progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Seconds a run at each number of runs, `SLOTS` at a time, and the exponent of their growth with it.

    The cluster is started before the clock. Exponent 0: the overhead of a run does not depend on how many there are.

    Raises:
        ExtraError: Ray is not installed.
    """
    need("ray", "study bench launch")
    import ray as engine

    facts, rows = machine("ray"), []
    engine.init(address="local", num_cpus=SLOTS, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        for count in (16, *SIZES):  # the first starts the workers
            progress(f"{count} runs")
            with tempfile.TemporaryDirectory() as folder, Path("/dev/null").open("w") as silent:
                start = time.perf_counter()
                ray.run_grid(trivial_grid(count), Path(folder), Options(), console=Console(file=silent), trainer=trivial)
                seconds = time.perf_counter() - start
                recorded = len(read_runs(Path(folder) / "trivial"))
            rows.append({"runs": count, "recorded": recorded, "seconds": seconds, "seconds_per_run": seconds / count})
    finally:
        engine.shutdown()
    measured = rows[1:]
    slope = float(np.polyfit(np.log([row["runs"] for row in measured]), np.log([row["seconds_per_run"] for row in measured]), 1)[0])
    return {"seconds_per_run": measured[-1]["seconds_per_run"], "growth_exponent": slope, "slots": SLOTS, "rows": measured,
            "machine": facts, "about": " ".join((bench_launch.__doc__ or "").split("Raises")[0].split())}
