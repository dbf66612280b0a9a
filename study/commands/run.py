"""`study run`: train a grid."""

import os
from pathlib import Path
from typing import Annotated

import typer


def command(
    grid: Annotated[str, typer.Option(help="The grid to train: quick, sweep, cpu, lab01, gpu.")],
    workers: Annotated[int, typer.Option(min=1, help="Worker processes (default: one a core).")] = os.cpu_count() or 1,
    runs: Annotated[Path, typer.Option(help="Where records go: RUNS/GRID/RUN_ID/.")] = Path("runs"),
    only: Annotated[list[str] | None, typer.Option(help="Train only this run_id (repeatable).")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps or auto.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads of compute a worker; changes bits, and is recorded.")] = 1,
    price: Annotated[float | None, typer.Option(min=0, help="Dollars an hour of one worker, for the records.")] = None,
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Seconds between checkpoints.")] = 120.0,
) -> None:
    """Train every run of a grid that has no record yet. Resuming is the default: run the same command again.

    Example: `study run --grid quick --workers 2`
    """
    from rich.console import Console

    from study.data.tokens import encode_for, prepare
    from study.grids import grid as named
    from study.launch.local import Options, run_grid, writable

    console, chosen = Console(), named(grid)
    writable(runs / chosen.name)
    prepare(chosen.corpus, progress=True)  # before any worker starts: a bad download is said once, at once
    for name in sorted({cell.config.ood_corpus for cell in chosen.cells} - {""}):
        encode_for(name, chosen.corpus, progress=True)
    state = run_grid(chosen, runs, Options(workers, threads, device, price, checkpoint_seconds), only=only or (), console=console)
    unfinished = len([r for r in state.done.values() if r.status != "complete"])
    console.print(f"{len(state.done)} of {len(chosen.cells)} runs of {grid} recorded in {runs / grid}"
                  + (f", {unfinished} of them diverged or failed" if unfinished else ""), highlight=False)
