"""Sources of known entropy: the exact rate against a count by hand, draws that follow the chain, a corpus built so."""

import dataclasses
import hashlib
from collections import Counter

import numpy as np
import pytest

from study.data import corpora, markov
from study.data.corpora import Corpus, CorpusError
from study.data.markov import chain, draw
from study.data.tokens import encode_for, prepare


def ring(seed: int = 0, count: int = 4000) -> np.ndarray:
    """Tokens that depend on those before: each is the sum of two before it, with a little noise."""
    rng = np.random.default_rng(seed)
    out = rng.integers(0, 12, count).astype(np.uint16)
    for i in range(2, count):
        out[i] = (out[i - 1] + out[i - 2] + rng.integers(0, 3)) % 12
    return out


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_entropy_is_that_of_counts_by_hand(k: int) -> None:
    text = ring()
    doubled = np.concatenate([text, text[:k]]).tolist()

    def plogp(n: int) -> float:
        counts = Counter(tuple(doubled[i : i + n]) for i in range(len(text)))
        p = np.array(list(counts.values())) / len(text)
        return float(p @ np.log(p))

    made = chain(text, k)
    assert made.entropy == pytest.approx(plogp(k) - plogp(k + 1), abs=1e-12)
    assert made.contexts == len({tuple(doubled[i : i + k]) for i in range(len(text))})


def test_a_fair_die_has_the_logarithm_of_its_sides_and_a_cycle_none() -> None:
    bruijn = np.array([0, 0, 1, 1], np.uint16)  # every pair once: the next token is a fair coin
    assert chain(bruijn, 1).entropy == pytest.approx(np.log(2), abs=1e-15)
    cycle = chain(np.arange(7, dtype=np.uint16), 1)
    assert cycle.entropy == 0
    drawn = draw(cycle, 20, 3).astype(int)
    assert set(np.diff(drawn) % 7) == {1}


def test_a_long_draw_has_the_frequencies_of_the_ring_and_no_new_k_plus_one_gram() -> None:
    text = ring(count=300)
    drawn = draw(chain(text, 2), 200_000, 0)
    looped = np.concatenate([text, text[:2]])
    of_ring, of_draw = (Counter(zip(s[:-2].tolist(), s[1:-1].tolist(), s[2:].tolist(), strict=True)) for s in (looped, drawn))
    assert of_draw.keys() <= of_ring.keys()
    for gram, times in of_ring.items():
        assert of_draw[gram] / (len(drawn) - 2) == pytest.approx(times / len(text), abs=0.004), gram


def test_a_draw_is_the_same_for_ever_and_differs_between_seeds() -> None:
    drawn = draw(chain(ring(), 2), 1000, 1)
    assert hashlib.sha256(drawn.astype("<u2").tobytes()).hexdigest()[:12] == "718fb3894705"
    assert not np.array_equal(drawn, draw(chain(ring(), 2), 1000, 2))


def test_what_cannot_be_a_chain_is_refused() -> None:
    for text, k in ((ring(), 0), (ring(), 4), (ring()[:2], 2), (ring() + np.uint16(1020), 1)):
        with pytest.raises(ValueError, match=r"order must be|need more than"):
            chain(text, k)


def test_a_corpus_drawn_from_another_knows_its_entropy(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markov, "TRAIN_TOKENS", 50_000)
    monkeypatch.setattr(markov, "VALIDATION_TOKENS", 20_000)
    drawn = dataclasses.replace(tiny, name="tiny-markov", under="", suffix="", source="tiny", order=2)
    monkeypatch.setitem(corpora.CORPORA, "tiny-markov", drawn)
    tokens, base = prepare("tiny-markov"), prepare("tiny")
    assert (len(tokens.train), len(tokens.validation), tokens.vocabulary) == (50_000, 20_000, 300)
    assert tokens.manifest["markov"]["entropy"] == pytest.approx(chain(np.asarray(base.train), 2).entropy, abs=1e-9)
    assert tokens.manifest["source_sha256"] == base.sha256
    assert tokens.bytes_per_token == pytest.approx(base.bytes_per_token, rel=0.05)
    assert len(set(tokens.validation_groups.tolist())) == 5  # blocks of 4,096 tokens
    with pytest.raises(CorpusError, match="out-of-distribution"):
        encode_for("tiny-markov", "tiny")
