"""`study status`: how far a grid is."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from study.grids.design import Grid
    from study.record import RunRecord


def command(
    grid: Annotated[str, typer.Option(help="The grid to look at.")],
    runs: Annotated[Path, typer.Option(help="Where its records are.")] = Path("runs"),
    workers: Annotated[int, typer.Option(min=1, help="Worker processes that the hours left are estimated for.")] = 2,
    price: Annotated[float | None, typer.Option(min=0, help="Dollars an hour of one worker.")] = None,
    log: Annotated[Path | None, typer.Option(help="Also write every point of the recorded runs' curves to this CSV file.")] = None,
) -> None:
    """Count a grid's runs: done, running, diverged or failed, left, with FLOPs, hours and dollars left.

    Example: `study status --grid cpu`; the training log of all runs, `study status --grid go --log combined_training_log.csv`
    """
    from rich.console import Console
    from rich.table import Table

    from study.grids import grid as named
    from study.launch.state import grid_state

    chosen = named(grid)
    state = grid_state(chosen, runs)
    if log is not None:
        _write_log(chosen, state.done, log)
    view = Table("role", title=f"grid {chosen.name} in {runs / chosen.name}", title_justify="left")
    for column in ("complete", "diverged or failed", "running", "left", "FLOP left"):
        view.add_column(column, justify="right")
    for role in dict.fromkeys(cell.role for cell in chosen.cells):
        ids = {cell.config.run_id: cell for cell in chosen.cells if cell.role == role}
        done = [state.done[i] for i in ids if i in state.done]
        complete = sum(record.status == "complete" for record in done)
        flops = sum(state.flops_left_of(cell) for i, cell in ids.items() if i not in state.done)
        view.add_row(role, str(complete), str(len(done) - complete), str(sum(i in state.running for i in ids)),
                     str(len(ids) - len(done)), f"{flops:.2e}")
    console = Console()
    console.print(view)
    for run_id, note in state.running.items():
        console.print(f"{run_id}: step {note['step']:,} of {note['steps']:,}, loss {note['loss']:.3f}, "
                      f"{note['tokens_per_second']:,.0f} tokens/s" if note else f"{run_id}: starting", highlight=False)
    line = f"{len(state.done)} of {len(chosen.cells)} runs done, {state.flops_left:.2e} FLOP left"
    if (speed := state.work_per_second) and state.left:
        hours = state.work_left / speed / workers / 3600
        line += f": {hours:.1f} hours with {workers} workers at {speed / 1e9:.0f} GFLOP/s each, evaluations included"
        line += f", {price * hours * workers:.2f} dollars" if price is not None else ""
    console.print(line, highlight=False)


def _write_log(of: "Grid", records: "Mapping[str, RunRecord]", path: Path) -> None:
    from study.analysis.runs import log_of
    from study.errors import StudyError
    from study.record import write_atomic

    rows = log_of(of, records)
    if rows.empty:
        raise StudyError(f"no complete run of {of.name} is recorded, so there is no log: `study run --grid {of.source}` first")
    try:
        write_atomic(path, rows.to_csv(index=False).encode())
    except OSError as error:
        raise StudyError(f"cannot write {path}: {error.strerror or error}") from None
