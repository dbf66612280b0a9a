"""The archive for a repository such as Zenodo: every file of a commit, its published edition included, and their sha256.

One ZIP: NAME/... as in the checkout, and NAME/SHA256SUMS, which `sha256sum --check SHA256SUMS` verifies after unpacking.
"""

import hashlib
import io
import subprocess
import time
import zipfile
from pathlib import Path

from study import publish
from study.record import write_atomic

SUMS = "SHA256SUMS"


def archive(root: Path, out: Path) -> Path:
    """Write OUT/study-COMMIT.zip, the same bytes for the same commit, and return its path.

    Raises:
        PublishError: `root` is no checkout, has changes that no commit holds, or its edition is not that of its sources.
    """
    if _git(root, "status", "--porcelain"):
        raise publish.PublishError("the checkout has changes: commit them, so that the archive is that of a commit")
    publish.check(root)
    commit, seconds = _git(root, "show", "--no-patch", "--format=%H %ct").split()
    tracked = sorted(name for name in _git(root, "ls-files", "-z").split("\0") if name)
    committed = time.gmtime(int(seconds))
    stamp = committed.tm_year, committed.tm_mon, committed.tm_mday, committed.tm_hour, committed.tm_min, committed.tm_sec
    name = f"study-{commit[:7]}"

    sums, held = [], io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        for inside in tracked:
            body = (root / inside).read_bytes()
            sums.append(f"{hashlib.sha256(body).hexdigest()}  {inside}\n")
            _add(packed, f"{name}/{inside}", body, stamp, executable=bool((root / inside).stat().st_mode & 0o100))
        _add(packed, f"{name}/{SUMS}", "".join(sums).encode(), stamp)
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / f"{name}.zip", held.getvalue())
    return out / f"{name}.zip"


def _add(packed: zipfile.ZipFile, name: str, body: bytes, stamp: tuple[int, int, int, int, int, int], *,
         executable: bool = False) -> None:
    entry = zipfile.ZipInfo(name, stamp)
    entry.external_attr = (0o100755 if executable else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    packed.writestr(entry, body)


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise publish.PublishError(f"{root} is no checkout of git: an archive is of a commit") from None
    return done.stdout.strip()
