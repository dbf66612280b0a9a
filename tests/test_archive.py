"""The archive holds a commit whole, verifiable by common tools, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from study import provenance, publish
from study.archive import archive
from study.cli import main


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout whose edition is committed."""
    root = tmp_path / "checkout"
    for name, said in {"report/index.qmd": "x", "study/a.py": "1", "run.sh": "#!/bin/sh", ".gitignore": "_site/\n",
                       "_site/report/index.html": "<p>", "_site/report/index.pdf": "%PDF"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said)
    (root / "run.sh").chmod(0o755)
    monkeypatch.setattr(provenance, "state_of", lambda *_: ("0123456789", False))
    for name in ("_quarto.yml", "requirements.lock"):
        (root / name).write_text(name)
    (root / "runs").mkdir()
    publish.publish(root, root / "_site" / "report")
    git(root, "init", "-q")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
                          check=True, capture_output=True, text=True).stdout


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")


def test_an_archive_is_verified_by_sha256sum_and_has_the_bytes_of_its_commit(checkout: Path, tmp_path: Path) -> None:
    first = archive(checkout, tmp_path / "a")
    assert first.read_bytes() == archive(checkout, tmp_path / "b").read_bytes()
    name = f"study-{git(checkout, 'rev-parse', 'HEAD')[:7]}"
    assert first.name == f"{name}.zip"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(first), str(tmp_path / "out")], check=True)
    inside = tmp_path / "out" / name
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=inside, check=True)
    held = {path.relative_to(inside).as_posix() for path in inside.rglob("*") if path.is_file()}
    assert held == {*git(checkout, "ls-files").split(), "SHA256SUMS"}
    assert "report/published/index.pdf" in held and not any(name.startswith("_site") for name in held)
    with zipfile.ZipFile(first) as packed:
        assert packed.getinfo(f"{name}/run.sh").external_attr >> 16 == 0o100755


def test_what_is_not_committed_or_stale_is_not_archived(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "study" / "a.py").write_text("2")
    with pytest.raises(publish.PublishError, match="the checkout has changes: commit them"):
        archive(checkout, tmp_path / "out")
    commit(checkout)
    with pytest.raises(publish.PublishError, match="changed after the edition"):
        archive(checkout, tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["study", "archive"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and "no checkout of git" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() and not (tmp_path / "build").exists()
