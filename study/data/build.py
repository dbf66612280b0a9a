"""Tokenise a corpus once: documents -> uint16 streams, document groups, a manifest; the directory is whole or absent."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pooch
from filelock import FileLock

from study.data.corpora import CorpusError, Document
from study.data.overlap import line_repetition, ngram_overlap
from study.data.stream import STREAMS
from study.data.tokenizer import encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer

GROUPS = 128  # clusters of documents, for standard errors
GROUPED_TRAIN_TOKENS = 2**21  # the train subset that is evaluated
_BATCH = 2**21  # characters encoded at a time
_LINES = 2**29  # characters whose lines are compared: enough for the packaged corpora, a sample of the hub's


def finished(directory: Path) -> bool:
    """Whether a build ended: the manifest is the last thing to appear, with the directory itself."""
    return (directory / "manifest.json").is_file()


@contextmanager
def building(directory: Path) -> Iterator[Path | None]:
    """A temporary directory that becomes `directory` when the block ends, or None when another process made it meanwhile.

    One process builds, the others wait on a file lock. What a killed build left is removed, as is a `directory`
    without a manifest.

    Raises:
        CorpusError: the disk is full or cannot be written.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(directory.parent / f".{directory.name}.lock"):
            if finished(directory):
                yield None
                return
            for stale in [*directory.parent.glob(f".{directory.name}.build-*"), directory]:
                if stale.exists():
                    shutil.rmtree(stale)
            temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}.build-"))
            try:
                yield temporary
                temporary.chmod(0o755)
                temporary.rename(directory)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise CorpusError(f"cannot write {directory.parent}: {error.strerror or error}; nothing was kept, "
                          "free some space or set STUDY_CACHE to another folder") from None


def write_tokens(directory: Path, documents: Iterable[Document], tokenizer: "Tokenizer", vocabulary: int, share: float,
                 facts: dict[str, Any], *, max_tokens: int | None = None, validation_document_tokens: int | None = None) -> None:
    """Encode `documents` in their order into `directory` and write the manifest.

    Each document is followed by the end-of-text token `vocabulary - 1` and goes to the validation stream when its
    hash falls below `share`, else to the train stream. Stops once the train stream (or, when all is validation, that)
    has `max_tokens`. Of a validation document at most `validation_document_tokens` are kept, its end-of-text among
    them. `facts` joins the manifest.

    Raises:
        CorpusError: a split is empty, or an id does not fit the vocabulary.
    """
    end = vocabulary - 1
    count = {side: {"documents": 0, "tokens": 0, "bytes": 0} for side in ("train", "validation")}
    tokenizer.save(str(directory / "tokenizer.json"))
    files = {name: (directory / f"{name}.bin").open("wb") for name in STREAMS}
    lengths = {i: len(token) for token, i in tokenizer.get_vocab().items()}  # in bytes: a byte-level token has a character a byte
    lines: list[str] = []
    characters = 0
    limited = "validation" if share >= 1 else "train"
    try:
        for document, ids in encoded(tokenizer, documents, end):
            if max_tokens is not None and count[limited]["tokens"] >= max_tokens:
                break
            side = "validation" if document.in_validation(share) else "train"
            size = len(document.text.encode())
            if side == "validation" and validation_document_tokens and len(ids) > validation_document_tokens:
                ids = np.append(ids[: validation_document_tokens - 1], ids[-1:])
                size = sum(lengths[int(i)] for i in ids[:-1])
            group = np.full(len(ids), document.group(GROUPS), np.uint8)
            if side == "train":
                group = group[: max(0, GROUPED_TRAIN_TOKENS - count[side]["tokens"])]
            files[side].write(ids.tobytes())
            files[f"{side}_groups"].write(group.tobytes())
            for key, more in (("documents", 1), ("tokens", len(ids)), ("bytes", size)):
                count[side][key] += more
            if characters < _LINES:
                lines.append(document.text)
                characters += len(document.text)
    finally:
        for file in files.values():
            file.close()
    if any(not count[side]["tokens"] for side in ("train", "validation") if side == "validation" or share < 1):
        raise CorpusError(f"a split of {facts['corpus']} is empty: the text holds too few documents")
    if np.fromfile(directory / "validation.bin", STREAMS["validation"]).max() >= vocabulary:
        raise CorpusError(f"the tokenizer gives ids beyond a vocabulary of {vocabulary}")
    repeated = line_repetition(lines)
    facts |= {"line_repetition": {"lines": round(repeated[0], 6), "characters": round(repeated[1], 6)}}
    facts |= {"validation_document_tokens": validation_document_tokens} if validation_document_tokens else {}
    write_manifest(directory, facts, vocabulary=vocabulary, share=share, counts=count)


def write_manifest(directory: Path, facts: dict[str, Any], *, vocabulary: int, share: float,
                   counts: dict[str, dict[str, int]]) -> None:
    """What the streams in `directory` are: `facts`, `counts` (documents, tokens and bytes of each split), overlap, sha256."""
    end = vocabulary - 1
    train, validation = (np.fromfile(directory / f"{side}.bin", STREAMS[side]) if side == "validation" or share >= 1
                         else np.memmap(directory / f"{side}.bin", STREAMS[side], "r") for side in ("train", "validation"))
    manifest = {
        **facts, "vocabulary": vocabulary, "end_of_text": end, "validation_share": share, "groups": GROUPS, "counts": counts,
        "bytes_per_token": {side: c["bytes"] / c["tokens"] if c["tokens"] else None for side, c in counts.items()},
        "overlap_13gram": round(ngram_overlap(train, validation, end, 13), 6) if share < 1 else None,
        "overlap_50gram": round(ngram_overlap(train, validation, end, 50), 6) if share < 1 else None,
        "sha256": {name: pooch.file_hash(str(directory / name))
                   for name in [*(f"{stream}.bin" for stream in STREAMS), "tokenizer.json"]},
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def encoded(tokenizer: "Tokenizer", documents: Iterable[Document], end: int) -> Iterator[tuple[Document, npt.NDArray[np.uint16]]]:
    """Each document with its token ids, followed by `end`."""
    for batch in _batches(documents):
        yield from zip(batch, encode(tokenizer, [document.text for document in batch], end), strict=True)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents in batches of about `_BATCH` characters, so that memory stays bounded."""
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def first_characters(texts: Iterable[str], limit: int) -> Iterator[str]:
    """Texts until `limit` characters have been given, for training a tokenizer on a stream."""
    left = limit
    for text in texts:
        if left <= 0:
            return
        left -= len(text)
        yield text
