"""`study published`: fit other people's tables and record the fits."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    runs: Annotated[Path, typer.Option("--runs", help="Folder of records; the fits go to published/ in it.")] = Path("runs"),
) -> None:
    """Fit Chinchilla's points and those of Muennighoff et al., and record the fits for renders without the tables.

    Chinchilla's by every method, the others by the law of repeated data. It takes two minutes.

    Example: `study published`
    """
    from dataclasses import asdict

    from study.analysis import published_fits, repeated
    from study.record import write_json

    bodies = {"published/chinchilla.json": published_fits.body(published_fits.fit_chinchilla()),
              str(repeated.PATH): asdict(repeated.fit_published())}
    for name, body in bodies.items():
        path = runs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, body)
        typer.echo(path)
