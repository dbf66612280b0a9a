"""`study plan`: memory, seconds, dollars and makespan of a grid on a device."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    grid: Annotated[str, typer.Option(help="The grid to plan, such as lab01, gpu or cpu.")],
    device: Annotated[str, typer.Option(help="a100, h100, h200, ... (study/cost.py), or a name with --peak and --memory.")],
    count: Annotated[int, typer.Option(min=1, help="Devices; each run has one.")] = 1,
    price: Annotated[float | None, typer.Option(min=0, help="Dollars a device-hour: what you are charged.")] = None,
    mfu: Annotated[float | None, typer.Option(
        min=0.001, max=1, help="Share of the peak reached (default: as measured in runs/bench/gpu.json, else 0.35).")] = None,
    peak: Annotated[float | None, typer.Option(help="TFLOP/s, in place of the data sheet's.")] = None,
    memory: Annotated[float | None, typer.Option(help="GB, in place of the data sheet's.")] = None,
    runs: Annotated[Path, typer.Option(help="Where bench/gpu.json is.")] = Path("runs"),
) -> None:
    """Estimate what a grid would take on a device: memory of each run, hours, dollars, and the time until the last run ends.

    Example: `study plan --grid lab01 --device h100 --count 8 --price 2.5`
    """
    from rich.console import Console
    from rich.table import Table

    from study import cost
    from study.fit.words import count as size
    from study.grids import grid as named

    on = cost.device(device, peak=None if peak is None else peak * 1e12, memory=None if memory is None else memory * 1e9)
    share, share_from = (mfu, "given") if mfu is not None else cost.measured_mfu(runs / "bench" / "gpu.json", on)
    chosen = named(grid)
    made = cost.plan(chosen, on, count, price=price, mfu=share)
    console = Console(highlight=False, soft_wrap=True)
    view = Table("run", title=f"grid {made.grid} on {count} x {on.name}; GB with activations, micro-batch in tokens",
                 title_justify="left", box=None, padding=(0, 1, 0, 0))
    for heading in ("N", "D", "FLOP", "GB", "micro", "hours", "dollars"):
        view.add_column(heading, justify="right", no_wrap=True)
    for run in made.runs:
        need = run.memory
        view.add_row(run.run_id, size(run.N), size(run.D), f"{run.flops:.2e}", f"{need.total / 1e9:.1f}", str(run.micro_batch),
                     *(("no", "") if run.reason else
                       (f"{run.seconds / 3600:.2f}", "" if price is None else f"{run.dollars:.2f}")))
    console.print(view)
    for run in made.runs:
        if run.reason:
            console.print(f"{run.run_id} does not fit: {run.reason}")
    spent = "" if made.dollars is None else f", {made.dollars:.2f} dollars at {price:g} a device-hour (given)"
    console.print(f"{made.device_hours:.2f} device-hours{spent}; makespan {made.makespan / 3600:.2f} h, longest first, "
                  f"against a lower bound of {made.lower_bound / 3600:.2f} h")
    precision = chosen.cells[0].config.precision
    console.print(f"peak {on.peak(precision) / 1e12:.4g} TFLOP/s in {precision}, {on.memory / 1e9:.0f} GB ({on.source}); "
                  f"{share:.0%} of it reached ({share_from}); FLOPs are exact, evaluations included; {cost.SET_UP_SECONDS:.0f} s "
                  "of set-up a run")
    if any(run.reason for run in made.runs):
        raise typer.Exit(1)
