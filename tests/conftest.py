"""The slow tests run last: `make test-all` begins with all of `make test`. One page is rendered for all who look at one.

`make test` and `make test-all` run in two processes, each of which takes whole groups of tests (pytest-xdist's `loadgroup`).
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

collect_ignore = [] if shutil.which("chromedriver") or os.environ.get("STUDY_BROWSER") else ["test_browser.py"]


def is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def group(item: pytest.Item) -> str:
    """What one process runs in one go: a module's fast tests or its slow ones, which share fixtures, or all that need the page."""
    if "changed" in getattr(item, "fixturenames", ()):
        return "page"
    return f"{item.path.relative_to(ROOT)}{' slow' if is_slow(item) else ''}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (is_slow(item), group(item) != "page"))  # the longest of the slow groups first
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))


@dataclass(frozen=True)
class Rendered:
    """A page and the records it was rendered from."""

    runs: Path
    page: Path


@pytest.fixture(scope="session")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The page of the quick grid with the lowest loss raised by 0.1 nats: minutes to render."""
    from study.render.project import render  # a second of imports, for these tests alone

    out = tmp_path_factory.mktemp("changed")
    shutil.copytree(ROOT / "runs" / "quick", out / "runs" / "quick")
    bodies = {path: json.loads(path.read_text()) for path in out.glob("runs/quick/*/record.json")}
    best = min(bodies, key=lambda path: bodies[path]["losses"]["validation"]["nats_per_token"])
    bodies[best]["losses"]["validation"]["nats_per_token"] += 0.1
    best.write_text(json.dumps(bodies[best]))
    environment = {"STUDY_GRID": "quick", "STUDY_RUNS": str(out / "runs"), "STUDY_PUBLISHED": str(out)}
    (page,) = render(ROOT, ("html",), out / "_site", environment)
    return Rendered(out / "runs", page)
