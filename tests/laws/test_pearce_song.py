import numpy as np
import pytest

from study.laws.pearce_song import compute_at, fitted_exponent, local_exponent
from study.laws.published import BESIROGLU, HOFFMANN


def test_fitted_exponents() -> None:
    assert fitted_exponent(BESIROGLU) == pytest.approx(0.79, abs=0.005)
    assert fitted_exponent(HOFFMANN) == pytest.approx(0.758, abs=0.002)


def test_local_exponent_rises_and_falls() -> None:
    local = local_exponent(BESIROGLU, np.geomspace(768, 1.5e9, 9))
    np.testing.assert_allclose(local[[0, 4, -1]], [0.76, 0.97, 0.53], atol=0.006)
    assert local.max() < 1


def test_local_exponent_is_the_derivative() -> None:
    N = np.array([1e3, 1e6, 1e9])
    h = 1e-5
    slope = 2 * h / (np.log(compute_at(HOFFMANN, N * np.exp(h))) - np.log(compute_at(HOFFMANN, N * np.exp(-h))))
    np.testing.assert_allclose(local_exponent(HOFFMANN, N), slope, rtol=1e-6)


def test_the_point_is_optimal() -> None:
    N = 1e6
    C = float(compute_at(BESIROGLU, N))
    sizes = N * np.exp(np.linspace(-1, 1, 20_001))
    loss = BESIROGLU.loss(sizes + 47_491 * np.cbrt(sizes), C / 6 / sizes)
    assert sizes[np.argmin(loss)] == pytest.approx(N, rel=2e-4)


def test_large_models_recover_chinchillas_exponent() -> None:
    assert float(local_exponent(BESIROGLU, 1e16)) == pytest.approx(float(BESIROGLU.a), abs=1e-3)
    assert float(compute_at(BESIROGLU, 1e9, omega=0)) == pytest.approx(6e9 * float(BESIROGLU.D_opt_at(1e9)))
