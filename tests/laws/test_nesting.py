from dataclasses import astuple

import numpy as np
import pytest

from study.laws.hoffmann import LossSurface
from study.laws.nesting import NestingSurface
from study.laws.published import BESIROGLU, HOFFMANN, KAPLAN

N, D = np.geomspace(1e6, 1e11, 6)[:, None], np.geomspace(1e8, 1e13, 7)


@pytest.mark.parametrize("surface", [HOFFMANN, BESIROGLU])
def test_kappa_one_is_hoffmann(surface: LossSurface) -> None:
    nested = NestingSurface(*astuple(surface), kappa=1.0)
    np.testing.assert_allclose(nested.loss(N, D), surface.loss(N, D), rtol=1e-13)
    for name in ("N_opt", "D_opt"):
        np.testing.assert_allclose(getattr(nested, name)(1e20), getattr(surface, name)(1e20), rtol=1e-11)
    np.testing.assert_allclose(nested.D_opt_at(1e9), surface.D_opt_at(1e9), rtol=1e-11)


def test_kappa_beta_without_floor_is_kaplan() -> None:
    nested = NestingSurface(0.0, KAPLAN.N_c**KAPLAN.alpha_N, KAPLAN.D_c**KAPLAN.alpha_D, KAPLAN.alpha_N, KAPLAN.alpha_D,
                            KAPLAN.alpha_D)
    np.testing.assert_allclose(nested.loss(N, D), KAPLAN.loss(N, D), rtol=1e-12)


def test_small_kappa_is_one_bottleneck_at_a_time() -> None:
    nested = NestingSurface(*astuple(HOFFMANN), kappa=1e-3)
    larger = np.maximum(HOFFMANN.A * N**-HOFFMANN.alpha, HOFFMANN.B * D**-HOFFMANN.beta)
    np.testing.assert_allclose(nested.loss(N, D), HOFFMANN.E + larger, rtol=1e-3)


@pytest.mark.parametrize("kappa", [0.3, 1.0, 2.5])
def test_closed_optimum_is_the_numeric_minimum(kappa: float) -> None:
    law = NestingSurface(*astuple(BESIROGLU), kappa=kappa)
    optimum = float(law.N_opt(1e21))
    sizes = optimum * np.exp(np.linspace(-1, 1, 20_001))
    assert sizes[np.argmin(law.loss(sizes, 1e21 / 6 / sizes))] == pytest.approx(optimum, rel=2e-4)
    assert float(law.D_opt_at(optimum)) == pytest.approx(float(law.D_opt(1e21)), rel=1e-9)


def test_draws_broadcast() -> None:
    draws = NestingSurface(1.8, 480.0, 2100.0, 0.35, np.array([0.36, 0.37]), np.array([0.5, 1.0]))
    assert draws.loss(np.full((3, 1), 1e9), 1e10).shape == (3, 2)
    assert draws.N_opt(np.array([[1e20], [1e21]])).shape == (2, 2)


def test_rejects_what_is_not_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        NestingSurface(1.0, 1.0, 1.0, 1.0, 1.0).loss(0.0, 1.0)
