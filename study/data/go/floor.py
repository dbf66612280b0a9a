"""How far the labels can be foretold: positions that occur with different moves, and positions labelled a second time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.data.go.games import Games, GoError, read_games
from study.data.go.make import AGAIN
from study.data.go.positions import HERE, MOVES, NAME, SHA256, Positions
from study.data.go.rules import POINTS
from study.data.go.symmetry import COUNT, IMAGE, ORIGIN

SECOND_MOVES = HERE / f"{NAME}-again.npz"  # made by `study corpus go-9x9 --again --make 1400 --games go-9x9-again.npz`
SECOND_SHA256 = "d1b2ec9aacbeb248c87b9ef0788fb47acaf24e493775af434b1f171ccfecb431"


@dataclass(frozen=True, eq=False)
class Agreement:
    """Whether two labels of one position are the same, an entry a pair, and the game that the pair counts under."""

    same_move: NDArray[np.bool_]
    same_winner: NDArray[np.bool_]
    game: NDArray[np.int64]


def second_labels(games: Games, again: Games, each: int) -> Agreement:
    """The labels of positions played on from a second time, `each` of a game (`make.second_label`), beside the first ones.

    Raises:
        GoError: a game of `again` does not begin as its game does.
    """
    moves, winners, of = [], [], []
    for index in range(len(again)):
        first, second = games.game(index // each), again.game(index)
        at = second.opening
        if first.moves[:at] != second.moves[:at] or at >= len(first.moves):
            raise GoError(f"game {index} of the second labels does not begin as game {index // each}: they belong to other games")
        moves.append(first.moves[at] == second.moves[at])
        winners.append((first.score > 0) == (second.score > 0))
        of.append(index // each)
    return Agreement(np.array(moves, np.bool_), np.array(winners, np.bool_), np.array(of, np.int64))


def open_second_labels() -> Agreement:
    """The committed second labels beside the first ones.

    Raises:
        GoError: a file of games cannot be read or was altered, or the two do not belong together.
    """
    return second_labels(read_games(MOVES, SHA256), read_games(SECOND_MOVES, SECOND_SHA256), AGAIN)


def repeats(positions: Positions) -> Agreement:
    """Pairs of occurrences of one position, up to symmetry, in different games: each occurrence with the next one.

    A position is its stones as the mover sees them, the ko and the colour to move; how it came about is not part of it.
    """
    keys, moves = canonical(positions)
    order = np.lexsort((positions.game, keys))
    a, b = order[:-1], order[1:]
    pair = (keys[a] == keys[b]) & (positions.game[a] != positions.game[b])
    a, b = a[pair], b[pair]
    return Agreement(moves[a] == moves[b], positions.won[a] == positions.won[b], positions.game[b])


def canonical(positions: Positions) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
    """(n,) a key that is equal for positions equal up to symmetry, and (n,) the engine's move in the key's orientation.

    The key is the least of eight, as bytes; where a symmetric position has it twice, the least move counts.
    """
    size = POINTS + 2
    turned = np.empty((COUNT, len(positions), size + 1), np.int8)
    for s in range(COUNT):
        turned[s, :, :POINTS] = positions.board[:, ORIGIN[s]]
        turned[s, :, POINTS] = np.where(positions.ko >= 0, IMAGE[s][positions.ko], positions.ko)
        turned[s, :, POINTS + 1] = positions.black
        turned[s, :, size] = IMAGE[s][positions.move]
    whole = turned.view(f"S{size + 1}")[..., 0]
    least = turned[np.argsort(whole, axis=0, kind="stable")[0], np.arange(len(positions))]
    return np.ascontiguousarray(least[:, :size]).view(f"S{size}")[:, 0], least[:, size].astype(np.int64)
