"""Sources whose entropy is known: each token is drawn from what follows the k tokens before it in a real corpus.

The train tokens of the real corpus are taken as a ring, so that every k-gram has a successor and the empirical distribution is
stationary. The entropy rate of the source is then exact:

    H = -sum p(k+1-gram) ln p(k+1-gram) + sum p(k-gram) ln p(k-gram)        nats a token

No window copies another, no document returns, and D has no limit.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.data import build
from study.data.compiled import compiled
from study.data.corpora import Corpus
from study.data.tokenizer import load_tokenizer

TRAIN_TOKENS, VALIDATION_TOKENS = 200_000_000, 4_000_000
BLOCK = 4096  # consecutive tokens of one group; the chain forgets within a few
_BITS = 10  # of a token: vocabularies of up to 1,024 entries


@dataclass(frozen=True, eq=False)
class Chain:
    """The empirical distribution of what follows each k-gram of a ring of n tokens.

    The positions of the ring are sorted by the k-gram that begins there; context g owns places `first[g]` to `first[g + 1]`.
    """

    first: npt.NDArray[np.int64]  # (contexts + 1,)
    token: npt.NDArray[np.uint16]  # (n,): what follows the k-gram
    context: npt.NDArray[np.uint32]  # (n,): the context after that
    entropy: float  # nats a token

    @property
    def contexts(self) -> int:
        """How many distinct k-grams there are."""
        return len(self.first) - 1


def chain(ring: npt.NDArray[np.uint16], k: int) -> Chain:
    """The chain of order `k` of a ring of tokens below 1,024.

    Raises:
        ValueError: k is not 1 to 3, a token is too large, or the ring is shorter than a k-gram and its successor.
    """
    if not 1 <= k <= 3:
        raise ValueError(f"the order must be 1, 2 or 3, not {k}")
    if len(ring) <= k or int(ring.max()) >= 1 << _BITS:
        raise ValueError(f"need more than {k} tokens below {1 << _BITS}")
    key = np.zeros(len(ring), np.uint32)
    for offset in range(k):
        key = (key << np.uint32(_BITS)) | np.roll(ring, -offset)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first = np.append(np.flatnonzero(new), len(ring)).astype(np.int64)
    of_place = (np.cumsum(new) - 1).astype(np.uint32)
    of_position = np.empty(len(ring), np.uint32)
    of_position[order] = of_place
    token = ring[(order + k) % len(ring)]
    return Chain(first, token, of_position[(order + 1) % len(ring)], float(_entropy(first, token)))


def draw(source: Chain, count: int, seed: int) -> npt.NDArray[np.uint16]:
    """`count` tokens of the chain, begun at a random position; the same for ever for one seed."""
    return np.asarray(_draw(source.first, source.token, source.context, count, np.uint64(seed)))


def write_markov(of: Corpus, directory: Path, ring: npt.NDArray[np.uint16], tokenizer: Path, facts: dict[str, Any], *,
                 train_tokens: int, validation_tokens: int) -> None:
    """Draw the streams of a Markov corpus into `directory` and write its manifest, with the exact entropy."""
    source = chain(ring, of.order)
    entries = load_tokenizer(tokenizer)
    entries.save(str(directory / "tokenizer.json"))
    lengths = np.zeros(of.vocabulary)
    for token, i in entries.get_vocab().items():
        lengths[i] = len(token)
    end, counts = of.vocabulary - 1, {}
    lengths[end] = 0  # the end of a document has no text
    for seed, (side, size) in enumerate((("train", train_tokens), ("validation", validation_tokens))):
        stream = draw(source, size, seed)
        grouped = size if side == "validation" else min(size, build.GROUPED_TRAIN_TOKENS)
        stream.tofile(directory / f"{side}.bin")
        (np.arange(grouped) // BLOCK % build.GROUPS).astype(np.uint8).tofile(directory / f"{side}_groups.bin")
        counts[side] = {"documents": int((stream == end).sum()), "tokens": size,
                        "bytes": int(np.bincount(stream, minlength=of.vocabulary) @ lengths)}
    known = {"order": of.order, "contexts": source.contexts, "entropy": round(source.entropy, 9), "ring_tokens": len(ring)}
    build.write_manifest(directory, {**facts, "markov": known}, vocabulary=of.vocabulary, share=of.validation_share, counts=counts)


@compiled
def _entropy(first: npt.NDArray[np.int64], token: npt.NDArray[np.uint16]) -> float:
    """The mean over contexts of the entropy of what follows: sum over g of [n_g ln n_g - sum c ln c] / n."""
    counts = np.zeros(1 << _BITS, np.int64)
    total = 0.0
    for g in range(len(first) - 1):
        begin, stop = first[g], first[g + 1]
        if stop - begin < 2:
            continue
        part = (stop - begin) * np.log(stop - begin)
        for i in range(begin, stop):
            counts[token[i]] += 1
        for i in range(begin, stop):
            c = counts[token[i]]
            if c:
                part -= c * np.log(c)
                counts[token[i]] = 0
        total += part
    return total / len(token)


@compiled
def _uniform(state: np.uint64) -> float:
    """SplitMix64's output for a counter, as a float in [0, 1)."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * 2.0**-53


@compiled
def _draw(first: npt.NDArray[np.int64], token: npt.NDArray[np.uint16], context: npt.NDArray[np.uint32], count: int,
          seed: np.uint64) -> npt.NDArray[np.uint16]:
    out = np.empty(count, np.uint16)
    step = np.uint64(0x9E3779B97F4A7C15)
    state = (seed + np.uint64(1)) * np.uint64(0xD1B54A32D192ED03)
    g = context[int(_uniform(state) * len(token))]
    for i in range(count):
        state += step
        begin = first[g]
        place = begin + int(_uniform(state) * (first[g + np.uint32(1)] - begin))
        out[i] = token[place]
        g = context[place]
    return out
