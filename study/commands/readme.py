"""`study readme`: the answer and the picture of README.md."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    grid: Annotated[str | None, typer.Option(help="The grid whose records give the answer (default: the study's own).",
                                             show_default=False)] = None,
    runs: Annotated[Path, typer.Option(help="Where its records are.")] = Path("runs"),
) -> None:
    """Write the answer of README.md, its picture `report/answer.svg` and its numbers `report/answer.json` from the records.

    Run it in the project's root. It fits the headline by NUTS: a minute.

    Example: `study readme`
    """
    from study.analysis.study import load
    from study.grids import MAIN
    from study.readme import update

    for path in update(Path.cwd(), load(grid or MAIN, runs)):
        typer.echo(path)
