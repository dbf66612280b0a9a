"""`study published`: fit other people's tables and record the fits."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    runs: Annotated[Path, typer.Option("--runs", help="Folder of records; the fits go to published/ in it.")] = Path("runs"),
) -> None:
    """Fit Chinchilla's points by every method and record the fits, for renders without the table. Takes a minute.

    Example: `study published`
    """
    from study.analysis import published_fits
    from study.record import write_json

    found = published_fits.fit_chinchilla()
    path = runs / "published" / "chinchilla.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, published_fits.body(found))
    typer.echo(path)
