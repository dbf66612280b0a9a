"""Token sets, and the windows of a stream that a model is trained on. NumPy alone: training needs no more of the data."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

STREAMS = {"train": "<u2", "validation": "<u2", "train_groups": "u1", "validation_groups": "u1"}  # of a token set, on disk


@dataclass(frozen=True, eq=False)
class TokenSet:
    """A tokenised corpus. Streams are 1-D memory maps: documents one after another, each ended by `vocabulary - 1`.

    Packaged corpora hold their documents in the order of their sha256, hub corpora in the data set's order.
    """

    name: str
    directory: Path
    vocabulary: int
    bytes_per_token: float  # UTF-8 bytes of text / tokens (the end-of-text tokens count), train split
    validation_bytes_per_token: float
    sha256: str  # of the manifest, which holds the sha256 of every file: the corpus's identity
    train: npt.NDArray[np.uint16]
    validation: npt.NDArray[np.uint16]
    train_groups: npt.NDArray[np.uint8]  # document group (0..127) of the first 2^21 train tokens, or of all
    validation_groups: npt.NDArray[np.uint8]  # document group of each validation token; a document has one group

    @property
    def manifest(self) -> dict[str, Any]:
        """Counts, overlap, line repetition, sha256 of the files and where the text is from."""
        body: dict[str, Any] = json.loads((self.directory / "manifest.json").read_text())
        return body


def windows(tokens: npt.NDArray[np.uint16], context: int) -> int:
    """How many windows of `context + 1` tokens a stream holds, each beginning `context` after the one before."""
    return max(0, (len(tokens) - 1) // context)


def train_order(count: int, seed: int) -> npt.NDArray[np.int64]:
    """A permutation of `count` windows: the ranks of PCG64's raw output, which NumPy keeps the same for ever."""
    raw: npt.NDArray[np.uint64] = np.random.PCG64(np.random.SeedSequence([seed, 1])).random_raw(count)
    return np.asarray(np.argsort(raw, kind="stable"), np.int64)


def batch(stream: npt.NDArray[np.uint16], starts: npt.NDArray[np.int64], context: int) -> npt.NDArray[np.int64]:
    """Windows `starts` of a stream, shape (B, context + 1): inputs are [:, :-1], targets [:, 1:]."""
    places = np.asarray(starts, np.int64)[:, None] * context + np.arange(context + 1)
    return np.asarray(stream)[places].astype(np.int64)
