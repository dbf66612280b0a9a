"""Token streams compressed for the way, and the token set they are there."""

import hashlib
import lzma
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.data.stream import STREAMS, TokenSet
from study.errors import StudyError

Stream = npt.NDArray[np.unsignedinteger[Any]]
CHUNK = 2**24  # numbers compressed as one: as many are expanded at once as there are processors


class KitError(StudyError):
    """A kit that cannot be packed, read or unpacked."""


@dataclass(frozen=True)
class Packed:
    """What a file of a compressed stream holds."""

    name: str
    dtype: str
    count: int
    sha256: str  # of the numbers, little-endian
    sizes: tuple[int, ...]  # bytes of each compressed chunk


def compress(stream: Stream, path: Path, dtype: str, workers: int = 1) -> Packed:
    """Write `stream` to `path`, `CHUNK` numbers at a time; of 16-bit numbers LZMA is told that two bytes belong together."""
    wide = np.dtype(dtype).itemsize == 2
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 2**26, "lc": 2 if wide else 3,
                "lp": int(wide), "pb": int(wide)}]
    numbers = np.ascontiguousarray(stream, dtype)
    digest = hashlib.sha256(numbers.data).hexdigest()
    chunks = [numbers[start : start + CHUNK].tobytes() for start in range(0, len(numbers), CHUNK)]
    with ThreadPoolExecutor(workers) as pool, path.open("wb") as file:
        sizes = [file.write(part) for part in pool.map(lambda chunk: lzma.compress(chunk, filters=filters), chunks)]
    return Packed(path.name, dtype, len(numbers), digest, tuple(sizes))


def packed(body: dict[str, Any]) -> Packed:
    """The same from JSON."""
    return Packed(**{**body, "sizes": tuple(body["sizes"])})


def expand(folder: Path, of: Packed) -> Stream:
    """The numbers of a compressed stream.

    Raises:
        KitError: the file is cut short, or its numbers are others than those packed.
    """
    path, starts = folder / of.name, np.concatenate([[0], np.cumsum(of.sizes)])
    try:
        body = path.read_bytes()
        with ThreadPoolExecutor() as pool:
            parts = list(pool.map(lambda i: lzma.decompress(body[starts[i] : starts[i + 1]]), range(len(of.sizes))))
    except (OSError, lzma.LZMAError) as error:
        raise KitError(f"{path} cannot be read ({error}): pack the kit again") from None
    found = np.frombuffer(b"".join(parts), of.dtype)
    if len(found) != of.count or hashlib.sha256(found.data).hexdigest() != of.sha256:
        raise KitError(f"{path} does not hold the numbers that were packed: pack the kit again")
    return found


def needed(tokens: TokenSet, train_tokens: int, eval_tokens: int, context: int) -> dict[str, Stream]:
    """The part of each stream that runs read which see the first `train_tokens` and evaluate `eval_tokens` at most."""
    held = min(len(tokens.validation), math.ceil(eval_tokens / context) * context + 1)
    return {"train": tokens.train[:train_tokens], "validation": tokens.validation[:held],
            "train_groups": tokens.train_groups[:train_tokens], "validation_groups": tokens.validation_groups[:held]}


def describe(tokens: TokenSet) -> dict[str, Any]:
    """What a token set says of itself beside its streams."""
    return {"name": tokens.name, "vocabulary": tokens.vocabulary, "bytes_per_token": tokens.bytes_per_token,
            "validation_bytes_per_token": tokens.validation_bytes_per_token, "sha256": tokens.sha256}


def open_streams(folder: Path, facts: dict[str, Any], files: dict[str, Packed]) -> TokenSet:
    """The token set of a kit: its identity is that of the whole corpus, its streams are the parts that were packed."""
    return TokenSet(directory=folder, **facts, **{name: expand(folder, files[name]) for name in STREAMS})  # type: ignore[arg-type]
