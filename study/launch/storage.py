"""Checkpoints on shared storage: an fsspec URL that mirrors a run's work directory, for nodes that share no file system."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PUSH_SECONDS = 2.0


def _filesystem(url: str) -> tuple[Any, str]:
    import fsspec

    return fsspec.core.url_to_fs(url)


def pull(url: str, work: Path) -> None:
    """Copy the checkpoints under `url` to `work`."""
    system, root = _filesystem(url)
    work.mkdir(parents=True, exist_ok=True)
    for name in _names(system, root):
        if name.endswith((".json", ".safetensors")):
            with suppress(FileNotFoundError):  # dropped for a newer one meanwhile
                system.get_file(f"{root}/{name}", str(work / name))


def push(work: Path, url: str) -> None:
    """Copy new checkpoints to `url`, tensors before the JSON that makes them one, and drop those older than any in `work`."""
    system, root = _filesystem(url)
    system.makedirs(root, exist_ok=True)
    there, here = set(_names(system, root)), {path.name for path in work.glob("[!.]*")}
    for name in sorted(here - there, key=lambda name: (name.endswith(".json"), name)):
        if name.endswith(".json") and Path(name).stem.isdigit() and f"{Path(name).stem}.safetensors" not in here:
            continue
        with suppress(FileNotFoundError):
            system.put_file(str(work / name), f"{root}/{name}")
    if "progress.json" in here:
        with suppress(FileNotFoundError):
            system.put_file(str(work / "progress.json"), f"{root}/progress.json")
    oldest = min((int(Path(name).stem) for name in here if Path(name).stem.isdigit()), default=0)
    for name in sorted(there - here, key=lambda name: not name.endswith(".json")):
        if not Path(name).stem.isdigit() or int(Path(name).stem) >= oldest:
            continue  # newer ones are another attempt's, which went further
        with suppress(FileNotFoundError):
            system.rm_file(f"{root}/{name}")


@contextmanager
def mirrored(work: Path, url: str) -> Iterator[None]:
    """Pull, then push every few seconds, and once more where an exception ends it: a run that is whole needs no checkpoint."""
    pull(url, work)
    done = threading.Event()

    def keep_pushing() -> None:
        while not done.wait(PUSH_SECONDS):
            with suppress(Exception):  # storages raise errors of their own kinds; the next push tries again
                push(work, url)

    thread = threading.Thread(target=keep_pushing, daemon=True)
    thread.start()
    whole = False
    try:
        yield
        whole = True
    finally:
        done.set()
        thread.join()
        if not whole:
            push(work, url)


def note(url: str) -> dict[str, Any]:
    """The progress note under `url`, {} when there is none."""
    system, root = _filesystem(url)
    try:
        body: dict[str, Any] = json.loads(system.cat_file(f"{root}/progress.json"))
    except (OSError, ValueError):
        return {}
    return body


def drop(url: str) -> None:
    """Remove everything under `url`, where there is anything."""
    system, root = _filesystem(url)
    with suppress(FileNotFoundError):
        system.rm(root, recursive=True)


def _names(system: Any, root: str) -> list[str]:
    try:
        return [Path(entry).name for entry in system.ls(root, detail=False)]
    except FileNotFoundError:
        return []


def mark(url: str) -> None:
    """Put an empty file at `url`."""
    system, path = _filesystem(url)
    system.makedirs(path.rpartition("/")[0], exist_ok=True)
    system.pipe_file(path, b"")


def marked(url: str) -> bool:
    """Whether there is a file at `url`, as far as can be told now."""
    system, path = _filesystem(url)
    system.invalidate_cache()
    with suppress(OSError):
        return bool(system.exists(path))
    return False
