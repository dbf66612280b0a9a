import numpy as np
import pytest

from study.laws.parabola import fit_parabola, vertex_of_three


def test_a_parabola_is_found_whatever_its_columns() -> None:
    x = np.array([-1.0, 0.5, 2.0, 4.0])
    places, tops, bends = np.array([0.3, -2.0]), np.array([1.0, 3.0]), np.array([0.5, 2.0])
    found = fit_parabola(x, tops + bends * (x[:, None] - places) ** 2)
    for value, planted in zip(found, (places, tops, bends), strict=True):
        np.testing.assert_allclose(value, planted, rtol=1e-10)


@pytest.mark.parametrize("y", [[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 2.0, 3.0], [3.7, 2.6, 1.5, 0.4], [0.0, 0.0, 0.0, 0.0]])
def test_a_line_has_no_vertex(y: list[float]) -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    for at in (x, x + 14.3, 1e-3 * x):
        place, height, bend = fit_parabola(at, y)
        assert not np.isfinite(place) and not np.isfinite(height) and abs(float(bend)) * np.ptp(at) ** 2 < 1e-12


def test_a_slight_bend_has_a_vertex() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    place, height, _ = fit_parabola(x, 3 + 1e-9 * (x - 1.2) ** 2)
    assert float(place) == pytest.approx(1.2, abs=1e-3) and float(height) == pytest.approx(3)


def test_three_points_in_steps() -> None:
    assert float(vertex_of_three(*((x - 0.2) ** 2 for x in (-1, 0, 1)))) == pytest.approx(0.2)
    assert vertex_of_three(1.0, 1.5, 1.0) == 0, "a maximum is no optimum"
    assert vertex_of_three([0.0, 4.0], [1.0, 2.0], [2.5, 0.5]).tolist() == [-1, 1], "no further than a step"
