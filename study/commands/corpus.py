"""`study corpus`: a corpus's tokens, into the cache; or the Go positions, and the games that they are replayed from."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def command(
    name: Annotated[str, typer.Argument(
        help="sotu, python-source, python-dedup, markov-2, markov-3, fineweb-edu, wikitext-2, wikitext-103, openwebtext "
             "or go-9x9.")],
    parquet: Annotated[Path | None, typer.Option(help="Hub corpora: a local parquet file with a column `text`.")] = None,
    max_tokens: Annotated[float | None, typer.Option(help="Hub corpora: stop at so many train tokens, e.g. 5e9.")] = None,
    train_tokenizer: Annotated[int | None, typer.Option(
        min=257, max=65_536, help="Hub corpora: train a tokenizer of so many entries instead of GPT-2's.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Also record the corpus in numbers: runs/corpora/NAME.json.")] = False,
    runs: Annotated[Path, typer.Option("--runs", help="Folder of records, for --record.")] = Path("runs"),
    games: Annotated[Path | None, typer.Option(help="go-9x9: a file of games, in place of the study's own.")] = None,
    make: Annotated[int | None, typer.Option(
        min=1, help="go-9x9: have GNU Go play so many games, into the file --games names; run again to go on.")] = None,
    again: Annotated[bool, typer.Option("--again", help="go-9x9: with --make, second labels of the test positions.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="go-9x9: with --make, games played at a time.")] = 1,
) -> None:
    """Fetch, verify and tokenise a corpus once into the cache ($STUDY_CACHE or the user's cache folder).

    Example: `study corpus python-source`; the Go positions: `study corpus go-9x9`, and with the engine,
    `study corpus go-9x9 --make 6500 --games go-9x9.npz --workers 2`
    """
    from rich.console import Console
    from rich.table import Table

    from study.data.tokens import open_tokens, prepare
    from study.errors import StudyError
    from study.extras import need

    console = Console(highlight=False, soft_wrap=True)
    if name == "go-9x9":
        if parquet is not None or max_tokens is not None or train_tokenizer or record:
            raise StudyError("--parquet, --max-tokens, --train-tokenizer and --record are for text, not for go-9x9")
        _go(games, make, again, workers, console)
        return
    if games or make or again:
        raise StudyError(f"--games, --make and --again are for go-9x9, not for {name}")
    need("tokenizers", "study corpus")
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
    from study.record import write_json

    path = runs / "corpora" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {**{key: manifest[key] for key in RECORDED if key in manifest}, "sha256": sha256}
    write_json(path, body)
    return path


def _go(path: Path | None, make: int | None, again: bool, workers: int, console: "Console") -> None:
    from functools import partial

    from rich.progress import track
    from rich.table import Table

    from study.data.go import make as maker
    from study.data.go.games import GoError, read_games, write_games
    from study.data.go.positions import MOVES, SHA256, open_positions

    if make is not None:
        if path is None or path.resolve() == MOVES.resolve():
            raise GoError("--make needs --games FILE, and not the study's own file: where the games go")
        first = read_games(MOVES, SHA256) if again else None
        one = maker.first_label if first is None else partial(maker.second_label, first)
        played = maker.made(path.with_suffix(".txt"), make, one, workers)
        write_games(path, list(track(played, "playing", make, console=console, disable=not console.is_terminal)))
    elif again:
        raise GoError("--again goes with --make")
    made = open_positions(path or MOVES)
    shown = Table(title=f"go-9x9, sha256 {made.sha256[:12]}", title_justify="left")
    for heading in ("", "games", "positions", "Black wins", "passes"):
        shown.add_column(heading, justify="left" if not heading else "right")
    for split, some in (("train", made.train), ("test", made.test)):
        games, count = len(set(some.game.tolist())), max(1, len(some))
        shown.add_row(split, f"{games:,}", f"{len(some):,}", f"{(some.won == some.black).sum() / count:.1%}",
                      f"{(some.move == 81).sum() / count:.1%}")
    console.print(shown)
    console.print(f"in {path or MOVES}")
