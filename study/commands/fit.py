"""`study fit`: the posterior of L(N, D) from a user's table or a grid's records, and what it says about a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.fit.reading.sizes import SIZE, check_positive

if TYPE_CHECKING:
    from rich.console import Console

    from study.fit.job import Job

GROUPINGS = ("auto", "width", "budget", "run", "none")


def command(
    table: Annotated[Path | None, typer.Argument(help="A table of runs: N, D, loss, or C in place of N or D. CSV of "
                                                      "any separator, JSON lines, Parquet, XLSX, gzip, or - for "
                                                      "standard input.", show_default=False)] = None,
    grid: Annotated[str | None, typer.Option(help="Fit a grid's records in place of a table.")] = None,
    runs: Annotated[Path, typer.Option(help="Where the grid's records are.")] = Path("runs"),
    predict_n: Annotated[float, typer.Option(
        help="Model size whose compute-optimal tokens are asked for.", show_default="1B", **SIZE)] = 1e9,
    predict_c: Annotated[float, typer.Option(
        help="Compute, FLOP (6 N D), whose optimal size and tokens are asked for.", **SIZE)] = 5.76e23,
    inference_tokens: Annotated[float | None, typer.Option(
        help="Tokens to be served: also find the size of least training plus inference FLOPs.", show_default=False, **SIZE)] = None,
    overtrain: Annotated[float | None, typer.Option(
        help="Tokens a parameter: also say what such a model costs at --predict-c, in loss and in compute.",
        show_default=False, **SIZE)] = None,
    bytes_per_token: Annotated[float | None, typer.Option(
        help="Bytes of text a token; 4.3 where neither this nor the table says.")] = None,
    drop_highest: Annotated[int, typer.Option(help="Leave out this many of the highest losses; they are listed.")] = 0,
    columns: Annotated[str, typer.Option(help="Which column is which: N=size,loss=c4_loss; a product too, D=steps*0.5M.")] = "",
    loss_unit: Annotated[str, typer.Option(help="nats or bits (a token), bits-per-byte, nats-per-byte or perplexity. By default "
                                                "what the header says, else nats.", show_default=False)] = "",
    rows: Annotated[str, typer.Option(
        help="Which rows are runs. auto: exact repeats count once, of a run's checkpoints the last does, repeated text is set "
             "apart; best: the same, and the lowest loss of each (N, D); all.")] = "auto",
    group: Annotated[str, typer.Option(help="Which runs share an error: those of one width, budget (a column, or nine bins of "
                                            "log C) or run; none; auto: width where there is such a column.")] = "auto",
    prior: Annotated[str, typer.Option(
        help="default, or atlas: also fit the same runs with the open tables as the prior.")] = "default",
    out: Annotated[Path | None, typer.Option(
        help="Folder of what is written; build/fit/NAME by default.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all sampling.")] = 0,
) -> None:
    """Fit L(N, D) = E + A/N^alpha + B/D^beta and say how many tokens a model should see, with intervals, and what to doubt.

    Writes fit.json (verdict, posterior, Huber and curve_fit parameters, answers, tests), posterior.nc, iso-flop.png and
    prediction.md; for a grid also runs.csv.

    Example: `study fit runs.csv --predict-n 1B --out build/fit/mine`
    """
    from rich.console import Console

    job = _job(table, grid, runs, predict_n, predict_c, inference_tokens, overtrain, bytes_per_token, drop_highest, columns,
               loss_unit, rows, group, out, seed)
    _report(job, prior, Console())


def _job(table: Path | None, grid: str | None, runs: Path, predict_n: float, predict_c: float, inference_tokens: float | None,
         overtrain: float | None, bytes_per_token: float | None, drop_highest: int, columns: str, loss_unit: str, rows: str,
         group: str, out: Path | None, seed: int) -> "Job":
    from study.errors import StudyError

    if (table is None) == (grid is None):
        raise StudyError("give a table of runs or --grid NAME, one of the two: study fit runs.csv")
    if group not in GROUPINGS:
        raise StudyError(f"unknown --group {group!r}: one of {', '.join(GROUPINGS)}")
    check_positive(predict_n=predict_n, predict_c=predict_c, bytes_per_token=bytes_per_token, inference_tokens=inference_tokens,
                   overtrain=overtrain)

    from study.fit import job as fit

    job = fit.job_of(table, grid, runs, columns=columns, group=group, drop_highest=drop_highest, rows=rows, loss_unit=loss_unit,
                     bytes_per_token=bytes_per_token)
    return fit.complete(job, predict_n, predict_c, bytes_per_token, out, seed, inference_tokens, overtrain)


def _report(job: "Job", prior: str, console: "Console") -> None:
    from rich.table import Table

    from study.errors import StudyError
    from study.fit import beside, words
    from study.fit.run import run
    from study.inference.answers import summarise
    from study.inference.digits import estimate

    for line in job.notes:
        console.print(line, highlight=False, markup=False)
    if prior not in beside.PRIORS:
        raise StudyError(f"unknown --prior {prior!r}: one of {', '.join(beside.PRIORS)}")
    with console.status("") as status:
        other = beside.fit_beside(job) if prior == "atlas" else None
        result = run(job, lambda step: status.update(f"{step} ..."))
        if other is not None:
            beside.add(job, result, other)
    posterior, argument = result.fits.posterior, result.argument
    console.print(f"{'' if argument.trusted else 'warning: '}{argument.verdict}", highlight=False, markup=False,
                  style="bold" if argument.trusted else "bold red")
    view = Table("", "law", "as a new experiment would measure it", title_justify="left",
                 title=f"{len(posterior.rows)} runs, 95 % intervals, by {result.fits.method}")
    at_N, at_C = result.answers.at_N, result.answers.at_C
    N, C = words.count(job.predict_n), words.scientific(job.predict_c)
    for name, draws, predicted, form in (
        (f"D_opt({N}), tokens", at_N.D, at_N.predictive_D, words.count),
        ("tokens a parameter there", at_N.D / at_N.N, at_N.predictive_D / at_N.predictive_N, words.plain),
        (f"N_opt({C} FLOP)", at_C.N, at_C.predictive_N, words.count),
        (f"D_opt({C} FLOP), tokens", at_C.D, at_C.predictive_D, words.count),
    ):
        view.add_row(name, *(words.with_interval(estimate(posterior, values), form) for values in (draws, predicted)))
    view.add_row("a, of N_opt = G (C/6)^a", words.with_interval(estimate(posterior, posterior.draws.a), words.decimals), "")
    if argument.widened is not None:
        view.add_row(f"D_opt({N}), widened", words.with_interval(summarise(argument.widened), words.roughly), "")
    if result.serving is not None:
        served = words.count(result.serving.inference_tokens)
        for name, draws in (("N", result.serving.N), ("D", result.serving.D)):
            view.add_row(f"{name}, with {served} served", words.with_interval(estimate(posterior, draws)), "")
    if (over := result.overtrained) is not None:
        above = words.with_interval(summarise(over.loss_above), words.short)
        view.add_row(f"loss at {words.plain(over.ratio)} tokens a parameter", f"+{above} nats", "")
        view.add_row("compute over the optimum's", words.with_interval(summarise(over.compute), words.short), "")
    if other is not None:
        informed = other.posterior
        view.add_row(f"D_opt({N}), atlas prior", words.with_interval(estimate(informed, other.answers.at_N.D)),
                     words.with_interval(estimate(informed, other.answers.at_N.predictive_D)))
    console.print(view)
    for warning in (*(doubt.text for doubt in argument.doubts), *result.fits.warnings):
        console.print(f"warning: {warning}", highlight=False, markup=False)
    console.print(f"wrote {', '.join(result.files)} to {job.out}", highlight=False, soft_wrap=True)
