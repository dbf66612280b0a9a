"""Corpora tokenised once into memory-mapped 16-bit streams: built on the first call, opened afterwards."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pooch

from study.data import build, hub, sizes
from study.data.corpora import FORMAT, Corpus, CorpusError, as_documents, corpus, packaged_documents
from study.data.stream import STREAMS, TokenSet
from study.data.tokenizer import gpt2_tokenizer, load_tokenizer, train_tokenizer
from study.data.wheels import read_pins

if TYPE_CHECKING:
    from rich.progress import Progress

_TOKENIZER_TEXT = 2**28  # characters of a streamed corpus that its own tokenizer is trained on


def cache_directory(cache: Path | None = None) -> Path:
    """`cache`, else $STUDY_CACHE, else the user's cache folder (`~/.cache/study` on Linux)."""
    return Path(cache or os.environ.get("STUDY_CACHE") or pooch.os_cache("study")).expanduser()


def prepare(name: str, *, cache: Path | None = None, progress: bool = False, parquet: Path | None = None,
            max_tokens: int | None = None, own_vocabulary: int | None = None) -> TokenSet:
    """The tokens of a corpus: fetched, verified and tokenised on the first call, opened afterwards.

    The last three are for hub corpora: a local parquet file of the same schema in place of the hub, a limit on the
    train tokens (reached by the document that passes it), and the entries of a tokenizer that is trained on the text
    in place of GPT-2's. Once built, a hub corpus opens without them.

    Raises:
        CorpusError: an unknown corpus, an impossible option, a full disk, or tokens other than those recorded.
        WheelError, StudyError: the text or the tokenizer cannot be had.
    """
    of = corpus(name)
    if of.source:
        prepare(of.source, cache=cache, progress=progress)
    if parquet is not None and not parquet.is_file():
        raise CorpusError(f"there is no file {parquet}")
    asked = {"parquet_sha256": parquet and pooch.file_hash(str(parquet)), "max_tokens": max_tokens,
             "own_vocabulary": own_vocabulary}
    if max_tokens is not None and max_tokens <= 0:
        raise CorpusError(f"the limit on train tokens must be positive, not {max_tokens}")
    if of.hub is None and any(asked.values()):
        raise CorpusError(f"{name} is pinned: --parquet, --max-tokens and --train-tokenizer are for hub corpora")
    directory = cache_directory(cache) / "corpora" / f"{name}-{_key(of)}"
    if not build.finished(directory):
        with build.building(directory) as temporary, _display(progress) as bar:
            if temporary is None:
                pass  # another process built it
            elif of.source:
                _build_markov(of, temporary, prepare(of.source, cache=cache), bar)
            elif of.hub is None:
                _build_packaged(of, temporary, cache_directory(cache) / "wheels", bar)
            else:
                _build_hub(of, of.hub, temporary, parquet, asked, bar)
    tokens = open_tokens(name, directory)
    if of.hub is not None and any(asked.values()) and tokens.manifest["options"] != asked:
        raise CorpusError(f"{name} was built with other options: delete {directory} to build it anew")
    recorded = sizes.UNIQUE_TRAIN_TOKENS.get(name, len(tokens.train)), sizes.CORPUS_SHA256.get(name, tokens.sha256)
    if recorded != (len(tokens.train), tokens.sha256):
        raise CorpusError(f"{name} has {len(tokens.train)} train tokens and sha256 {tokens.sha256[:12]}, sizes.py records "
                          f"{recorded[0]} and {recorded[1][:12]}: install requirements.lock and delete {directory}")
    return tokens


def encode_for(name: str, tokenizer_of: str, *, progress: bool = False) -> TokenSet:
    """The whole text of the packaged corpus `name` in the tokens of `tokenizer_of`, as `validation`; `train` is empty.

    For evaluation out of distribution. `bytes_per_token` is that of this text.

    Raises:
        CorpusError: `name` is a hub corpus, which has no end.
    """
    of, base = corpus(name), prepare(tokenizer_of, progress=progress)
    if of.hub is not None or of.source:
        raise CorpusError(f"{name} cannot be an out-of-distribution corpus: only a packaged one can")
    directory = cache_directory() / "corpora" / f"{name}-{_key(of)}-for-{tokenizer_of}-{base.sha256[:12]}"
    if not build.finished(directory):
        with build.building(directory) as temporary, _display(progress) as bar:
            if temporary is not None:
                documents = packaged_documents(of, cache_directory() / "wheels")
                tracked = bar.track(documents, description=f"{name}: encoding with the tokenizer of {tokenizer_of}")
                tokenizer = load_tokenizer(base.directory / "tokenizer.json")
                build.write_tokens(temporary, tracked, tokenizer, base.vocabulary, 1.0,
                                   {**_facts(of), "tokenizer_of": tokenizer_of})
    return open_tokens(name, directory)


