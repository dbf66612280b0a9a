"""The published edition: what it is made of, and when it is stale. `make release-check` looks at the committed one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from study import provenance, publish
from study.cli import main

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout with a rendered report."""
    monkeypatch.setattr(provenance, "state_of", lambda *_: ("0123456789", False))
    for name, said in {"report/index.qmd": "x", "study/a.py": "1", "runs/quick/r/record.json": "{}", "requirements.lock": "a==1",
                       "_quarto.yml": "y", "_site/report/index.html": "<p>", "_site/report/index.pdf": "%PDF"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said)
    return tmp_path


def test_an_edition_is_fresh_until_something_it_is_made_of_changes(checkout: Path) -> None:
    with pytest.raises(publish.PublishError, match="no whole edition"):
        publish.check(checkout)
    publish.publish(checkout, checkout / "_site" / "report")
    assert publish.check(checkout) == "0123456789"
    (checkout / "study" / "__pycache__").mkdir()
    (checkout / "study" / "__pycache__" / "a.pyc").write_text("x")
    (checkout / "runs" / "quick" / ".work").mkdir()
    (checkout / "runs" / "quick" / ".work" / "x.json").write_text("x")
    assert publish.check(checkout), "caches and checkpoints are no part of it"
    for name in ("report/index.qmd", "study/a.py", "runs/quick/r/record.json", "requirements.lock", "_quarto.yml"):
        before = (checkout / name).read_text()
        (checkout / name).write_text(before + " ")
        with pytest.raises(publish.PublishError, match="changed after the edition of commit 0123456"):
            publish.check(checkout)
        (checkout / name).write_text(before)
    (checkout / publish.EDITION / "index.pdf").write_text("other")
    with pytest.raises(publish.PublishError, match="not those of its manifest"):
        publish.check(checkout)


def test_what_is_not_rendered_or_not_committed_is_not_published(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "_site" / "report" / "index.pdf").unlink()
    with pytest.raises(publish.PublishError, match=r"no index\.pdf: render first"):
        publish.publish(checkout, checkout / "_site" / "report")
    (checkout / "_site" / "report" / "index.pdf").write_text("%PDF")
    monkeypatch.setattr(provenance, "state_of", lambda *_: ("0123456789", True))
    with pytest.raises(publish.PublishError, match="commit them"):
        publish.publish(checkout, checkout / "_site" / "report")
    assert not (checkout / publish.MANIFEST).exists()


def test_prose_or_records_that_no_commit_holds_are_not_published(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def git(*arguments: str) -> None:
        named = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*named, *arguments], cwd=checkout, check=True, capture_output=True)

    git("init")
    git("add", "report", "study", "runs", "_quarto.yml", "requirements.lock")
    git("commit", "-m", "all")
    publish.publish(checkout, checkout / "_site" / "report")
    publish.publish(checkout, checkout / "_site" / "report")  # the edition itself is not yet committed
    for name in ("report/index.qmd", "runs/quick/r/record.json"):
        before = (checkout / name).read_text()
        (checkout / name).write_text("new")
        with pytest.raises(publish.PublishError, match="has changes"):
            publish.publish(checkout, checkout / "_site" / "report")
        (checkout / name).write_text(before)


def test_the_manifest_names_the_commit_and_the_files(checkout: Path) -> None:
    body = json.loads(publish.publish(checkout, checkout / "_site" / "report").read_text())
    assert body["commit"] == "0123456789" and list(body["files"]) == publish.files(checkout) == ["index.html", "index.pdf"]
    assert (checkout / publish.EDITION / "index.html").read_text() == "<p>"


def test_an_edition_holds_every_article_and_no_chapter(checkout: Path) -> None:
    for name in ("kaplan.qmd", "_01-part.qmd"):
        (checkout / "report" / name).write_text("x")
    assert publish.files(checkout) == ["index.html", "index.pdf", "kaplan.html", "kaplan.pdf"]
    with pytest.raises(publish.PublishError, match=r"no kaplan\.html and no kaplan\.pdf: render first"):
        publish.publish(checkout, checkout / "_site" / "report")


def test_the_project_s_sources_are_what_git_tracks_of_them() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in publish.sources(ROOT)}
    assert {"report/index.qmd", "study/grids/isoflop.py", "runs/README.md", "_quarto.yml", "requirements.lock"} <= found
    assert not any(name.startswith("report/published/") or "/.work/" in name for name in found)


def test_the_committed_edition_is_whole() -> None:
    """Its files are those of its manifest; whether it is stale is asked at release alone."""
    assert re.fullmatch("[0-9a-f]{40}", publish.edition(ROOT)["commit"])


def test_the_release_check_is_one_line_and_an_exit_code(checkout: Path, monkeypatch: pytest.MonkeyPatch,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(checkout)
    monkeypatch.setattr(sys, "argv", ["study", "publish", "--check"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "run `make publish`" in said
    assert not (checkout / publish.MANIFEST).exists(), "a check publishes nothing"
    for options, line in ((["--rendered", "_site/report"], "report/published/manifest.json\n"),
                          (["--check"], "report/published is of these sources and records: rendered from commit 0123456\n")):
        monkeypatch.setattr(sys, "argv", ["study", "publish", *options])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert (stopped.value.code, capsys.readouterr().out) == (0, line)
