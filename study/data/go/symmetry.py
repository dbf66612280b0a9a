"""The eight symmetries of the board, as tables: four rotations, each with and without a reflection."""

import numpy as np
from numpy.typing import NDArray

from study.data.go.rules import PASS, POINTS, SIZE

COUNT = 8


def _images() -> NDArray[np.int64]:
    board = np.arange(POINTS).reshape(SIZE, SIZE)
    moved = [np.rot90(side, turns).ravel() for side in (board, board.T) for turns in range(4)]
    return np.array([[*np.argsort(points), PASS] for points in moved])


IMAGE = _images()  # (8, 82): where symmetry s takes a move; a pass stays a pass, and symmetry 0 is the identity
ORIGIN = np.argsort(IMAGE[:, :POINTS], axis=1)  # (8, 81): the point that symmetry s brings here
