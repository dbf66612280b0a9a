import numpy as np
import pytest

from study.laws.kaplan import KaplanSurface
from study.laws.published import KAPLAN


def test_loss_is_the_papers_formula() -> None:
    N, D = 1e8, 1e10
    expected = ((6.4e13 / N) ** (0.076 / 0.103) + 1.8e13 / D) ** 0.103
    assert float(KAPLAN.loss(N, D)) == pytest.approx(expected, rel=1e-12)


def test_one_resource_alone_gives_the_papers_power_laws() -> None:
    assert float(KAPLAN.loss(1e8, 1e40)) == pytest.approx((6.4e13 / 1e8) ** 0.076, rel=1e-9)
    assert float(KAPLAN.loss(1e40, 1e10)) == pytest.approx((1.8e13 / 1e10) ** 0.103, rel=1e-9)


@pytest.mark.parametrize("C", [1e18, 1e24])
def test_closed_optimum_is_the_numeric_minimum(C: float) -> None:
    law = KaplanSurface(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103, E=1.5)
    optimum = float(law.N_opt(C))
    sizes = optimum * np.exp(np.linspace(-1, 1, 20_001))
    assert sizes[np.argmin(law.loss(sizes, C / 6 / sizes))] == pytest.approx(optimum, rel=2e-4)
    assert 6 * optimum * float(law.D_opt(C)) == pytest.approx(C, rel=1e-12)
    assert float(law.D_opt_at(optimum)) == pytest.approx(float(law.D_opt(C)), rel=1e-9)


def test_exponent_of_the_surface_is_not_the_papers() -> None:
    assert float(KAPLAN.a) == pytest.approx(0.103 / 0.179)
    assert float(KAPLAN.a + KAPLAN.b) == pytest.approx(1)
