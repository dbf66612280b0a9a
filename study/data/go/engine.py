"""GNU Go 3.8 over the Go Text Protocol (version 2): the games it plays against itself. Needed to make positions, never to use them.

One process a game, so that a game depends on its seed and its opening alone.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from study.data.go.games import Game, GoError
from study.data.go.rules import BLACK, NONE, PASS, POINTS, SIZE, WHITE, legal_moves, play

VERSION = "3.8"  # Debian's package gnugo 3.8-11 made the committed games
KOMI = 7.5
LONGEST = 250  # moves; a game that two passes have not ended by then is scored as it stands
OPENINGS = (2, 6)  # random moves at the start, both ends possible
COLUMNS = "ABCDEFGHJ"  # of the board's points: there is no I

Ask = Callable[[str], str]


def find() -> str:
    """The path of the engine.

    Raises:
        GoError: it is not installed.
    """
    path = shutil.which("gnugo", path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/games")))
    if path is None:
        raise GoError("GNU Go is not installed: Debian's package `gnugo` has it; games that are made need no engine")
    return path


@contextmanager
def engine(seed: int) -> Iterator[Ask]:
    """A GNU Go process at level 0 on an empty board: a function from a command to its answer. `seed` is positive: 0 is the clock's.

    Raises:
        GoError: it is not installed, is another version, or refuses a command.
    """
    # the smallest cache changes no move and is the fastest
    command = [find(), "--mode", "gtp", "--level", "0", "--boardsize", str(SIZE), "--komi", str(KOMI), "--never-resign",
               "--cache-size", "1", "--seed", str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        sent, answers = process.stdin, process.stdout
        assert sent is not None and answers is not None

        def ask(line: str) -> str:
            sent.write(f"{line}\n")
            sent.flush()
            answer = []
            while (read := answers.readline()).strip():
                answer.append(read.strip())
            if not answer or not answer[0].startswith("="):
                raise GoError(f"GNU Go answered {' '.join(answer) or 'nothing'!r} to {line!r}")
            return " ".join(answer)[1:].strip()

        if (found := ask("version")) != VERSION:
            raise GoError(f"this GNU Go is version {found}, the positions are made by {VERSION}")
        yield ask
        ask("quit")


def vertex(move: int) -> str:
    """The protocol's name of a move: "A1" for point 0, "PASS" for 81."""
    return "PASS" if move == PASS else f"{COLUMNS[move % SIZE]}{move // SIZE + 1}"


def move_of(name: str) -> int:
    """The move of a protocol's name.

    Raises:
        GoError: no such point on this board.
    """
    if name.upper() == "PASS":
        return PASS
    column, row = COLUMNS.find(name[:1].upper()), name[1:]
    if column < 0 or not row.isdigit() or not 1 <= int(row) <= SIZE:
        raise GoError(f"{name!r} is no point of a {SIZE}x{SIZE} board")
    return (int(row) - 1) * SIZE + column


def random_opening(seed: int) -> list[int]:
    """2 to 6 moves, each uniform over the legal points, from PCG64's raw output, which NumPy keeps the same for ever."""
    raw = np.random.PCG64(np.random.SeedSequence([seed])).random_raw(1 + OPENINGS[1])
    board, ko, moves = np.zeros(POINTS, np.int8), NONE, []
    for index in range(OPENINGS[0] + int(raw[0] % (OPENINGS[1] - OPENINGS[0] + 1))):
        colour = (BLACK, WHITE)[index % 2]
        legal = np.flatnonzero(legal_moves(board, colour, ko)[:POINTS])
        move = int(legal[raw[1 + index] % len(legal)])
        _, ko = play(board, colour, move, ko)
        moves.append(move)
    return moves


def play_game(seed: int, opening: Sequence[int]) -> Game:
    """The game that GNU Go plays against itself with `seed`, after the moves of `opening`; the winner by its final score."""
    with engine(seed) as ask:
        moves = list(opening)
        for index, move in enumerate(moves):
            ask(f"play {_colour(index)} {vertex(move)}")
        while len(moves) < LONGEST and moves[-2:] != [PASS, PASS]:
            moves.append(move_of(ask(f"genmove {_colour(len(moves))}")))
        winner, _, margin = ask("final_score").partition("+")
    return Game(seed, len(opening), round(2 * float(margin)) * (1 if winner == "B" else -1), tuple(moves))


def _colour(index: int) -> str:
    return "black" if index % 2 == 0 else "white"
