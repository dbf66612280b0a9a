"""How much of the validation text was seen in training: n-gram overlap, and how much a corpus repeats its lines."""

from array import array
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_CHUNK = 1 << 22
_FILTER_BITS = 24
_SAMPLE = 200_000


def ngram_overlap(train: npt.NDArray[np.uint16], validation: npt.NDArray[np.uint16], end: int, n: int = 13) -> float:
    """Share of validation n-grams of tokens that occur anywhere in the train stream.

    Evenly spaced validation n-grams, at most `_SAMPLE` of them; those that hold the end-of-text token `end` would
    cross documents and are left out. Equality is that of 64-bit hashes (false matches of order 1e-6). nan when
    there is no n-gram.
    """
    if len(validation) < n:
        return float("nan")
    hashes = ngram_hashes(validation, n)
    ends = np.concatenate([[0], np.cumsum(validation == end)])
    hashes = hashes[ends[n:] == ends[:-n]]
    if not len(hashes):
        return float("nan")
    hashes = hashes[np.linspace(0, len(hashes) - 1, min(_SAMPLE, len(hashes))).astype(np.int64)]
    return float(seen_hashes(train, hashes, n).mean())


def seen_hashes(train: npt.NDArray[np.uint16], hashes: npt.NDArray[np.uint64], n: int) -> npt.NDArray[np.bool_]:
    """Which of the `hashes` of n-grams (`ngram_hashes`) occur anywhere in the train stream."""
    distinct, place_of = np.unique(hashes, return_inverse=True)
    # A table of the hashes' leading bits rejects nearly all train n-grams before the exact look-up.
    shift = np.uint64(64 - _FILTER_BITS)
    maybe = np.zeros(1 << _FILTER_BITS, dtype=bool)
    maybe[distinct >> shift] = True
    seen = np.zeros(len(distinct), dtype=bool)
    for start in range(0, max(0, len(train) - n + 1), _CHUNK):
        found = ngram_hashes(train[start : start + _CHUNK + n - 1], n)
        found = found[maybe[found >> shift]]
        place = np.minimum(np.searchsorted(distinct, found), len(distinct) - 1)
        seen[place[distinct[place] == found]] = True
    return np.asarray(seen[place_of.reshape(-1)])


def line_repetition(documents: Iterable[str]) -> tuple[float, float]:
    """How much of a text is lines that stood in it before: (share of the non-blank lines, share of their characters).

    Space around a line is ignored. (0, 0) when there is no line.
    """
    hashes, lengths = array("q"), array("q")
    for text in documents:
        lines = [line for line in map(str.strip, text.split("\n")) if line]
        hashes.extend(map(hash, lines))
        lengths.extend(map(len, lines))
    if not hashes:
        return 0.0, 0.0
    size = np.frombuffer(lengths, dtype=np.int64)
    first = np.unique(np.frombuffer(hashes, dtype=np.int64), return_index=True)[1]
    return 1 - len(first) / len(size), float(1 - size[first].sum() / size.sum())


def ngram_hashes(tokens: npt.NDArray[np.uint16], n: int) -> npt.NDArray[np.uint64]:
    """One 64-bit hash an n-gram: a polynomial in the tokens modulo 2^64, then mixed so that its leading bits are even."""
    count = len(tokens) - n + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    wide = tokens.astype(np.uint64) + np.uint64(1)
    total = np.zeros(count, np.uint64)
    for offset in range(n):
        total *= _MULTIPLIER
        total += wide[offset : offset + count]
    total ^= total >> np.uint64(29)
    total *= np.uint64(0xBF58476D1CE4E5B9)
    total ^= total >> np.uint64(32)
    return total
