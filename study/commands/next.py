"""`study next`: which runs to add to a table or a grid, by what they are expected to tell about D_opt for their price."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.fit.reading.sizes import SIZE, check_positive

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from study.fit.following import Following
    from study.grids.design import Grid


def command(
    table: Annotated[Path | None, typer.Argument(help="A table of runs, as for `study fit`.", show_default=False)] = None,
    grid: Annotated[str | None, typer.Option(help="Choose among a grid's runs that are not done yet.")] = None,
    budget: Annotated[float, typer.Option(
        help="What all added runs may cost together: FLOP (6 N D), or dollars with --price.", **SIZE)] = 1e18,
    price: Annotated[float | None, typer.Option(help="Dollars for 1e18 FLOP.", show_default=False)] = None,
    predict_n: Annotated[float, typer.Option(help="Model size whose D_opt is asked for.", show_default="1B", **SIZE)] = 1e9,
    most: Annotated[int, typer.Option(min=1, help="The most runs to choose.")] = 8,
    replay: Annotated[int, typer.Option(
        min=0, help="Instead of choosing: replay the finished runs from this many random starts, and compare rules of choice.",
        )] = 0,
    columns: Annotated[str, typer.Option(help="Which column is which: N=size,loss=c4_loss; a product too, D=steps*0.5M.")] = "",
    loss_unit: Annotated[str, typer.Option(help="As for `study fit`: nats, bits, bits-per-byte, ... or perplexity.")] = "",
    rows: Annotated[str, typer.Option(help="As for `study fit`: auto, best or all.")] = "auto",
    drop_highest: Annotated[int, typer.Option(min=0, help="Leave out so many of the highest losses.")] = 0,
    bytes_per_token: Annotated[float | None, typer.Option(help="Of the tokenizer.", show_default=False)] = None,
    group: Annotated[str, typer.Option(help="As for `study fit`: auto, width, budget, run or none.")] = "auto",
    runs: Annotated[Path, typer.Option(help="Where the grid's records are.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(
        help="Folder of what is written; build/next/NAME by default.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all sampling.")] = 0,
) -> None:
    """Rank the runs that could be trained next by the expected information about D_opt for their price, and choose a batch.

    Writes next.json and next.png; for a grid also grid.json, the chosen runs as `study run --grid` takes them.

    Example: `study next runs.csv --budget 1e20 --predict-n 7B`
    """
    from rich.console import Console

    from study.commands.fit import GROUPINGS
    from study.errors import StudyError
    from study.fit import following
    from study.fit import job as fit
    from study.grids import grid as named

    if (table is None) == (grid is None):
        raise StudyError("give a table of runs or --grid NAME, one of the two: study next runs.csv --budget 1e20")
    check_positive(budget=budget, price=price, predict_n=predict_n, bytes_per_token=bytes_per_token)
    if group not in GROUPINGS:
        raise StudyError(f"unknown --group {group!r}: one of {', '.join(GROUPINGS)}")
    job = fit.job_of(table, grid, runs, columns=columns, group=group, drop_highest=drop_highest, rows=rows, loss_unit=loss_unit,
                     bytes_per_token=bytes_per_token)
    where = out or Path("build") / "next" / job.name
    job = fit.complete(job, predict_n, 5.76e23, bytes_per_token, where, seed)
    console = Console(highlight=False)
    doubts = (f"{'do not rely on this ranking' if doubt.severe else 'warning'}: {doubt.text}" for doubt in job.doubts)
    for line in (*job.notes, *doubts):
        console.print(line, markup=False)
    if replay:
        with console.status("") as status:
            body = following.prove(job, predict_n, replay, where, lambda step: status.update(f"replaying: {step}"))
        report_replay(body, console)
        return
    chosen = None if grid is None else named(grid)
    planned = None if chosen is None else _left(chosen, runs)
    with console.status("fitting and ranking ..."):
        found = following.follow(job, predict_n, budget, price, most=most, seed=seed, planned=planned)
        files = following.write(found, where, chosen)
    _report(found, console)
    console.print(f"wrote {', '.join(files)} to {where}", soft_wrap=True)
    if grid is not None:
        console.print(f"train them with study run --grid {where / 'grid.json'}", soft_wrap=True)


def _left(grid: "Grid", runs: Path) -> "pd.DataFrame":
    """The grid's planned runs that have no record yet."""
    from study.table import planned, records_of

    done = records_of(grid, runs)
    return planned([cell for cell in grid.planned if cell.config.run_id not in done])


def _report(found: "Following", console: "Console") -> None:
    import numpy as np
    from rich.table import Table

    from study.fit import words
    from study.inference.next_run import LEAST

    now = found.plan.width
    unit = "dollars" if found.priced else "FLOP"
    factor = words.plain(float(np.exp(now)), 2)
    console.print(f"the 95 % interval of D_opt({words.count(found.target)}) spans a factor of {factor} now")
    view = Table("", "N", "D", unit, "spent", "factor then", f"nats per {unit}")
    for order, choice in enumerate(found.plan.choices, 1):
        c, k = found.candidates, choice.index
        view.add_row(str(order), words.count(float(c.N[k])), words.count(float(c.D[k])), words.scientific(float(c.price[k])),
                     words.scientific(choice.spent), words.plain(float(np.exp(choice.width)), 2),
                     words.scientific(choice.information / float(c.price[k]), 2))
    console.print(view)
    why = {"budget": "no other run fits the budget", "runs": "as many as --most, or all there are",
           "information": f"any other would tell less than {LEAST:g} nats"}
    console.print(f"{len(found.plan.choices)} runs: {why[found.plan.ended]}")


def report_replay(body: "dict[str, Any]", console: "Console") -> None:
    """What a replay found: FLOP to each interval score as a share of the own order's, medians over starts."""
    from rich.table import Table

    names = [f"{slack:g}" for slack in body["slack"]]
    view = Table("rule", *(f"{name} x width" for name in names), "width alone", "holds", title_justify="left",
                 title=f"FLOP to an interval score over the own order's, {body['rows']} runs, medians over starts",
                 caption="score: the interval's width, and 40 times its distance from the answer of all runs; width alone: FLOP to "
                         "the width of all runs; holds: the answer is inside at that width", caption_justify="left")
    for rule, found in body["rules"].items():
        shares = (found["to"][name]["median_share_of_own_order"] for name in names)
        alone, held = found["to_width"]["1"]["median_share_of_own_order"], found["held_at_width"]
        view.add_row(f"{rule} ({found['starts']})", *("never" if share is None else f"{share:.2f}" for share in (*shares, alone)),
                     "" if held is None else f"{held:.0%}")
    known = (body["known_law"].get(name) for name in names)
    view.add_row("with the law known", *("" if share is None else f"{share:.2f}" for share in known), "", "")
    console.print(view)
