"""The one archive a kit leaves, and how its records come into `runs`: nothing is believed that is not checked."""

import hashlib
import io
import json
import re
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.data.sizes import CORPUS_SHA256
from study.kit.streams import KitError
from study.record import RecordError, RunRecord, read_record, run_directory, write_atomic

MEMBER = re.compile(r"(?:kit|log|manifest)\.json|[a-z0-9-]+/[A-Za-z0-9.-]+/(?:record\.json|curve\.csv)")
LARGEST, MOST = 2**22, 2000  # bytes of a member, members


def write_archive(path: Path, work: Path, kit: dict[str, Any], log: dict[str, Any]) -> None:
    """Write the finished records under `work`, their kit, a log and the sha256 of each to `path`, whole or not at all."""
    members = {"kit.json": _json(kit), "log.json": _json(log)}
    for record in sorted(work.glob("*/*/record.json")):
        members |= {str(each.relative_to(work)): each.read_bytes() for each in (record, record.with_name("curve.csv"))}
    members["manifest.json"] = _json({name: hashlib.sha256(body).hexdigest() for name, body in members.items()})
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for name, body in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    write_atomic(path, whole.getvalue())


def read_archive(path: Path) -> dict[str, bytes]:
    """The members of an archive, each with the sha256 that its manifest says.

    Raises:
        KitError: it is no archive of a kit, cut short, or a member is a link, misnamed, too large or changed.
    """
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as tar:
            for entry in tar:
                if not entry.isfile() or not MEMBER.fullmatch(entry.name) or ".." in entry.name or entry.name in members:
                    raise KitError(f"{path} holds {entry.name!r}, which no kit writes: nothing was unpacked")
                if entry.size > LARGEST or len(members) >= MOST:
                    raise KitError(f"{path} is larger than a kit's archive: nothing was unpacked")
                file = tar.extractfile(entry)
                members[entry.name] = file.read() if file else b""
        manifest = json.loads(members.pop("manifest.json"))
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError, KeyError) as error:
        raise KitError(f"{path} is not a whole archive of a kit ({error}): fetch it again") from None
    if manifest != {name: hashlib.sha256(body).hexdigest() for name, body in members.items()} or "kit.json" not in members:
        raise KitError(f"{path} was changed on its way: fetch it again")
    return members


def unpack(path: Path, kit: Path, runs: Path, *, known: Mapping[str, str] = CORPUS_SHA256) -> list[RunRecord]:
    """Check every record of an archive against the kit that was packed here, then put those that are new under `runs`.

    `known` gives the sha256 of each corpus. All are written or, where one does not belong, none.

    Raises:
        KitError: see `read_archive`; the archive is of another kit, or a record of none of its runs or of another text.
        RecordError: another record of the run stands there already.
    """
    members = read_archive(path)
    try:
        sent = json.loads((kit / "kit.json").read_text())
    except (OSError, ValueError) as error:
        raise KitError(f"{kit} holds no kit ({error}): name the folder that was sent with --folder") from None
    if json.loads(members["kit.json"]) != sent:
        raise KitError(f"{path} is of another kit than {kit}: name the folder that was sent with --folder")
    asked = {(cell["grid"], json.dumps(cell["config"], sort_keys=True)) for cell in sent["cells"]}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, body in members.items():
            if "/" in name:
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / name).write_bytes(body)
        for file in sorted(Path(folder).glob("*/*/record.json")):
            grid, record = file.parent.parent.name, read_record(file.parent)
            if (grid, json.dumps(record.config.to_dict(), sort_keys=True)) not in asked:
                raise KitError(f"{path} holds {record.run_id} of {grid}, which was not asked for: nothing was unpacked")
            if record.provenance.corpus_sha256 != known.get(record.config.corpus):
                raise KitError(f"{record.run_id} was trained on another {record.config.corpus}: nothing was unpacked")
            found.append((grid, file.parent, record))
        new = [(grid, source, record) for grid, source, record in found if not _there(runs, grid, source, record)]
        for grid, source, record in new:
            target = run_directory(runs, grid, record.run_id)
            target.mkdir(parents=True, exist_ok=True)
            for each in ("curve.csv", "record.json"):  # the record last: its presence means that the run is whole
                write_atomic(target / each, (source / each).read_bytes())
    return [record for _, _, record in new]


def _there(runs: Path, grid: str, source: Path, record: RunRecord) -> bool:
    """Whether the same record stands there already."""
    here = run_directory(runs, grid, record.run_id)
    if not (here / "record.json").exists():
        return False
    if any((here / each).read_bytes() != (source / each).read_bytes() for each in ("record.json", "curve.csv")):
        raise RecordError(f"{here} already holds another record: records are written once")
    return True


def _json(body: dict[str, Any]) -> bytes:
    return (json.dumps(body, indent=1) + "\n").encode()
