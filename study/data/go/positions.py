"""Positions from games: what the player to move sees, the move that the engine chose, and who won. Replayed, not stored."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.data.compiled import compiled
from study.data.go.games import Games, GoError, read_games
from study.data.go.rules import NONE, POINTS, liberties_of, play
from study.data.go.symmetry import COUNT, IMAGE, ORIGIN

HERE = Path(__file__).parent
NAME = "go-9x9"
MOVES = HERE / f"{NAME}.npz"  # made by `study corpus go-9x9 --make COUNT --games go-9x9.npz`: games of seeds 1, 2, 3 ...
SHA256 = "4999e135aa29e7fd82e5d456a70cfd48f2f57205d9955b313ce44fd1750b8d47"  # of that file
TEST_GAMES = 700  # the first games of a file; the others are for training

PLANES = ("own stones", "the other's stones", "own, 1 liberty", "own, 2 liberties", "own, 3 or more",
          "the other's, 1 liberty", "the other's, 2 liberties", "the other's, 3 or more", "last move", "the move before",
          "ko", "Black to move", "on the board")  # the last, all ones, tells the edge from an empty point
ROW = len(PLANES) * POINTS + 2  # bytes of an example: its planes, its move, and whether the mover won


@dataclass(frozen=True, eq=False)
class Positions:
    """n positions in the order they were played. The mover's stones are +1, the other's -1."""

    board: NDArray[np.int8]  # (n, 81)
    liberties: NDArray[np.int8]  # (n, 81) of the chain at a point, 3 for more
    last: NDArray[np.int8]  # (n, 2) the last move and the one before, NONE where there is none
    ko: NDArray[np.int8]  # (n,) the forbidden point, or NONE
    black: NDArray[np.bool_]  # (n,) whether Black moves
    move: NDArray[np.int8]  # (n,) what the engine played, 0 to 81
    won: NDArray[np.bool_]  # (n,) whether the mover won the game
    game: NDArray[np.int64]  # (n,) index of the game in its file

    def __len__(self) -> int:
        return len(self.move)

    def __getitem__(self, index: slice | NDArray[np.int64]) -> "Positions":
        return Positions(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class PositionSet:
    """The positions of a file of games, split by game."""

    name: str
    sha256: str  # of the games' file
    train: Positions
    test: Positions


def open_positions(path: Path = MOVES) -> PositionSet:
    """The positions of a file of games, the committed one by default, in seconds.

    Raises:
        GoError: the file cannot be read, was altered, or holds an illegal move.
    """
    games = read_games(path, SHA256 if path == MOVES else None)
    positions = replay(games)
    first = int(np.searchsorted(positions.game, TEST_GAMES))
    return PositionSet(NAME, games.sha256, train=positions[first:], test=positions[:first])


def replay(games: Games) -> Positions:
    """Every position in which the engine chose a move.

    Raises:
        GoError: a move is illegal.
    """
    count = int((np.diff(games.starts) - games.openings).sum())
    out = Positions(np.zeros((count, POINTS), np.int8), np.zeros((count, POINTS), np.int8), np.full((count, 2), NONE, np.int8),
                    np.full(count, NONE, np.int8), np.zeros(count, np.bool_), np.zeros(count, np.int8), np.zeros(count, np.bool_),
                    np.zeros(count, np.int64))
    wrong = _replay(games.moves.astype(np.int64), games.starts, games.openings, games.scores, out.board, out.liberties, out.last,
                    out.ko, out.black, out.move, out.won, out.game)
    if wrong >= 0:
        game = int(np.searchsorted(games.starts, wrong, side="right")) - 1
        raise GoError(f"game {game} (seed {games.seeds[game]}), move {wrong - games.starts[game] + 1}: "
                      f"{int(games.moves[wrong])} is illegal; get the file of games again")
    return out


@compiled
def _replay(moves: NDArray[np.int64], starts: NDArray[np.int64], openings: NDArray[np.int64], scores: NDArray[np.int64],
            boards: NDArray[np.int8], liberties: NDArray[np.int8], last: NDArray[np.int8], kos: NDArray[np.int8],
            black: NDArray[np.bool_], chosen: NDArray[np.int8], won: NDArray[np.bool_], of: NDArray[np.int64]) -> int:
    """Fill the arrays of `Positions`; the index of the first illegal move, or -1."""
    at = 0
    for game in range(len(openings)):
        board, ko, colour = np.zeros(POINTS, np.int8), NONE, 1
        for index in range(starts[game + 1] - starts[game]):
            now = starts[game] + index
            if index >= openings[game]:
                boards[at] = board * colour
                liberties[at] = np.minimum(liberties_of(board), 3)
                for back in range(min(index, 2)):
                    last[at, back] = moves[now - 1 - back]
                kos[at], black[at], chosen[at] = ko, colour == 1, moves[now]
                won[at], of[at] = (scores[game] > 0) == (colour == 1), game
                at += 1
            legal, ko = play(board, colour, moves[now], ko)
            if not legal:
                return now
            colour = -colour
    return -1


def rows(positions: Positions, examples: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Examples as (B, ROW) bytes. Example 8 i + s is position i turned by symmetry s: the planes and the move alike."""
    index, turned = np.divmod(examples, COUNT)
    some, origin, each = positions[index], ORIGIN[turned], np.arange(len(examples))
    board, liberties = (np.take_along_axis(values, origin, axis=1) for values in (some.board, some.liberties))
    out = np.zeros((len(examples), ROW), np.uint8)
    planes = out[:, :-2].reshape(len(examples), len(PLANES), POINTS)
    for side, colour in enumerate((1, -1)):
        stones = board == colour
        planes[:, side] = stones
        for count in (1, 2, 3):
            planes[:, 1 + 3 * side + count] = stones & (liberties == count)
    for plane, points in ((8, some.last[:, 0]), (9, some.last[:, 1]), (10, some.ko)):
        there = (points >= 0) & (points < POINTS)
        planes[each[there], plane, IMAGE[turned[there], points[there]]] = 1
    planes[:, 11] = some.black[:, None]
    planes[:, 12] = 1
    out[:, -2], out[:, -1] = IMAGE[turned, some.move], some.won
    return out

