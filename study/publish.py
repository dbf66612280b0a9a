"""The published edition of the report: `study publish` copies the rendered pages and PDFs to report/published/ with a manifest.

The manifest holds the commit the edition was rendered from, the sha256 of each file, and one sha256 over everything that the
edition is made of, so that `make release-check` sees when the sources or the records have moved on.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from study import provenance
from study.errors import StudyError
from study.record import write_json

EDITION = Path("report") / "published"
MANIFEST = EDITION / "manifest.json"
SOURCES = ("report", "study", "runs", "_quarto.yml", "requirements.lock")


class PublishError(StudyError):
    """There is nothing to publish, or not from here; or the edition is not that of the sources."""


def sources(root: Path) -> Iterator[Path]:
    """Every file that an edition is made of, sorted; no cache, no checkpoint, no edition, no unfinished run."""
    for name in SOURCES:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            inside = path.relative_to(root)
            hidden = any(part.startswith((".", "__pycache__")) or part.endswith("_files") for part in inside.parts)
            if path.is_file() and not hidden and EDITION not in inside.parents:
                yield path


def files(root: Path) -> list[str]:
    """The names of the files of an edition: a page and a PDF an article."""
    return [f"{path.stem}.{suffix}" for path in sorted((root / "report").glob("[!_.]*.qmd")) for suffix in ("html", "pdf")]


def content_sha256(root: Path) -> str:
    """sha256 over the names and bytes of `sources`."""
    digest = hashlib.sha256()
    for path in sources(root):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def edition(root: Path) -> dict[str, Any]:
    """The manifest of the edition, whose files are the ones it names.

    Raises:
        PublishError: there is no edition, or one of its files is missing or another.
    """
    try:
        manifest: dict[str, Any] = json.loads((root / MANIFEST).read_text())
        kept = {name: _sha256(root / EDITION / name) for name in manifest["files"]}
        if kept != manifest["files"]:
            raise PublishError("the edition's files are not those of its manifest: run `make publish` and commit the edition")
    except (OSError, ValueError, KeyError) as error:
        raise PublishError(f"no whole edition is there ({error}): run `make publish` and commit the edition") from None
    return manifest


def check(root: Path) -> str:
    """The commit that the edition was rendered from, where the sources are still those of that commit.

    Raises:
        PublishError: as `edition`, or the sources or the records have changed since.
    """
    manifest = edition(root)
    if manifest["content_sha256"] != content_sha256(root):
        raise PublishError(f"the sources or the records changed after the edition of commit {manifest['commit'][:7]}: "
                           "run `make publish` and commit the edition")
    return str(manifest["commit"])


def publish(root: Path, rendered: Path) -> Path:
    """Copy the pages and PDFs of `rendered` to report/published/ and write the manifest last.

    Raises:
        PublishError: `root` is no checkout, a file is missing, or the checkout has changes that no commit holds.
    """
    names = files(root)
    if not names:
        raise PublishError(f"{root} holds no report: run this in the root of a checkout")
    if missing := [name for name in names if not (rendered / name).is_file()]:
        raise PublishError(f"{rendered} holds no {' and no '.join(missing)}: render first")
    commit, dirty = provenance.state_of(root, *SOURCES, f":!{EDITION.as_posix()}")
    if dirty:
        raise PublishError(f"{', '.join(SOURCES[:-1])} or {SOURCES[-1]} has changes: commit them, so that the manifest can name "
                           "what was rendered")
    (root / EDITION).mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(rendered / name, root / EDITION / name)
    kept = {name: _sha256(root / EDITION / name) for name in names}
    body = {"commit": commit, "content_sha256": content_sha256(root), "files": kept}
    write_json(root / MANIFEST, body)
    return root / MANIFEST


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
