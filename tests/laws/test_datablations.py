import numpy as np
import pytest

from study.laws.datablations import DataConstrainedSurface
from study.laws.hoffmann import LossSurface
from study.laws.published import DATABLATIONS


@pytest.mark.parametrize(("N", "D", "expected"), [(6.34e9, 242e9, 2.2256440889984477), (8.67e9, 178e9, 2.2269634075087867)])
def test_published_losses(N: float, D: float, expected: float) -> None:
    assert float(DATABLATIONS.loss(N, D, 25e9)) == pytest.approx(expected, abs=1e-9)


def test_without_repetition_it_is_the_unconstrained_law() -> None:
    law = DATABLATIONS.unconstrained
    N = float(law.N_opt(1e20))
    np.testing.assert_allclose(DATABLATIONS.loss(N, law.D_opt(1e20), 1e15), law.loss(N, law.D_opt(1e20)), rtol=1e-12)


def test_repeated_tokens_are_worth_less_and_saturate() -> None:
    N = 1e9
    once, four, many = (float(DATABLATIONS.effective(N, epochs * 1e9, 1e9)[1]) for epochs in (1, 4, 1e6))
    assert once == pytest.approx(1e9)
    assert 0.9 * 4e9 < four < 4e9
    assert many == pytest.approx(1e9 * (1 + DATABLATIONS.R_D))


@pytest.mark.parametrize("unique", [25e9, 1e9])
def test_optimum_is_the_numeric_minimum(unique: float) -> None:
    C = 1e22
    optimum = float(DATABLATIONS.N_opt(C, unique))
    sizes = optimum * np.exp(np.linspace(-0.5, 0.5, 20_001))
    assert optimum == pytest.approx(sizes[np.argmin(DATABLATIONS.loss(sizes, C / 6 / sizes, unique))], rel=1e-3)
    assert 6 * optimum * float(DATABLATIONS.D_opt(C, unique)) == pytest.approx(C)


def test_optimum_with_ample_data_is_the_closed_one() -> None:
    budgets = np.array([1e19, 1e21])
    np.testing.assert_allclose(DATABLATIONS.N_opt(budgets, 1e15), DATABLATIONS.unconstrained.N_opt(budgets), rtol=1e-3)


def test_draws_give_an_optimum_each() -> None:
    base = DATABLATIONS.unconstrained
    draws = DataConstrainedSurface(LossSurface(base.E, base.A, base.B, base.alpha, np.array([base.beta, 0.34])),
                                   np.array([15.0, 5.0]), DATABLATIONS.R_N)
    each = [float(DataConstrainedSurface(LossSurface(base.E, base.A, base.B, base.alpha, beta), rd, DATABLATIONS.R_N)
                  .N_opt(1e22, 5e9)) for beta, rd in ((base.beta, 15.0), (0.34, 5.0))]
    np.testing.assert_allclose(draws.N_opt(1e22, 5e9), each, rtol=1e-9)


def test_rejects_what_is_not_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        DATABLATIONS.loss(1e9, 1e9, 0)
