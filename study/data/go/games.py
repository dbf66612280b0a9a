"""Games as moves: a text line each while they are made, one packed file when they are done.

The packed file is a NumPy archive without pickles: `size` of the board, `seeds`, `openings` (how many moves at the start were
given to the engine), `scores` (twice Black's margin, komi counted), `lengths`, and `moves`, all games' one after the other.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.data.go.rules import PASS, SIZE
from study.errors import StudyError
from study.record import write_atomic


class GoError(StudyError):
    """Games that cannot be made or read."""


@dataclass(frozen=True)
class Game:
    """One game. `moves` are points, or 81 for a pass, Black's first; the first `opening` of them were not the engine's choice."""

    seed: int
    opening: int
    score: int  # twice Black's margin, odd: the komi is 7.5
    moves: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Games:
    """Many games, in arrays. `starts` (games + 1,) bounds each game's moves in `moves`."""

    seeds: NDArray[np.int64]
    openings: NDArray[np.int64]
    scores: NDArray[np.int64]
    starts: NDArray[np.int64]
    moves: NDArray[np.uint8]
    sha256: str  # of the file

    def __len__(self) -> int:
        return len(self.seeds)

    def game(self, index: int) -> Game:
        """Game `index`."""
        moves = self.moves[self.starts[index]:self.starts[index + 1]]
        return Game(int(self.seeds[index]), int(self.openings[index]), int(self.scores[index]), tuple(moves.tolist()))


def pack(games: Sequence[Game]) -> bytes:
    """The packed file of some games."""
    file = io.BytesIO()
    np.savez_compressed(
        file, size=np.uint8(SIZE), seeds=np.array([game.seed for game in games], np.uint32),
        openings=np.array([game.opening for game in games], np.uint8), scores=np.array([game.score for game in games], np.int16),
        lengths=np.array([len(game.moves) for game in games], np.uint8),
        moves=np.array([move for game in games for move in game.moves], np.uint8))
    return file.getvalue()


def read_games(path: Path, sha256: str | None = None) -> Games:
    """Read a packed file, of this sha256 where one is given. Whether the moves are legal shows when they are replayed.

    Raises:
        GoError: no such file, truncated, altered, or of another board.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GoError(f"cannot read {path}: {error.strerror or error}") from None
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise GoError(f"{path} was altered or truncated: its sha256 begins {found[:12]}, not {sha256[:12]}; get the file again")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            size = int(arrays["size"])
            seeds, openings, scores, lengths = (arrays[name].astype(np.int64)
                                                for name in ("seeds", "openings", "scores", "lengths"))
            moves = arrays["moves"].astype(np.uint8)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise GoError(f"{path} is no file of Go games, or a truncated one: {error}") from None
    if size != SIZE:
        raise GoError(f"{path} holds games on a {size}x{size} board, this study's are {SIZE}x{SIZE}")
    starts = np.concatenate([[0], np.cumsum(lengths)])
    if not len(seeds) == len(openings) == len(scores) == len(lengths) or starts[-1] != len(moves) or np.any(openings > lengths):
        raise GoError(f"{path} does not add up: {len(seeds)} games of {starts[-1]} moves, and {len(moves)} moves")
    return Games(seeds, openings, scores, starts, moves, found)


def write_line(game: Game) -> str:
    """A game as a line of text: seed, opening, score, moves."""
    return f"{game.seed} {game.opening} {game.score} {' '.join(map(str, game.moves))}\n"


def read_lines(lines: Iterable[str], where: str) -> list[Game]:
    """Games from lines of text; a last line without its end was being written when the writer died, and is dropped.

    Raises:
        GoError: a line that is no game.
    """
    games = []
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            break
        try:
            seed, opening, score, *moves = map(int, line.split())
        except ValueError:
            raise GoError(f"{where}, line {number}: not seed, opening, score and moves") from None
        if not 0 <= opening <= len(moves) or any(not 0 <= move <= PASS for move in moves):
            raise GoError(f"{where}, line {number}: a move outside 0 to {PASS}, or an opening longer than the game")
        games.append(Game(seed, opening, score, tuple(moves)))
    return games


def write_games(path: Path, games: Sequence[Game]) -> None:
    """Write the packed file, whole or not at all.

    Raises:
        GoError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, pack(games))
    except OSError as error:
        raise GoError(f"cannot write {path}: {error.strerror or error}") from None
