"""n-gram overlap against a count by sets, and line repetition."""

import numpy as np
import pytest

from study.data import overlap
from study.data.overlap import line_repetition, ngram_overlap


def by_sets(train: np.ndarray, validation: np.ndarray, end: int, n: int) -> float:
    seen = {tuple(train[i : i + n].tolist()) for i in range(len(train) - n + 1)}
    asked = [tuple(validation[i : i + n].tolist()) for i in range(len(validation) - n + 1)]
    asked = [gram for gram in asked if end not in gram]
    return sum(gram in seen for gram in asked) / len(asked)


@pytest.mark.parametrize("n", [3, 13])
def test_it_equals_the_count_by_sets(n: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlap, "_CHUNK", 700)  # several chunks, so their seams are tested
    source = np.random.default_rng(0)
    train = source.integers(0, 12, 5000).astype(np.uint16)
    validation = np.concatenate([train[680:760], source.integers(0, 12, 900).astype(np.uint16), train[100:160]])
    expected = by_sets(train, validation, 11, n)
    assert 0 < expected < 1
    assert ngram_overlap(train, validation, 11, n) == pytest.approx(expected, abs=1e-12)


def test_copied_text_overlaps_fully_and_new_text_not_at_all():
    train = np.arange(1000, dtype=np.uint16)
    assert ngram_overlap(train, train[300:400], 65535) == 1
    assert ngram_overlap(train, train[300:400][::-1], 65535) == 0
    assert np.isnan(ngram_overlap(train, train[:5], 65535))


def test_repetition_counts_lines_seen_before():
    lines, characters = line_repetition(["  pass\nlonger line\n\n", "pass\nanother\npass"])
    assert lines == pytest.approx(2 / 5)
    assert characters == pytest.approx(8 / (3 * 4 + 11 + 7))
    assert line_repetition(["\n"]) == (0, 0)
