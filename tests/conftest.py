"""The slow tests run last: `make test-all` begins with all of `make test`. One page is rendered for all who look at one.

`make test` and `make test-all` run in two processes, each of which takes whole groups of tests (pytest-xdist's `loadgroup`).
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from study.analysis.study import Study

ROOT = Path(__file__).resolve().parent.parent

UNROUTABLE = "http://127.0.0.1:9"  # the discard port: nothing listens

collect_ignore = [] if shutil.which("chromedriver") or os.environ.get("STUDY_BROWSER") else ["test_browser.py"]


def is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def group(item: pytest.Item) -> str:
    """What one process runs in one go: a module's fast tests or its slow ones, which share fixtures, or all that need the page."""
    if "changed" in getattr(item, "fixturenames", ()):
        return "page"
    return f"{item.path.relative_to(ROOT)}{' slow' if is_slow(item) else ''}"


@pytest.hookimpl(tryfirst=True)  # pytest-xdist's own hook reads the marks: a mark added after it groups nothing
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (is_slow(item), group(item) != "page"))  # the longest of the slow groups first
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
        if "published" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.published)


Load = Callable[[str], pd.DataFrame]
SKIPPED = pytest.skip.Exception


def load_or_skip(name: str) -> pd.DataFrame:
    """The published table; a test is skipped where it cannot be had, and says what was missing: a host, or a folder.

    Where STUDY_PUBLISHED is set nothing is skipped: a table that its folder lacks, or that is another, fails the test.
    """
    from study.published import load
    from study.published.fetch import UnavailableError

    try:
        return load(name)
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def published() -> Load:
    """What gives a test a published table (`load_or_skip`)."""
    return load_or_skip


@pytest.fixture(scope="session")
def gnugo() -> None:
    """Skip a test where the Go engine is not installed, which only making games needs."""
    from study.data.go.engine import find
    from study.data.go.games import GoError

    try:
        find()
    except GoError as error:
        pytest.skip(str(error))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No route to any host, no folder of published tables, an empty cache."""
    from study.published import fetch

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, UNROUTABLE)
        monkeypatch.setenv(name.upper(), UNROUTABLE)
    for name in ("no_proxy", "NO_PROXY", "STUDY_PUBLISHED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "cache"))
    fetch.silence.cache_clear()
    yield
    fetch.silence.cache_clear()


@dataclass(frozen=True)
class Repository:
    """A git repository that stands for the checkout."""

    folder: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, name: str) -> None:
        """Change a file, or make it."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (self.folder / name).open("a") as file:
            file.write("more\n")

    def commit(self) -> None:
        """Commit a change of the code."""
        self.write("study/module.py")
        self.git("add", ".")
        self.git("commit", "--message", "x")

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository with one commit, which provenance takes for the checkout."""
    from study import provenance

    made = Repository(tmp_path_factory.mktemp("repository"))
    made.git("init")
    made.commit()
    monkeypatch.setattr(provenance, "ROOT", made.folder)
    found = (provenance.git_state, provenance.lock_sha256)
    for function in found:
        function.cache_clear()
    yield made
    for function in found:
        function.cache_clear()


@pytest.fixture(scope="session")
def quick() -> "Study":
    """The study of the committed quick grid, every posterior by importance sampling."""
    from study.analysis.study import load

    return load("quick", ROOT / "runs", nuts=False)


@dataclass(frozen=True)
class Rendered:
    """A page and the records it was rendered from."""

    runs: Path
    page: Path


@pytest.fixture(scope="session")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The main article of the quick grid with the lowest loss raised by 0.1 nats: minutes to render."""
    from study.render.project import render  # a second of imports, for these tests alone

    out = tmp_path_factory.mktemp("changed")
    shutil.copytree(ROOT / "runs" / "quick", out / "runs" / "quick")
    bodies = {path: json.loads(path.read_text()) for path in out.glob("runs/quick/*/record.json")}
    best = min(bodies, key=lambda path: bodies[path]["losses"]["validation"]["nats_per_token"])
    bodies[best]["losses"]["validation"]["nats_per_token"] += 0.1
    best.write_text(json.dumps(bodies[best]))
    environment = {"STUDY_GRID": "quick", "STUDY_RUNS": str(out / "runs"), "STUDY_PUBLISHED": str(out)}
    (page,) = render(ROOT, ("html",), out / "_site", environment, articles=("index",))
    return Rendered(out / "runs", page)


@pytest.fixture(scope="session")
def refitted(changed: Rendered) -> "Study":
    """The study that the changed page was rendered from; it draws its posterior once more, by NUTS, when that is asked for."""
    from study.analysis.study import load

    return load("quick", changed.runs)
