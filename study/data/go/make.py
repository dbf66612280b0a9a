"""Making games, one after another: what was made is kept in a text file, so that a stopped command goes on where it was."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from study.data.go.engine import play_game, random_opening
from study.data.go.games import Game, Games, GoError, read_games, read_lines, write_line
from study.data.go.positions import TEST_GAMES
from study.data.stream import train_order
from study.record import write_atomic

AGAIN = 2  # positions of a test game that are labelled a second time
AGAIN_SEED = 1_000_000  # the engine's seed of the first of them


def made(path: Path, count: int, play: Callable[[int], Game], workers: int = 1) -> Iterator[Game]:
    """Games 0 to `count` - 1: those that `path` holds already, then `play(index)`, each appended to `path` in its turn.

    Where `path` is not there and a packed file of its name is, the games of that one come first.
    `workers` games are played at a time: each is an engine's process, so threads do.

    Raises:
        GoError: `path` holds something else or cannot be written, or a game cannot be played.
    """
    players = ThreadPoolExecutor(workers)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() and (packed := path.with_suffix(".npz")).exists():
            games = read_games(packed)
            write_atomic(path, "".join(write_line(games.game(index)) for index in range(len(games))).encode())
        kept = read_lines(path.read_text().splitlines(keepends=True), str(path)) if path.exists() else []
        with path.open("r+" if path.exists() else "w") as file:
            file.seek(sum(len(write_line(game)) for game in kept))
            file.truncate()
            yield from kept[:count]
            for game in players.map(play, range(len(kept), count)):
                file.write(write_line(game))
                file.flush()
                yield game
    except (OSError, UnicodeDecodeError) as error:
        raise GoError(f"cannot keep games in {path}: {error}") from None
    finally:
        players.shutdown(cancel_futures=True)


def first_label(index: int) -> Game:
    """Game `index`, from 0: seed index + 1, its random opening, then the engine."""
    return play_game(index + 1, random_opening(index + 1))


def second_label(games: Games, index: int) -> Game:
    """Game `index` // 2 again, from one of two positions drawn from it, by the engine with another seed.

    The moves up to the position are the `opening`; the move that follows and the winner are the second labels.

    Raises:
        GoError: there are not so many test games.
    """
    if index >= AGAIN * min(TEST_GAMES, len(games)):
        raise GoError(f"{AGAIN} positions of each test game are labelled again, {AGAIN * min(TEST_GAMES, len(games))} in all")
    game = games.game(index // AGAIN)
    at = game.opening + int(train_order(len(game.moves) - game.opening, game.seed)[index % AGAIN])
    return play_game(AGAIN_SEED + index, game.moves[:at])
