"""`study atlas`: every open table of runs alone, together and left out, into runs/published/atlas/ and the package's prior."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def command(
    what: Annotated[Literal["tables", "alone", "together", "leave-out", "target", "joint", "calibrate"],
                    typer.Argument(help="tables: what can be had; alone: each table; together: the population and the prior; "
                                        "leave-out: each laboratory predicted by the others; target: the tokens for 10^9 "
                                        "parameters from this study's runs and the others'; joint: three tables in one NUTS; "
                                        "calibrate: simulated atlases.")],
    out: Annotated[Path, typer.Option(help="Where the records go.")] = Path("runs/published/atlas"),
    runs: Annotated[Path, typer.Option(help="This study's own records.")] = Path("runs"),
    atlases: Annotated[int, typer.Option(min=1, help="calibrate: atlases to simulate; those done are kept.")] = 200,
) -> None:
    """Fit every open table of runs, alone and in one population, and record what it says of a study nobody has seen.

    A table that cannot be had or converted is left out by name. `together` needs ten minutes, `calibrate` an hour.

    Example: `study atlas together`
    """
    import warnings

    from rich.console import Console

    from study.atlas import records
    from study.atlas.calibration import calibrate_population
    from study.atlas.tables import gather

    warnings.simplefilter("ignore", FutureWarning)  # arviz announces its 1.0
    console, errors = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False)
    if what == "tables":
        tables, left_out = gather(runs)
        for name, table in tables.items():
            console.print(f"{name}: {len(table.rows)} runs, {table.entry.laboratory}{'' if table.entry.pooled else ', not pooled'}")
        for name, reason in left_out.items():
            console.print(f"left out {name}: {reason}")
        return
    with errors.status("") as status:
        def say(line: str) -> None:
            status.update(f"{line} ...")

        if what == "calibrate":
            paths = [calibrate_population(out, atlases, say)]
        else:
            record = {"alone": records.record_alone, "together": records.record_together, "joint": records.record_joint,
                      "leave-out": records.record_leave_out, "target": records.record_target}
            paths = record[what](out, runs, say)
    for path in paths:
        console.print(f"wrote {path}")
