"""A published table's file: had from a local folder or fetched once, verified by sha256, parsed.

`STUDY_PUBLISHED` may name a folder that holds the files as <owner>__<repository>/<path>; it is then the only place looked at.
Otherwise the file is fetched from its repository at a pinned commit into $STUDY_CACHE/published, by default the user's cache
(`~/.cache/study/published` on Linux). No pickle is loaded: a table that its authors published as a pickle alone has no origin
and comes from the folder.
"""

import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pooch

from study.errors import StudyError
from study.published.entry import Entry

RAW = "https://raw.githubusercontent.com"
PATIENCE = 5.0  # seconds for a host's first answer, name look-up included

Parser = Callable[[bytes], pd.DataFrame]


class PublishedError(StudyError):
    """A published table that does not exist, or whose bytes are not the ones that were named."""


class UnavailableError(PublishedError):
    """A table that cannot be had on this machine: its host cannot be reached, or it needs a folder that was not named."""


@dataclass(frozen=True)
class File:
    """A file that holds a table, and how it is read."""

    repository: str  # owner/name on GitHub
    commit: str
    path: str  # in the repository; derived/...: extracted from it, in a local folder only
    sha256: str
    parse: Parser

    @property
    def url(self) -> str:
        """Where the repository serves it."""
        return f"{RAW}/{self.repository}/{self.commit}/{self.path}"

    @property
    def local(self) -> Path:
        """Its path below the folder that STUDY_PUBLISHED names."""
        return Path(self.repository.replace("/", "__")) / self.path


@dataclass(frozen=True)
class PublishedTable:
    """One table: its files, what may be done with it, whom to cite, and what its numbers mean."""

    name: str
    origin: File | None  # as its authors published it; None: in no one file that can be read, see `why_local`
    folder: File  # in a local folder: the same file, or the table extracted from it
    licence: str
    citation: str
    columns: str  # with units
    N_counts: str  # the parameters that N counts
    loss_unit: str
    corpus: str
    vocabulary: int  # entries of the tokenizer
    recipe: str  # the schedule, and what else a comparison of losses rests on
    entries: tuple[Entry, ...] = ()  # of the atlas
    why_local: str = "is published as a pickle alone, which is never loaded"  # where there is no origin


def read(table: PublishedTable, cache: Path | None = None) -> pd.DataFrame:
    """The rows of a table.

    Args:
        cache: where fetched files are kept; None for the place that the module's docstring names.

    Raises:
        UnavailableError: no folder is named, and the origin cannot be fetched or there is none.
        PublishedError: the folder lacks the file, a file has another sha256, or it lacks a column.
    """
    if folder := os.environ.get("STUDY_PUBLISHED"):
        return _parsed(table, table.folder, _in_folder(table.folder, folder))
    if table.origin is None:
        raise UnavailableError(f"the table {table.name!r} {table.why_local}: set STUDY_PUBLISHED to a folder that holds "
                               f"{table.folder.local}")
    try:
        return _parsed(table, table.origin, fetched(table.origin, cache))
    except UnavailableError as error:
        raise UnavailableError(f"cannot fetch the table {table.name!r}: {error}; connect, or set STUDY_PUBLISHED to a folder "
                               f"that holds {table.folder.local}") from None


def fetched(file: File, cache: Path | None = None) -> Path:
    """The verified file in the cache, fetched into it when it is not there.

    A host that gives no answer within `PATIENCE` seconds is asked once in a process.

    Raises:
        UnavailableError: the host cannot be reached, or does not serve the file.
        PublishedError: it serves other bytes.
    """
    root = cache or Path(os.environ.get("STUDY_CACHE") or pooch.os_cache("study")).expanduser() / "published"
    path = root / f"{file.sha256[:12]}-{Path(file.path).name}"
    if path.is_file() and pooch.file_hash(str(path)) == file.sha256:
        return path
    parts = urlsplit(file.url)
    if why := silence(f"{parts.scheme}://{parts.netloc}"):
        raise UnavailableError(f"{parts.netloc} cannot be reached ({why})")
    pooch.get_logger().setLevel("WARNING")  # it would announce every download
    with _scratch(path.parent) as scratch:
        try:
            got = Path(pooch.retrieve(file.url, known_hash=None, fname="file", path=scratch, progressbar=False,
                                      downloader=pooch.HTTPDownloader(timeout=30)))
            if (digest := pooch.file_hash(str(got))) != file.sha256:
                raise PublishedError(f"{file.url} now yields sha256 {digest[:12]}..., not {file.sha256[:12]}...: "
                                     "set STUDY_PUBLISHED to a folder that holds the original")
            got.replace(path)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; pooch's own are ValueErrors
            raise UnavailableError(f"{parts.netloc} does not give {file.path} ({_reason(error)})") from None
    return path


def _scratch(cache: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=cache)
    except OSError as error:
        raise UnavailableError(f"cannot write {cache}: {error.strerror or error}; set STUDY_CACHE to another folder") from None


def csv(content: bytes) -> pd.DataFrame:
    """The rows of a CSV file."""
    return pd.read_csv(BytesIO(content))


def _parsed(table: PublishedTable, file: File, path: Path) -> pd.DataFrame:
    try:
        return file.parse(path.read_bytes())
    except KeyError as error:
        raise PublishedError(f"the table {table.name!r} lacks the column {error}: its parser reads another layout") from None


def _in_folder(file: File, folder: str) -> Path:
    path = Path(folder).expanduser() / file.local
    if not path.is_file():
        raise PublishedError(f"STUDY_PUBLISHED={folder} has no {file.local}: put the table there or unset STUDY_PUBLISHED")
    if (digest := pooch.file_hash(str(path))) != file.sha256:
        raise PublishedError(f"{path} has sha256 {digest[:12]}..., not {file.sha256[:12]}...: restore the original file")
    return path


@cache
def silence(server: str) -> str:
    """Why the server gives no answer, or "" when it gives one.

    The question is asked on a thread: requests' own timeout covers neither the name look-up nor a host's further addresses.
    """
    import requests

    reasons: list[str] = []

    def ask() -> None:
        try:
            requests.head(server, timeout=PATIENCE)
            reasons.append("")
        except requests.RequestException as error:
            reasons.append(_reason(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return reasons[0] if reasons else f"no answer within {PATIENCE:g} s"


def _reason(error: Exception) -> str:
    """One short phrase; requests' own messages hold addresses of objects."""
    if (response := getattr(error, "response", None)) is not None:
        return f"HTTP {response.status_code}"
    return getattr(error, "strerror", None) or type(error).__name__
