import numpy as np
import pytest

from study.laws.parabola import fit_parabola, vertex_of_three


def test_a_parabola_is_found_whatever_its_columns() -> None:
    x = np.array([-1.0, 0.5, 2.0, 4.0])
    places, tops, bends = np.array([0.3, -2.0]), np.array([1.0, 3.0]), np.array([0.5, 2.0])
    found = fit_parabola(x, tops + bends * (x[:, None] - places) ** 2)
    for value, planted in zip(found, (places, tops, bends), strict=True):
        np.testing.assert_allclose(value, planted, rtol=1e-10)


def test_a_line_has_no_vertex() -> None:
    place, _, bend = fit_parabola([0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0])
    assert abs(float(bend)) < 1e-12 and (not np.isfinite(place) or abs(float(place)) < 1e6)


def test_three_points_in_steps() -> None:
    assert float(vertex_of_three(*((x - 0.2) ** 2 for x in (-1, 0, 1)))) == pytest.approx(0.2)
    assert vertex_of_three(1.0, 1.5, 1.0) == 0, "a maximum is no optimum"
    assert vertex_of_three([0.0, 4.0], [1.0, 2.0], [2.5, 0.5]).tolist() == [-1, 1], "no further than a step"
