"""Go games small enough to replay and train on in a second, played by no engine: random moves, and a rule for the targets."""

from pathlib import Path

import numpy as np

from study.data.go.games import Game, read_games, write_games
from study.data.go.positions import PositionSet, replay
from study.data.go.rules import NONE, PASS, POINTS, legal_moves, play


def random_games(count: int, length: int, seed: int) -> list[Game]:
    """Games of legal moves: three in four stand right of the last one, the others at random; who wins is told by the first."""
    random, games = np.random.default_rng(seed), []
    for index in range(count):
        board, ko, colour, moves = np.zeros(POINTS, np.int8), NONE, 1, []
        for _ in range(length):
            legal = np.flatnonzero(legal_moves(board, colour, ko)[:POINTS])
            follow = moves[-1] + 1 if moves else 0
            move = follow if random.random() < 0.75 and follow in legal else int(random.choice(legal)) if len(legal) else PASS
            _, ko = play(board, colour, move, ko)
            colour = -colour
            moves.append(move)
        games.append(Game(index + 1, 2, 1 if moves[0] < 40 else -1, tuple(moves)))
    return games


def position_set(folder: Path, train: int = 40, test: int = 12) -> PositionSet:
    """Positions of so many games of 18 moves each, 16 of them positions."""
    write_games(folder / "games.npz", random_games(train + test, 18, 0))
    games = read_games(folder / "games.npz")
    positions = replay(games)
    first = int(np.searchsorted(positions.game, test))
    return PositionSet("go-9x9", games.sha256, train=positions[first:], test=positions[:first])
