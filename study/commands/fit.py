"""`study fit`: the posterior of L(N, D) from a user's table or a grid's records, and what it says about a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from study.fit.job import Job

GROUPINGS = ("auto", "width", "budget", "none")


def command(
    table: Annotated[Path | None, typer.Argument(help="A CSV of runs: columns N, D, loss (or params, tokens, val_loss; flops "
                                                      "or C in place of D).", show_default=False)] = None,
    grid: Annotated[str | None, typer.Option(help="Fit a grid's records in place of a table.")] = None,
    runs: Annotated[Path, typer.Option(help="Where the grid's records are.")] = Path("runs"),
    predict_n: Annotated[float, typer.Option(help="Parameters to find the tokens for.")] = 1e9,
    predict_c: Annotated[float, typer.Option(help="FLOP (6 N D) to find the model and the tokens for.")] = 5.76e23,
    bytes_per_token: Annotated[float | None, typer.Option(help="Bytes of text a token: 4.3 for a table that does not say.")] = None,
    drop_highest: Annotated[int, typer.Option(help="Leave out so many of the highest losses; they are listed.")] = 0,
    columns: Annotated[str, typer.Option(help="Names of the columns: N=params,D=tokens,loss=val_loss.")] = "",
    group: Annotated[str, typer.Option(help="What runs share an error: auto (their width, where a column says it), width, "
                                            "budget (a column, or nine bins of log C) or none.")] = "auto",
    prior: Annotated[str, typer.Option(help="default; or atlas: beside it, the same runs with every open study as the prior.")
                     ] = "default",
    out: Annotated[Path | None, typer.Option(help="Where to write; build/fit/NAME by default.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all sampling.")] = 0,
) -> None:
    """Fit L(N, D) = E + A/N^alpha + B/D^beta and say how many tokens a model should see, with intervals.

    Writes fit.json (posterior, Huber and curve_fit parameters, answers), posterior.nc, iso-flop.png and prediction.md; for a
    grid also runs.csv.

    Example: `study fit runs.csv --predict-n 1e9 --out build/fit/mine`
    """
    from rich.console import Console

    job = _job(table, grid, runs, predict_n, predict_c, bytes_per_token, drop_highest, columns, group, out, seed)
    _report(job, prior, Console())


def _job(table: Path | None, grid: str | None, runs: Path, predict_n: float, predict_c: float, bytes_per_token: float | None,
         drop_highest: int, columns: str, group: str, out: Path | None, seed: int) -> "Job":
    from study.errors import StudyError

    if (table is None) == (grid is None):
        raise StudyError("give a table of runs or --grid NAME, one of the two: study fit runs.csv")
    if group not in GROUPINGS:
        raise StudyError(f"unknown --group {group!r}: one of {', '.join(GROUPINGS)}")
    for option, value in (("--predict-n", predict_n), ("--predict-c", predict_c), ("--bytes-per-token", bytes_per_token)):
        if value is not None and not 0 < value < 1e100:
            raise StudyError(f"{option} must be a positive finite number, not {value:g}")

    from study.fit import job as fit

    if grid is not None:
        if columns:
            raise StudyError("--columns is for a table: a grid's columns are known")
        job = fit.grid_job(grid, runs, group, drop_highest)
    else:
        assert table is not None
        job = fit.table_job(table, columns, group, drop_highest)
    return fit.complete(job, predict_n, predict_c, bytes_per_token, out, seed)


def _report(job: "Job", prior: str, console: "Console") -> None:
    from rich.table import Table

    from study.errors import StudyError
    from study.fit import beside, prediction
    from study.fit import job as fit
    from study.inference.answers import summarise

    for line in job.notes:
        console.print(line, highlight=False)
    if prior not in beside.PRIORS:
        raise StudyError(f"unknown --prior {prior!r}: one of {', '.join(beside.PRIORS)}")
    with console.status("") as status:
        other = beside.fit_beside(job) if prior == "atlas" else None
        result = fit.run(job, lambda step: status.update(f"{step} ..."))
        if other is not None:
            beside.add(job, result, other)
    view = Table("", "law", "as a new experiment would measure it", title_justify="left",
                 title=f"{len(result.fits.posterior.rows)} runs, 95 % intervals, by {result.fits.method}")
    at_N, at_C = result.answers.at_N, result.answers.at_C
    N, C = prediction.count(job.predict_n), prediction.scientific(job.predict_c)
    for name, draws, predicted, form in (
        (f"D_opt({N}), tokens", at_N.D, at_N.predictive_D, prediction.count),
        ("tokens a parameter there", at_N.D / at_N.N, at_N.predictive_D / at_N.predictive_N, prediction.plain),
        (f"N_opt({C} FLOP)", at_C.N, at_C.predictive_N, prediction.count),
        (f"D_opt({C} FLOP), tokens", at_C.D, at_C.predictive_D, prediction.count),
    ):
        view.add_row(name, *(prediction.with_interval(summarise(values), form) for values in (draws, predicted)))
    exponent = summarise(result.fits.posterior.draws.a)
    view.add_row("a, of N_opt = G (C/6)^a", f"{exponent.median:.3f} [{exponent.ci95[0]:.3f}, {exponent.ci95[1]:.3f}]", "")
    if other is not None:
        view.add_row(f"D_opt({N}), atlas prior", prediction.with_interval(summarise(other.answers.at_N.D)),
                     prediction.with_interval(summarise(other.answers.at_N.predictive_D)))
    console.print(view)
    for warning in result.fits.warnings:
        console.print(f"warning: {warning}", highlight=False)
    console.print(f"wrote {', '.join(result.files)} to {job.out}", highlight=False, soft_wrap=True)
