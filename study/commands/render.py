"""`study render`: the articles of the report as HTML and PDF."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from study.errors import StudyError


def command(
    articles: Annotated[list[str] | None, typer.Argument(metavar="[ARTICLE]...", help="Names as in report/: index, kaplan ...",
                                                         show_default="all")] = None,
    to: Annotated[str, typer.Option("--to", help="Formats, separated by commas: html, pdf.")] = "html,pdf",
    out: Annotated[Path | None, typer.Option("--out", help="Output folder in place of the one in _quarto.yml.")] = None,
    embedded: Annotated[bool, typer.Option("--embedded", help="Use the embedded renderer even where Quarto is installed.")] = False,
) -> None:
    """Run every cell of the articles and write `_site/report/ARTICLE.html` and `.pdf`.

    Quarto renders where it is on PATH, else the embedded renderer does, two articles at a time. STUDY_GRID (default cpu3)
    and STUDY_RUNS (default runs) choose whose records the report reads. Exit code 1 when an article does not render;
    nothing of this render is then left in the output folder.

    Example: `study render index --to html`
    """
    formats = tuple(dict.fromkeys(part.strip() for part in to.split(",") if part.strip()))
    if not formats or not {"html", "pdf"}.issuperset(formats):
        raise StudyError(f"--to {to}: give html, pdf or html,pdf")
    from study.render.external import quarto_path, render_with_quarto
    from study.render.source import RenderError

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    quarto, named = None if embedded else quarto_path(), tuple(articles or ())
    try:
        written = (render_with_quarto(quarto, Path.cwd(), formats, out, named) if quarto else _embedded(formats, out, named))
    except RenderError as error:
        errors.print(f"[bold]study:[/bold] {escape(str(error))}")
        raise typer.Exit(1) from None
    for path in written:
        typer.echo(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _embedded(formats: tuple[str, ...], out: Path | None, articles: tuple[str, ...]) -> list[Path]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from study.render.project import render

    columns = (TextColumn("{task.fields[article]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(article: str, done: int, total: int, what: str) -> None:
            if article not in tasks:
                tasks[article] = bar.add_task("starting", total=total, article=article)
            description = escape(what) if done < total else "setting the pages"
            bar.update(tasks[article], completed=done, total=total, description=description)

        return render(Path.cwd(), formats, out.resolve() if out else None, progress=show, articles=articles)
