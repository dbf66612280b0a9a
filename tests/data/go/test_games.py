"""Files of games: made again by the engine, kept while they are made, refused when they are not what they should be."""

import io
from pathlib import Path

import numpy as np
import pytest

from study.cli import main
from study.data.go import engine
from study.data.go.floor import SECOND_MOVES, SECOND_SHA256
from study.data.go.games import Game, GoError, pack, read_games, read_lines, write_games, write_line
from study.data.go.make import AGAIN, first_label, made, second_label
from study.data.go.positions import MOVES, SHA256, TEST_GAMES, replay

GAMES = [Game(1, 2, -9, (40, 41, 30, 81, 81)), Game(2, 1, 15, (0, 1, 9, 81, 81))]


def test_games_come_back_from_their_file(tmp_path: Path) -> None:
    write_games(tmp_path / "games.npz", GAMES)
    found = read_games(tmp_path / "games.npz")
    assert [found.game(i) for i in range(len(found))] == GAMES
    assert pack(GAMES) == pack(GAMES)


@pytest.mark.usefixtures("gnugo")
def test_ten_games_are_made_again_to_the_move() -> None:
    games = read_games(MOVES, SHA256)
    assert [first_label(index) for index in range(10)] == [games.game(index) for index in range(10)]


@pytest.mark.usefixtures("gnugo")
def test_a_second_label_goes_on_from_a_position_of_its_game() -> None:
    games = read_games(MOVES, SHA256)
    some = [second_label(games, index) for index in range(2 * AGAIN)]
    committed = read_games(SECOND_MOVES, SECOND_SHA256)
    assert some == [committed.game(index) for index in range(2 * AGAIN)] and len(committed) == AGAIN * TEST_GAMES
    for index, game in enumerate(some):
        first = games.game(index // AGAIN)
        assert first.opening <= game.opening < len(first.moves) and game.moves[:game.opening] == first.moves[:game.opening]
    assert len({(index // AGAIN, game.opening) for index, game in enumerate(some)}) == len(some)


def test_making_goes_on_after_a_line_that_was_cut(tmp_path: Path) -> None:
    path, asked = tmp_path / "games.txt", []

    def play(index: int) -> Game:
        asked.append(index)
        return GAMES[index]

    path.write_text(write_line(GAMES[0]) + write_line(GAMES[1])[:9])
    assert list(made(path, 2, play)) == GAMES and asked == [1]
    assert list(made(path, 2, play)) == GAMES and asked == [1]
    assert path.read_text() == "".join(map(write_line, GAMES))
    assert list(made(path, 1, play)) == GAMES[:1] and path.read_text() == "".join(map(write_line, GAMES))


def test_making_goes_on_from_a_packed_file(tmp_path: Path) -> None:
    write_games(tmp_path / "games.npz", GAMES[:1])
    assert list(made(tmp_path / "games.txt", 2, lambda index: GAMES[index] if index else pytest.fail("made again"))) == GAMES
    (tmp_path / "other.npz").write_bytes(b"no games")
    with pytest.raises(GoError, match=r"other\.npz"):
        list(made(tmp_path / "other.txt", 2, GAMES.__getitem__))
    assert not (tmp_path / "other.txt").exists()


@pytest.mark.parametrize("line", ["1 2 x 3\n", "\n", "1 9 3 4 5\n", "1 1 3 4 90\n", "1 -1 3 4 5\n"])
def test_a_line_that_is_no_game_is_refused(line: str) -> None:
    with pytest.raises(GoError, match="here, line 2"):
        read_lines([write_line(GAMES[0]), line], "here")


def altered(**changes: object) -> bytes:
    with np.load(io.BytesIO(pack(GAMES))) as arrays:
        body = {name: arrays[name] for name in arrays.files}
    file = io.BytesIO()
    np.savez_compressed(file, **{**body, **changes})  # type: ignore[arg-type]
    return file.getvalue()


BAD = {
    "truncated": (pack(GAMES)[:-40], "truncated"),
    "empty": (b"", "no file of Go games"),
    "another file": (b"moves,games\n1,2\n", "no file of Go games"),
    "another board": (altered(size=np.uint8(19)), "19x19"),
    "an illegal move": (altered(moves=np.array([40, 40, 30, 81, 81, 0, 1, 9, 81, 81], np.uint8)), "move 2: 40 is illegal"),
    "moves missing": (altered(moves=np.array([40, 41], np.uint8)), "does not add up"),
    "pickled": (altered(seeds=np.array([{}, {}], object)), "no file of Go games"),
}


def refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command line says, in one line, when it leaves with code 2."""
    monkeypatch.setattr("sys.argv", ["study", "corpus", "go-9x9", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    return said


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_one_line_and_code_2(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    data, says = BAD[what]
    (tmp_path / "games.npz").write_bytes(data)
    assert says in refused(["--games", str(tmp_path / "games.npz")], monkeypatch, capsys)


def test_an_altered_file_of_the_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "moves.npz").write_bytes(altered(scores=np.array([9, 15], np.int16)))
    with pytest.raises(GoError, match="was altered or truncated"):
        read_games(tmp_path / "moves.npz", SHA256)


def test_a_missing_engine_is_one_line_and_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(engine.shutil, "which", lambda *_, **__: None)
    said = refused(["--make", "2", "--games", str(tmp_path / "g.npz")], monkeypatch, capsys)
    assert "GNU Go is not installed" in said and not (tmp_path / "g.npz").exists()
    assert "--games FILE" in refused(["--make", "2"], monkeypatch, capsys)


def test_the_committed_games_are_legal_and_end() -> None:
    games = read_games(MOVES, SHA256)
    positions = replay(games)
    assert len(positions) == int((np.diff(games.starts) - games.openings).sum())
    assert np.array_equal(games.seeds, np.arange(1, len(games) + 1))
    assert ((games.openings >= 2) & (games.openings <= 6)).all() and (games.scores % 2 != 0).all()
