"""`study render`: the report as HTML and PDF."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from study.errors import StudyError


def command(
    to: Annotated[str, typer.Option("--to", help="Formats, separated by commas: html, pdf.")] = "html,pdf",
    out: Annotated[Path | None, typer.Option("--out", help="Output folder in place of the one in _quarto.yml.")] = None,
    embedded: Annotated[bool, typer.Option("--embedded", help="Not Quarto, even where it is installed.")] = False,
) -> None:
    """Run every cell of the report and write `_site/report/index.html` and `index.pdf`.

    Quarto renders where it is on PATH, else the embedded renderer does. STUDY_GRID (default cpu) and STUDY_RUNS
    (default runs) choose whose records the report reads. Exit code 1 when the report does not render; nothing is
    then left in the output folder.

    Example: `study render --to html`
    """
    formats = tuple(dict.fromkeys(part.strip() for part in to.split(",") if part.strip()))
    if not formats or not {"html", "pdf"}.issuperset(formats):
        raise StudyError(f"--to {to}: give html, pdf or html,pdf")
    from study.render.external import quarto_path, render_with_quarto
    from study.render.source import RenderError

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    quarto = None if embedded else quarto_path()
    try:
        written = render_with_quarto(quarto, Path.cwd(), formats, out) if quarto else _embedded(formats, out)
    except RenderError as error:
        errors.print(f"[bold]study:[/bold] {escape(str(error))}")
        raise typer.Exit(1) from None
    for path in written:
        typer.echo(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _embedded(formats: tuple[str, ...], out: Path | None) -> list[Path]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from study.render.project import render

    columns = (TextColumn("cells"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=escape(what) if done < total else "setting the pages")

        return render(Path.cwd(), formats, out.resolve() if out else None, progress=show)
