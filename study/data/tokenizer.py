"""Byte-level BPE: trained on a corpus's train split, or GPT-2's. The last id of a vocabulary is the end of a text."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from study.errors import StudyError, first_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

GPT2 = "openai-community/gpt2"
GPT2_VOCABULARY = 50_257


def train_tokenizer(texts: Iterator[str], vocabulary: int) -> "Tokenizer":
    """Byte-level BPE (Sennrich et al. 2016, with GPT-2's pre-tokenisation) of `vocabulary - 1` entries.

    The last id, `vocabulary - 1`, is kept for the end of a text and no text encodes to it: a source file that
    spells out an end-of-text marker must not end a document.

    Raises:
        StudyError: fewer than 257 entries, or the texts hold too few distinct pairs to fill the vocabulary.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocabulary < 257:
        raise StudyError(f"a byte-level vocabulary needs at least 257 entries, not {vocabulary}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary - 1, show_progress=False, special_tokens=[],
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(texts, trainer)
    if (filled := tokenizer.get_vocab_size() + 1) != vocabulary:
        raise StudyError(f"the text is too small for a vocabulary of {vocabulary} entries: it fills {filled}")
    return tokenizer


def gpt2_tokenizer() -> "Tokenizer":
    """GPT-2's tokenizer from the hub, 50,257 entries, verified by what it encodes.

    Raises:
        StudyError: the hub cannot be reached, or what came is not GPT-2's tokenizer.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_pretrained(GPT2)
    except Exception as error:  # the hub's client raises many kinds, some of them bare
        raise StudyError(f"GPT-2's tokenizer cannot be fetched from the hub ({first_line(error)}): "
                         "connect, or ask for one of its own with --train-tokenizer") from None
    tokenizer.encode_special_tokens = True  # a marker spelled out in a text stays text
    if tokenizer.get_vocab_size() != GPT2_VOCABULARY or tokenizer.encode("Hello world").ids != [15496, 995]:
        raise StudyError(f"{GPT2} did not give GPT-2's tokenizer")
    return tokenizer


def load_tokenizer(path: Path) -> "Tokenizer":
    """Read a tokenizer.json back.

    Raises:
        StudyError: it cannot be read.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise StudyError(f"{path} is not a tokenizer ({first_line(error)}): "
                         "delete its directory and run `study corpus` again") from None
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode(tokenizer: "Tokenizer", texts: Sequence[str], end: int) -> list[npt.NDArray[np.uint16]]:
    """Token ids of each text, followed by `end`."""
    encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [np.array([*one.ids, end], dtype="<u2") for one in encoded]
