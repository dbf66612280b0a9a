"""`study archive`: one file to deposit."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    out: Annotated[Path, typer.Option(help="Folder of the archive.")] = Path("build/archive"),
) -> None:
    """Pack every file of the commit, its published edition included, with their sha256, into one ZIP to deposit.

    Run it in the project's root, after `study publish` and the commit of the edition.

    Example: `study archive --out build/archive`
    """
    from study.archive import archive

    path = archive(Path.cwd(), out)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
