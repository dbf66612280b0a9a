"""`study predict`: what the fitted runs of a grid say of its held-out ones, before these are trained."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    grid: Annotated[str, typer.Option(help="The grid whose held-out runs are predicted.")],
    source: Annotated[str | None, typer.Option(
        "--from", help="Fit this grid's runs instead, and predict all runs of --grid.")] = None,
    budget: Annotated[float | None, typer.Option(
        "--at", help="Predict the runs of this budget, in FLOP, from the fitted runs of smaller ones: 1e13.")] = None,
    runs: Annotated[Path, typer.Option(help="Where its records are.")] = Path("runs"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of all sampling.")] = 0,
) -> None:
    """Fit each law to a grid's fit split and write the losses that it predicts of the held-out runs to runs/predictions/GRID.json.

    Of runs that go through their data more than once, as those of `go`, the early-stopped loss is predicted.

    Commit the file, then train the held-out runs: a prediction is refused when one of them is there already. With --from,
    the runs of a larger grid are predicted from those of a smaller one: `study predict --grid gpu-mini --from cpu3`.
    With --at, those runs of one budget that are not trained yet are predicted from the fitted runs of smaller ones, of --from
    or of the grid itself, to runs/predictions/GRID-BUDGET.json.

    Example: `study predict --grid cpu3`
    """
    from rich.console import Console
    from rich.table import Table

    from study.grids import grid as named
    from study.predictions import MIXTURE, predict, read_prediction

    chosen = named(grid)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"fitting the runs of {source or grid} under every law: a minute or two")
    path = predict(chosen, runs, seed=seed, source=named(source) if source else None, budget=budget)
    prediction = read_prediction(runs, chosen.name, budget) or {}
    shown = Table("run", title=f"predicted losses of {chosen.name}, nats/token", title_justify="left")
    models = (next(iter(prediction["models"])), MIXTURE)
    for model in models:
        shown.add_column(f"{model}, 95 %", justify="right")
    for run_id, body in prediction["runs"].items():
        cells = (f"{body[m]['median']:.3f} [{body[m]['95'][0]:.3f}, {body[m]['95'][1]:.3f}]" for m in models)
        shown.add_row(run_id, *cells)
    console.print(shown)
    console.print(f"written to {path}: commit it before the runs")
