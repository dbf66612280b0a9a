"""The commit that a record names, and whether the code was that of the commit."""

import shutil

import pytest

from study import provenance
from tests.conftest import Repository


@pytest.mark.parametrize(("changed", "dirty"), [
    ("runs/quick/a-run/record.json", False), ("report/index.qmd", False), ("study/module.py", True), ("study/another.py", True),
    ("requirements.lock", True)])
def test_only_code_and_lock_make_a_run_dirty(changed: str, dirty: bool, repository: Repository) -> None:
    repository.write(changed)
    assert provenance.git_state() == (repository.head, dirty)


def test_the_state_is_that_of_the_first_call(repository: Repository) -> None:
    first = provenance.git_state()
    assert first == (repository.head, False)
    repository.commit()
    assert provenance.git_state() == first and first[0] != repository.head


def test_without_a_repository_the_commit_is_unknown(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.folder.parent))
    shutil.rmtree(repository.folder / ".git")
    assert provenance.git_state() == ("unknown", True)
