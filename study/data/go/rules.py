"""The rules of Go on a 9x9 board: captures, liberties, suicide, simple ko.

A board is an int8 array of 81 points, +1 Black, -1 White, 0 empty; point = 9 (row - 1) + column, A1 first. Move 81 is a
pass. Suicide is forbidden. A stone that captured one stone, and stands alone with one liberty, may not be retaken at once.
"""

import numpy as np
from numpy.typing import NDArray

from study.data.compiled import compiled

SIZE = 9
POINTS = SIZE * SIZE
PASS = POINTS  # the move; there are POINTS + 1 of them
NONE = -1  # no ko, no last move
BLACK, WHITE = 1, -1


def _neighbours() -> NDArray[np.int64]:
    row, column = np.divmod(np.arange(POINTS), SIZE)
    steps = []
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        r, c = row + down, column + right
        steps.append(np.where((r >= 0) & (r < SIZE) & (c >= 0) & (c < SIZE), r * SIZE + c, NONE))
    return np.stack(steps, axis=1)


NEIGHBOURS = _neighbours()  # (81, 4), NONE beyond the edge


@compiled
def chain(board: NDArray[np.int8], point: int) -> tuple[NDArray[np.bool_], int]:
    """(81,) stones of the chain that the stone at `point` belongs to, and how many liberties it has."""
    stones, free = np.zeros(POINTS, np.bool_), np.zeros(POINTS, np.bool_)
    waiting, left, liberties = np.empty(POINTS, np.int64), 1, 0
    waiting[0], stones[point] = point, True
    while left > 0:
        left -= 1
        for near in NEIGHBOURS[waiting[left]]:
            if near == NONE:
                continue
            if board[near] == 0 and not free[near]:
                free[near] = True
                liberties += 1
            elif board[near] == board[point] and not stones[near]:
                stones[near] = True
                waiting[left] = near
                left += 1
    return stones, liberties


@compiled
def play(board: NDArray[np.int8], colour: int, move: int, ko: int) -> tuple[bool, int]:
    """Play on `board` in place; `ko` is the point forbidden now. Returns whether it is legal, and the point forbidden next.

    An illegal move leaves the board as it was.
    """
    if move == PASS:
        return True, NONE
    if move < 0 or move > PASS or board[move] != 0 or move == ko:
        return False, ko
    board[move] = colour
    captured, last = 0, NONE
    for near in NEIGHBOURS[move]:
        if near != NONE and board[near] == -colour:
            stones, liberties = chain(board, near)
            if liberties == 0:
                for point in range(POINTS):
                    if stones[point]:
                        board[point] = 0
                        captured, last = captured + 1, point
    stones, liberties = chain(board, move)
    if liberties == 0:  # then nothing was captured
        board[move] = 0
        return False, ko
    return True, last if captured == 1 and liberties == 1 and stones.sum() == 1 else NONE


@compiled
def legal_moves(board: NDArray[np.int8], colour: int, ko: int) -> NDArray[np.bool_]:
    """(82,) whether each move is legal; a pass always is."""
    legal = np.zeros(POINTS + 1, np.bool_)
    for move in range(POINTS + 1):
        legal[move] = play(board.copy(), colour, move, ko)[0]
    return legal


@compiled
def liberties_of(board: NDArray[np.int8]) -> NDArray[np.int8]:
    """(81,) the liberties of the chain at each point, 0 where it is empty."""
    out = np.zeros(POINTS, np.int8)
    for point in range(POINTS):
        if board[point] != 0 and out[point] == 0:
            stones, liberties = chain(board, point)
            for other in range(POINTS):
                if stones[other]:
                    out[other] = liberties
    return out
