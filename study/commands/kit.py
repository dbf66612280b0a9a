"""`study kit`: train runs on a machine that reaches nothing, for as long as it is lent."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def command(
    what: Annotated[Literal["pack", "unpack"],
                    typer.Argument(help="pack: write the folder to send; unpack: bring its archive in.")],
    archive: Annotated[Path | None, typer.Argument(help="unpack: the records.tar.gz that came back.")] = None,
    grid: Annotated[list[str] | None, typer.Option(
        help="pack: a grid whose runs are sent (repeatable); gpu-mini by default.")] = None,
    folder: Annotated[Path, typer.Option(help="The kit: written by pack, compared with by unpack.")] = Path("build/kit"),
    runs: Annotated[Path, typer.Option(help="Folder of records: pack leaves out what is there, unpack adds to it.")] = Path("runs"),
    limit: Annotated[float, typer.Option(min=0, help="pack: MiB that the folder may take.")] = 48.0,
) -> None:
    """Pack the runs of a grid with their text and code, and bring back what they left.

    On the other machine, which needs python3 with torch and NumPy: `python3 build/kit/run.py --out FOLDER --minutes 9`. It
    measures, trains until the time ends, and leaves one archive of finished records in FOLDER.

    Example: `study kit pack --grid gpu-mini`
    """
    import os

    from rich.console import Console

    from study.data.tokens import prepare
    from study.grids import grid as named
    from study.kit.archive import unpack
    from study.kit.pack import bytes_of, pack
    from study.kit.streams import KitError
    from study.provenance import git_state

    console = Console(highlight=False, soft_wrap=True)
    if what == "pack":
        if git_state()[1]:
            raise KitError("study/ or requirements.lock has uncommitted changes: commit them, records name the commit")
        chosen = [named(name) for name in grid or ["gpu-mini"]]
        body = pack(chosen, folder, lambda name: prepare(name, progress=True), runs=runs, limit=int(limit * 2**20),
                    workers=os.cpu_count() or 1)
        console.print(f"{len(body['cells'])} runs, {bytes_of(folder) / 2**20:.1f} MiB in {folder}")
        for name, corpus in body["corpora"].items():
            train = corpus["streams"]["train"]
            console.print(f"{name}: {train['count']:,} train tokens in {sum(train['sizes']) / 2**20:.1f} MiB")
        console.print(f"there: python3 {folder}/run.py --out FOLDER --minutes 9")
        return
    if archive is None:
        raise KitError("give the archive that came back: study kit unpack records.tar.gz")
    found = unpack(archive, folder, runs)
    console.print(f"{len(found)} new records from {archive}")
    for record in found:
        loss = f"{record.losses['validation'].nats_per_token:.4f} nats" if record.losses else record.reason
        console.print(f"{record.run_id} {record.status}: {loss}, {record.timing.total_wall:.0f} s")
