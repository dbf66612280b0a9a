"""The published edition: what it is made of, and when it is stale."""

import json
from pathlib import Path

import pytest

from study import provenance, publish

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout with a rendered report."""
    monkeypatch.setattr(provenance, "git_state", lambda: ("0123456789", False))
    for name, said in {"report/index.qmd": "x", "study/a.py": "1", "runs/quick/r/record.json": "{}", "requirements.lock": "a==1",
                       "_quarto.yml": "y", "_site/report/index.html": "<p>", "_site/report/index.pdf": "%PDF"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said)
    return tmp_path


def test_an_edition_is_fresh_until_something_it_is_made_of_changes(checkout: Path) -> None:
    assert "no whole edition" in publish.stale(checkout)
    publish.publish(checkout, checkout / "_site" / "report")
    assert publish.stale(checkout) == ""
    (checkout / "study" / "__pycache__").mkdir()
    (checkout / "study" / "__pycache__" / "a.pyc").write_text("x")
    (checkout / "runs" / "quick" / ".work").mkdir()
    (checkout / "runs" / "quick" / ".work" / "x.json").write_text("x")
    assert publish.stale(checkout) == "", "caches and checkpoints are no part of it"
    for name in ("report/index.qmd", "study/a.py", "runs/quick/r/record.json", "requirements.lock", "_quarto.yml"):
        before = (checkout / name).read_text()
        (checkout / name).write_text(before + " ")
        assert "changed after the edition of commit 0123456" in publish.stale(checkout), name
        (checkout / name).write_text(before)
    (checkout / publish.EDITION / "index.pdf").write_text("other")
    assert "not those of its manifest" in publish.stale(checkout)


def test_what_is_not_rendered_or_not_committed_is_not_published(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "_site" / "report" / "index.pdf").unlink()
    with pytest.raises(publish.PublishError, match=r"no index\.pdf: render first"):
        publish.publish(checkout, checkout / "_site" / "report")
    (checkout / "_site" / "report" / "index.pdf").write_text("%PDF")
    monkeypatch.setattr(provenance, "git_state", lambda: ("0123456789", True))
    with pytest.raises(publish.PublishError, match="commit them"):
        publish.publish(checkout, checkout / "_site" / "report")
    assert not (checkout / publish.MANIFEST).exists()


def test_the_manifest_names_the_commit_and_the_files(checkout: Path) -> None:
    body = json.loads(publish.publish(checkout, checkout / "_site" / "report").read_text())
    assert body["commit"] == "0123456789" and set(body["files"]) == set(publish.FILES)
    assert (checkout / publish.EDITION / "index.html").read_text() == "<p>"


def test_the_project_s_sources_are_what_git_tracks_of_them() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in publish.sources(ROOT)}
    assert {"report/index.qmd", "study/grids.py", "runs/README.md", "_quarto.yml", "requirements.lock"} <= found
    assert not any(name.startswith("report/published/") or "/.work/" in name for name in found)


def test_the_committed_edition_is_of_the_sources_as_they_are() -> None:
    """Where this fails the sources or the records have changed: `make publish`, and commit the edition alone."""
    assert not (ROOT / publish.MANIFEST).exists() or publish.stale(ROOT) == ""
