"""`study publish`: the published edition of the report."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    rendered: Annotated[Path, typer.Option(help="Folder of the rendered pages and PDFs.")] = Path("_site/report"),
    check: Annotated[bool, typer.Option("--check", help="Publish nothing; leave with exit code 2 where the sources or records "
                                                        "changed after the edition.")] = False,
) -> None:
    """Copy the rendered articles to `report/published/`, with a manifest that names the commit they were rendered from.

    Run it in the project's root, after `study render`; commit the edition alone.

    Example: `study publish --check`
    """
    from study import publish

    root = Path.cwd()
    if check:
        commit = publish.check(root)
        typer.echo(f"{publish.EDITION} is of these sources and records: rendered from commit {commit[:7]}")
    else:
        typer.echo(publish.publish(root, rendered).relative_to(root))
