"""Where numbers come from: the code, the lock, the machine."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def git_state() -> tuple[str, bool]:
    """(commit, dirty) of the checkout the package runs from, at the first call; ("unknown", True) outside one.

    What works for long calls it before it begins: a commit made meanwhile is not that of the code imported.
    Only study/ and the lock make a run dirty: records and prose being written beside a training grid do not.
    """
    return state_of(ROOT, "study", "requirements.lock")


def state_of(root: Path, *paths: str) -> tuple[str, bool]:
    """(commit, whether anything under `paths` differs from it) of the checkout `root`; ("unknown", True) where it is none."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", *paths))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True


@cache
def lock_sha256() -> str:
    """sha256 of requirements.lock; "" when the package is installed without it."""
    path = ROOT / "requirements.lock"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


@cache
def cpu_model() -> str:
    """The processor's model, family and stepping included: some hosts report only a brand."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in info.read_text().split("\n\n")[0].splitlines() if ":" in line)
    values = {key.strip(): value.strip() for key, value in fields.items()}
    numbers = "/".join(values.get(key, "?") for key in ("cpu family", "model", "stepping"))
    return f"{values.get('model name', platform.machine())} ({numbers})"


def host() -> str:
    """The machine's name, or what STUDY_HOST calls it."""
    return os.environ.get("STUDY_HOST") or platform.node()
