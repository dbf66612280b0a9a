"""Which tokens of a window could be copied: from earlier in the window, or from the training text."""

import numpy as np
import numpy.typing as npt

from study.data.overlap import ngram_hashes, seen_hashes

Mask = npt.NDArray[np.bool_]
Windows = npt.NDArray[np.int64]


def in_window(windows: Windows, n: int = 3) -> Mask:
    """Whether the n tokens before each target stood earlier in its window: shape (B, T) for windows (B, T + 1).

    The first n targets have fewer tokens before them: False.
    """
    rows, length = windows.shape
    key = np.zeros((rows, length - n), np.int64)  # key j is that of the tokens j .. j + n - 1, which precede token j + n
    for offset in range(n):
        key = key * 65_536 + windows[:, offset : length - n + offset]
    out = np.zeros((rows, length - 1), bool)
    for j in range(1, length - n):
        out[:, j + n - 1] = (key[:, :j] == key[:, j : j + 1]).any(axis=1)
    return out


def in_text(train: npt.NDArray[np.uint16], windows: Windows, n: int = 8) -> Mask:
    """Whether the n-gram that ends with each target stands in the train stream: shape (B, T).

    The first n - 2 targets have no such n-gram in their window: False. Equality is that of 64-bit hashes.
    """
    rows, length = windows.shape
    hashes = np.stack([ngram_hashes(row.astype(np.uint16), n) for row in windows])
    out = np.zeros((rows, length - 1), bool)
    out[:, n - 2 :] = seen_hashes(train, hashes.ravel(), n).reshape(hashes.shape)
    return out
