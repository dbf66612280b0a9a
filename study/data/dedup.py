"""Which documents of a corpus say something new: those few of whose n-grams of tokens stand in documents kept before them.

Train documents are taken in their order; one is left out when `SHARE` or more of its n-grams stand in train documents kept
before it. Then validation documents are held to the same against all that is kept, train and validation, so that hardly any
text is shared between the splits or counted twice in a mean. Two n-grams are the same when their 64-bit hashes are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from study.data.build import encoded
from study.data.compiled import compiled
from study.data.corpora import Corpus, Document
from study.data.overlap import line_repetition, ngram_hashes, ngram_overlap

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NGRAM = 20  # tokens: about 50 bytes
SHARE = 0.10

Hashes = npt.NDArray[np.uint64]


def deduplicate(of: Corpus, documents: Sequence[Document], tokenizer: "Tokenizer") -> tuple[list[Document], dict[str, Any]]:
    """The documents that stay, in their order, and for the manifest what was there before.

    Of a validation document only the tokens that will be evaluated count.
    """
    end = of.vocabulary - 1
    ids = [tokens[:-1] for _, tokens in encoded(tokenizer, documents, end)]
    validation = np.array([document.in_validation(of.validation_share) for document in documents])
    heads = [tokens[: of.validation_document_tokens] if held else tokens for tokens, held in zip(ids, validation, strict=True)]
    seen = seen_shares(heads, validation)
    sides = {"train": _stream(heads, ~validation, end), "validation": _stream(heads, validation, end)}
    before = {
        "counts": {side: {"documents": int((validation == (side == "validation")).sum()), "tokens": len(stream)}
                   for side, stream in sides.items()},
        "overlap_13gram": round(ngram_overlap(sides["train"], sides["validation"], end, 13), 6),
        "overlap_50gram": round(ngram_overlap(sides["train"], sides["validation"], end, 50), 6),
        "line_repetition": dict(zip(("lines", "characters"), (round(share, 6) for share in line_repetition(
            document.text for document in documents)), strict=True)),
    }
    kept = [document for document, share in zip(documents, seen, strict=True) if share < SHARE]
    return kept, {"deduplicated": {"ngram": NGRAM, "share": SHARE, "before": before}}


def seen_shares(documents: Sequence[npt.NDArray[np.uint16]], validation: npt.NDArray[np.bool_], *, n: int = NGRAM,
                share: float = SHARE) -> npt.NDArray[np.float64]:
    """The share of each document's n-grams that stand in documents kept before it; it is kept itself when below `share`.

    All train documents come before the first of `validation`. A document shorter than `n` tokens has no n-gram: 0. What a
    document repeats of itself was not seen before it.
    """
    grams = sum(max(0, len(tokens) - n + 1) for tokens in documents)
    slots = np.zeros(1 << max(4, int(grams).bit_length()), np.uint64)  # open addressing, never full
    seen = np.zeros(len(documents))
    for i in np.argsort(validation, kind="stable").tolist():
        hashes = np.maximum(ngram_hashes(documents[i], n), np.uint64(1))  # 0 is an empty slot
        if len(hashes):
            seen[i] = _count(slots, hashes) / len(hashes)
        if seen[i] < share:
            _insert(slots, hashes)
    return seen


def _stream(ids: Sequence[npt.NDArray[np.uint16]], chosen: npt.NDArray[np.bool_], end: int) -> npt.NDArray[np.uint16]:
    """The chosen documents one after another, each ended by `end`."""
    close = np.array([end], np.uint16)
    return np.concatenate([part for i in np.flatnonzero(chosen).tolist() for part in (ids[i], close)] or [close[:0]])


@compiled
def _count(slots: Hashes, hashes: Hashes) -> int:
    """How many of the hashes are in the table."""
    last = np.uint64(len(slots) - 1)
    found = 0
    for value in hashes:
        place = value & last
        while slots[place] != 0 and slots[place] != value:
            place = (place + np.uint64(1)) & last
        found += slots[place] == value
    return found


@compiled
def _insert(slots: Hashes, hashes: Hashes) -> None:
    """Put the hashes into the table."""
    last = np.uint64(len(slots) - 1)
    for value in hashes:
        place = value & last
        while slots[place] != 0 and slots[place] != value:
            place = (place + np.uint64(1)) & last
        slots[place] = value
