"""What a network sees: planes and targets of planted positions, and the eight symmetries."""

from pathlib import Path

import numpy as np
import pytest

from study.data.go.engine import move_of
from study.data.go.floor import canonical, repeats, second_labels
from study.data.go.games import Game, Games, GoError, read_games, write_games
from study.data.go.positions import PLANES, Positions, open_positions, replay, rows
from study.data.go.rules import PASS, POINTS, SIZE
from study.data.go.symmetry import COUNT, IMAGE, ORIGIN

KO = "D5 E5 C4 F4 D3 E3 J9 D4 E4 A9 PASS PASS"


def played(path: Path, *games: tuple[str, int, int]) -> Positions:
    """Positions of games given as (moves, opening, score)."""
    write_games(path / "g.npz", [Game(1, opening, score, tuple(map(move_of, moves.split()))) for moves, opening, score in games])
    return replay(read_games(path / "g.npz"))


def unpacked(data: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(PLANES, data[:-2].reshape(len(PLANES), POINTS), strict=True))


def test_planes_and_targets_of_a_ko(tmp_path: Path) -> None:
    positions = played(tmp_path, (KO, 9, 7))
    assert len(positions) == 3 and positions.move.tolist() == [move_of("A9"), PASS, PASS]
    (row,) = rows(positions, np.array([0]))
    planes = unpacked(row)
    at = {name: sorted(np.flatnonzero(plane).tolist()) for name, plane in planes.items()}
    assert at["own stones"] == sorted(map(move_of, ("E5", "F4", "E3")))  # White's
    assert at["the other's stones"] == sorted(map(move_of, ("D5", "C4", "D3", "J9", "E4")))
    assert at["ko"] == [move_of("D4")] and at["last move"] == [move_of("E4")] and at["the move before"] == [move_of("D4")]
    assert at["the other's, 1 liberty"] == [move_of("E4")] and at["the other's, 2 liberties"] == [move_of("J9")]
    assert at["own, 2 liberties"] == sorted(map(move_of, ("E5", "E3"))) and at["own, 3 or more"] == [move_of("F4")]
    assert at["Black to move"] == [] and len(at["on the board"]) == POINTS
    assert row[-2] == move_of("A9") and row[-1] == 0  # Black won by 3.5, White moves
    planes = unpacked(rows(positions, np.array([16]))[0])  # Black's pass before: no point of it
    assert planes["last move"].sum() == 0 and planes["the move before"][move_of("A9")] == 1


def test_the_eight_symmetries_are_a_group() -> None:
    assert np.array_equal(IMAGE[0], np.arange(POINTS + 1)) and (IMAGE[:, PASS] == PASS).all()
    tables = {tuple(image) for image in IMAGE.tolist()}
    assert len(tables) == COUNT
    assert {tuple(a[b].tolist()) for a in IMAGE for b in IMAGE} == tables
    for image, origin in zip(IMAGE, ORIGIN, strict=True):
        assert np.array_equal(image[:POINTS][origin], np.arange(POINTS))
        near = [abs(int(image[p]) // SIZE - int(image[q]) // SIZE) + abs(int(image[p]) % SIZE - int(image[q]) % SIZE)
                for p, q in ((0, 1), (40, 49), (8, 17))]
        assert near == [1, 1, 1]  # neighbours stay neighbours


@pytest.mark.parametrize("s", range(COUNT))
def test_turning_the_game_turns_input_and_target(s: int, tmp_path: Path) -> None:
    """Replaying the turned moves gives what turning the positions gives: planes, ko, last moves and target commute."""
    moves = [move_of(name) for name in KO.split()]
    straight = played(tmp_path, (KO, 0, 7))
    write_games(tmp_path / "turned.npz", [Game(1, 0, 7, tuple(int(IMAGE[s, move]) for move in moves))])
    turned = replay(read_games(tmp_path / "turned.npz"))
    each = np.arange(len(straight)) * COUNT
    assert np.array_equal(rows(straight, each + s), rows(turned, each))


def test_the_split_is_by_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.data.go.positions.TEST_GAMES", 2)
    played(tmp_path, *((f"A{i} B{i} PASS PASS", 1, 3) for i in range(1, 6)))
    made = open_positions(tmp_path / "g.npz")
    assert set(made.test.game.tolist()) == {0, 1} and set(made.train.game.tolist()) == {2, 3, 4}


def test_turned_copies_of_a_position_are_one_and_their_moves_are_compared(tmp_path: Path) -> None:
    # the corner A1 and, turned, the corner J9; then the same answer, turned, and another one
    positions = played(tmp_path, ("A1 B1", 1, 3), ("J9 H9", 1, 3), ("A1 E5", 1, -3))
    keys, moves = canonical(positions)
    assert len(set(keys.tolist())) == 1 and moves[0] == moves[1] != moves[2]
    found = repeats(positions)
    assert found.same_move.tolist() == [True, False] and found.same_winner.tolist() == [True, False]
    assert len(repeats(positions[:1]).game) == 0


def test_second_labels_are_compared_with_the_first(tmp_path: Path) -> None:
    def packed(name: str, *games: Game) -> Games:
        write_games(tmp_path / name, games)
        return read_games(tmp_path / name)

    first = packed("a", Game(1, 1, 3, (0, 1, 2, 81, 81)), Game(2, 1, 3, (0, 1, 2, 81, 81)))
    again = packed("b", Game(9, 2, -3, (0, 1, 2, 81, 81)), Game(10, 1, 3, (0, 5, 81, 81)))
    found = second_labels(first, again, 1)
    assert found.same_move.tolist() == [True, False] and found.same_winner.tolist() == [False, True]
    with pytest.raises(GoError, match="belong to other games"):
        second_labels(first, packed("c", Game(9, 2, 3, (0, 7, 81, 81))), 1)
