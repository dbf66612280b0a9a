"""The rules against hand-made positions and against the engine's answers on a hundred."""

import json
from pathlib import Path

import numpy as np

from study.data.go.engine import move_of, vertex
from study.data.go.rules import BLACK, NONE, PASS, POINTS, WHITE, legal_moves, liberties_of, play

ANSWERS = json.loads((Path(__file__).parent / "engine_answers.json").read_text())


def board_after(names: str) -> tuple[np.ndarray, int, int]:
    """Board, colour to move and ko after alternating moves, Black first."""
    board, ko, colour = np.zeros(POINTS, np.int8), NONE, BLACK
    for name in names.split():
        legal, ko = play(board, colour, move_of(name), ko)
        assert legal, f"{name} in {names}"
        colour = -colour
    return board, colour, ko


def test_legal_moves_are_the_engine_s_on_100_positions() -> None:
    assert len(ANSWERS) == 100
    for answer in ANSWERS:
        board, colour, ko = board_after(answer["moves"])
        assert np.flatnonzero(legal_moves(board, colour, ko)).tolist() == [*answer["legal"], PASS], answer["moves"]


def test_liberties_are_the_engine_s_on_100_positions() -> None:
    for answer in ANSWERS:
        counted = liberties_of(board_after(answer["moves"])[0])
        assert {str(point): int(counted[point]) for point in np.flatnonzero(counted)} == answer["liberties"], answer["moves"]


def test_every_vertex_has_its_name_and_back() -> None:
    assert [move_of(vertex(move)) for move in range(POINTS + 1)] == list(range(POINTS + 1))
    assert (vertex(0), vertex(8), vertex(80), vertex(PASS)) == ("A1", "J1", "J9", "PASS")


def test_a_chain_without_liberties_is_captured() -> None:
    board, _, ko = board_after("A2 A1 B1")
    assert board[0] == 0 and ko == NONE  # alone, but with more than one liberty: no ko
    board, _, _ = board_after("A3 A1 B2 A2 B1 J9")
    assert board[[move_of("A1"), move_of("A2")]].tolist() == [0, 0]


def test_suicide_is_illegal_and_leaves_the_board() -> None:
    board, colour, ko = board_after("A2 J9 B1")
    before = board.copy()
    assert colour == WHITE and play(board, colour, move_of("A1"), ko) == (False, ko)
    assert np.array_equal(board, before)
    assert not legal_moves(board, WHITE, ko)[0] and legal_moves(board, BLACK, ko)[0]


def test_a_ko_may_not_be_retaken_at_once() -> None:
    board, colour, ko = board_after("D5 E5 C4 F4 D3 E3 J9 D4 E4")
    assert board[move_of("D4")] == 0 and ko == move_of("D4") and colour == WHITE
    assert not legal_moves(board, WHITE, ko)[ko]
    _, elsewhere = play(board, WHITE, move_of("A9"), ko)
    assert elsewhere == NONE and legal_moves(board, WHITE, NONE)[move_of("D4")]


def test_a_move_off_the_board_is_illegal() -> None:
    board = np.zeros(POINTS, np.int8)
    assert not play(board, BLACK, 82, NONE)[0] and not play(board, BLACK, -3, NONE)[0]
    assert play(board, BLACK, PASS, 5) == (True, NONE)