def open_tokens(name: str, directory: Path, *, verify: bool = False) -> TokenSet:
    """Open a finished token directory; `verify` reads every byte and compares the sha256s.

    Raises:
        CorpusError: a file is missing, cut short or (with `verify`) changed.
    """
    damaged = CorpusError(f"{directory} is damaged: delete it and run `study corpus {name}`")
    try:
        text = (directory / "manifest.json").read_bytes()
        manifest = json.loads(text)
        if verify and any(pooch.file_hash(str(directory / file)) != sha for file, sha in manifest["sha256"].items()):
            raise damaged
        streams = {stream: _map(directory / f"{stream}.bin", dtype) for stream, dtype in STREAMS.items()}
        counts, ratio = manifest["counts"], manifest["bytes_per_token"]
    except (OSError, ValueError, KeyError) as error:
        raise damaged from error
    train, validation = counts["train"]["tokens"], counts["validation"]["tokens"]
    whole = {"train": train, "train_groups": min(train, build.GROUPED_TRAIN_TOKENS),
             "validation": validation, "validation_groups": validation}
    if any(len(streams[stream]) != tokens for stream, tokens in whole.items()):
        raise damaged
    return TokenSet(name=name, directory=directory, vocabulary=manifest["vocabulary"],
                    bytes_per_token=ratio["train"] or ratio["validation"], validation_bytes_per_token=ratio["validation"],
                    sha256=hashlib.sha256(text).hexdigest(), **streams)


def _build_packaged(of: Corpus, directory: Path, wheels: Path, bar: "Progress") -> None:
    step = bar.add_task(f"{of.name}: fetching and reading the wheels", total=None)
    documents = packaged_documents(of, wheels)
    bar.update(step, description=f"{of.name}: training the tokenizer")
    tokenizer = train_tokenizer((document.text for document in documents if not document.in_validation(of.validation_share)),
                                of.vocabulary)
    facts = _facts(of)
    if of.deduplicated:
        from study.data.dedup import deduplicate  # compiled code, for this corpus alone

        bar.update(step, description=f"{of.name}: leaving out what was seen before")
        documents, found = deduplicate(of, documents, tokenizer)
        facts |= found
    bar.remove_task(step)
    tracked = bar.track(documents, description=f"{of.name}: encoding")
    build.write_tokens(directory, tracked, tokenizer, of.vocabulary, of.validation_share, facts,
                       validation_document_tokens=of.validation_document_tokens)


def _build_markov(of: Corpus, directory: Path, source: TokenSet, bar: "Progress") -> None:
    from study.data.markov import TRAIN_TOKENS, VALIDATION_TOKENS, write_markov  # compiled code, for these corpora alone

    step = bar.add_task(f"{of.name}: drawing from the {of.order + 1}-grams of {of.source}", total=None)
    write_markov(of, directory, np.asarray(source.train), source.directory / "tokenizer.json",
                 {"corpus": of.name, "source": of.source, "source_sha256": source.sha256},
                 train_tokens=TRAIN_TOKENS, validation_tokens=VALIDATION_TOKENS)
    bar.remove_task(step)


def _build_hub(of: Corpus, source: hub.HubSource, directory: Path, parquet: Path | None, options: dict[str, Any],
               bar: "Progress") -> None:
    step = bar.add_task(f"{of.name}: the tokenizer", total=None)
    vocabulary: int = options["own_vocabulary"] or of.vocabulary
    if options["own_vocabulary"]:
        documents = as_documents(hub.hub_texts(source, parquet))
        train = (document.text for document in documents if not document.in_validation(of.validation_share))
        tokenizer = train_tokenizer(build.first_characters(train, _TOKENIZER_TEXT), vocabulary)
    else:
        tokenizer = gpt2_tokenizer()
    bar.remove_task(step)
    tracked = bar.track(as_documents(hub.hub_texts(source, parquet)), description=f"{of.name}: encoding", total=None)
    build.write_tokens(directory, tracked, tokenizer, vocabulary, of.validation_share, {**_facts(of), "options": options},
                       max_tokens=options["max_tokens"])


def _facts(of: Corpus) -> dict[str, Any]:
    """Where the text is from."""
    if of.hub is not None:
        return {"corpus": of.name, "hub": asdict(of.hub)}
    return {"corpus": of.name, "wheels": {f"{pin.name}=={pin.version}": pin.sha256 for pin in read_pins(of.requirements)}}


def _key(of: Corpus) -> str:
    """Changes with everything that determines the tokens, so that a changed definition is built anew."""
    packaged = of.hub is None and not of.source
    pins = of.requirements.read_text() if packaged else sizes.CORPUS_SHA256.get(of.source, "")
    later = {"deduplicated": False, "source": "", "order": 0}  # at these values left out: earlier corpora keep their keys
    definition = {key: value for key, value in asdict(of).items()
                  if key != "about" and not (key in later and value == later[key])}
    return hashlib.sha256(json.dumps([FORMAT, definition, pins], sort_keys=True).encode()).hexdigest()[:12]


def _map(path: Path, dtype: str) -> npt.NDArray[Any]:
    """A read-only memory map; an empty file, which cannot be mapped, is an empty array."""
    return np.memmap(path, dtype, "r") if path.stat().st_size else np.zeros(0, dtype)


def _display(shown: bool) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                    TimeElapsedColumn(), console=Console(stderr=True), disable=not shown)
