"""`study verify`: does a rerun reproduce the recorded runs?"""

from pathlib import Path
from typing import Annotated

import typer


def command(
    rerun: Annotated[Path, typer.Argument(help="Records of one grid, e.g. build/reproduce/runs/quick.")],
    against: Annotated[Path, typer.Option(help="The records they are compared with, e.g. runs/quick.")],
    only: Annotated[list[str] | None, typer.Option(help="Compare only this run_id (repeatable).")] = None,
) -> None:
    """Compare two directories of records of one grid, run by run.

    The same CPU model, torch and thread count must give the same bits; another machine, or a GPU, the same losses within 4
    standard deviations between the reference's own seeds. Exit code 1 when a run fails or is missing.

    Example: `study verify build/reproduce/runs/quick --against runs/quick`
    """
    from rich.console import Console
    from rich.table import Table

    from study.errors import StudyError
    from study.record import read_runs
    from study.verify import SAME_BITS, TOLERANCE, WITHIN_NOISE, verify

    sides = []
    for directory in (rerun, against):
        records = read_runs(directory) if directory.is_dir() else []
        if not records:
            raise StudyError(f"{directory} holds no records: give the directory of one grid, runs/<grid>")
        sides.append(records)
    result = verify(*sides, only=only or ())

    console = Console(highlight=False)
    shown = Table(title=f"{rerun} against {against}, validation loss in nats a token", title_justify="left")
    shown.add_column("run", no_wrap=True)
    for heading in ("loss", "reference", "difference"):
        shown.add_column(heading, justify="right")
    shown.add_column("verdict")
    for row in result.comparisons:
        numbers = ("" if value is None else f"{value:{form}}"
                   for value, form in ((row.loss, ".5f"), (row.reference, ".5f"), (row.difference, "+.2g")))
        shown.add_row(row.run_id, *numbers, row.verdict, style=None if row.passed else "red")
    console.print(shown)
    verdicts = [row.verdict for row in result.comparisons]
    failed = sum(not row.passed for row in result.comparisons)
    if result.tolerance is not None:
        console.print(f"tolerance between machines: {TOLERANCE:g} x {result.seed_sd['validation']:.4f} = {result.tolerance:.4f} "
                      f"nats a token, from {result.repeats} degrees of freedom between seeds")
    else:
        console.print("the reference holds no cell with two seeds: only the same bits can be confirmed")
    counts = ((verdicts.count(SAME_BITS), SAME_BITS), (verdicts.count(WITHIN_NOISE), WITHIN_NOISE), (failed, "failed"),
              (len(verdicts) - failed - verdicts.count(SAME_BITS) - verdicts.count(WITHIN_NOISE), "without a reference"))
    runs = "1 run" if len(verdicts) == 1 else f"{len(verdicts)} runs"
    console.print(f"{runs}: " + ", ".join(f"{count} {what}" for count, what in counts if count))
    if not result.passed:
        raise typer.Exit(1)
