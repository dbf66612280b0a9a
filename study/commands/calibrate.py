"""`study calibrate`: simulation-based calibration and coverage, into runs/calibration/."""

from pathlib import Path
from typing import Annotated

import typer

HEADINGS = {"mean": "mean rank", "spread": "spread of ranks", "holm": "p (Holm)", "coverage_95": "95 % hold",
            "covered_95": "95 % hold", "log_width_95": "ln width", "factor": "error factor", "decades": "decades beyond"}


def command(
    design: Annotated[str, typer.Option(
        help="Where runs are simulated: at the fit cells of a grid, or 'three': those of lab01.")] = "cpu",
    draws: Annotated[int, typer.Option(
        min=1, help="Simulated studies, each with a truth drawn from the prior; else replicates.")] = 1000,
    target: Annotated[str, typer.Option(
        help="The model: headline, or A (normal noise of constant scale, no group effect).")] = "headline",
    method: Annotated[str, typer.Option(help="fast (importance sampling) or nuts.")] = "fast",
    coverage: Annotated[bool, typer.Option(
        "--coverage", help="Instead: coverage of the posterior's intervals beside the classical ones.")] = False,
    truths: Annotated[bool, typer.Option(
        "--truths", help="Instead: how often intervals hold a truth of each form of the law that the grid's runs allow.")] = False,
    toy: Annotated[bool, typer.Option(
        "--toy", help="Instead: the toy extrapolation, the error of D_opt by its distance; use --draws 100.")] = False,
    out: Annotated[Path, typer.Option(help="Where the study is recorded.")] = Path("runs/calibration"),
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Fit thousands of simulated studies and test whether the posterior ranks the truth as it should.

    Resuming is the default: chunks that are done are kept, and a finished study is only shown.

    Example: `study calibrate --design three --target headline --draws 1000`
    """
    import json
    from collections.abc import Callable
    from functools import partial

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Table

    from study.analysis.other_truths import run_other_truths
    from study.analysis.toy import run_toy
    from study.inference.calibration.runs import run_calibration, run_coverage

    console = Console(highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        intervals = ("method", "quantity", "covered_95", "log_width_95")
        run: Callable[..., Path]
        if toy:
            what, run = "toy extrapolation", partial(run_toy, draws)
            names: tuple[str, ...] = ("noise", "runs", "estimator", "decades", "factor", "covered_95")
        elif truths:
            what, run, names = f"truths on {design}", partial(run_other_truths, design, draws), ("truth", *intervals)
        elif coverage:
            what, run, names = f"coverage on {design}", partial(run_coverage, design, draws), ("scenario", *intervals)
        else:
            what, run = f"{target} on {design} by {method}", partial(run_calibration, design, target, method, draws)
            names = ("quantity", "mean", "spread", "holm", "coverage_95")
        task = bar.add_task(what, total=draws)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        record = run(out, workers=workers, progress=progress)
    body = json.loads(record.read_text())
    simulated = coverage or toy or truths
    rows = body["coverage" if simulated else "tests"]
    shown = Table()
    for name in names:
        text = any(isinstance(row[name], str) for row in rows)
        shown.add_column(HEADINGS.get(name, name), justify="left" if text else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*(_cell(row[name]) for name in names))
    console.print(shown)
    console.print(f"{body['replicates' if simulated else 'draws']} draws, recorded in {record}")
    if failures := body["failures"]:
        console.print(f"failed, kept in the record: {failures if simulated else len(failures)}")


def _cell(value: str | float | None) -> str:
    """None is left empty: a method may have no interval."""
    return "" if value is None else value if isinstance(value, str) else f"{value:.3g}"
