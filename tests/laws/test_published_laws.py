import numpy as np
import pytest

from study.errors import StudyError
from study.laws.published import BESIROGLU, HOFFMANN, HOFFMANN_ROUNDED, LAWS, PowerLawOptimum, published_law


def test_hoffmann_at_one_billion() -> None:
    assert float(HOFFMANN.D_opt_at(1e9)) == pytest.approx(29.1e9, rel=2e-3)
    assert float(HOFFMANN_ROUNDED.D_opt_at(1e9)) == pytest.approx(44.0e9, rel=2e-3)


def test_tex_precision_rounds_to_the_printed_constants() -> None:
    assert [round(HOFFMANN.E, 2), round(HOFFMANN.A, 1), round(HOFFMANN.B, 1)] == [1.69, 406.4, 410.7]
    assert [round(HOFFMANN.alpha, 2), round(HOFFMANN.beta, 2)] == [0.34, 0.28]


def test_besiroglu_is_near_twenty_tokens_a_parameter() -> None:
    assert float(BESIROGLU.D_opt(5.76e23) / BESIROGLU.N_opt(5.76e23)) == pytest.approx(18.4, abs=0.1)


def test_porian_corrections_lower_the_exponent() -> None:
    exponents = [published_law(f"porian-{k}").a for k in range(1, 6)]
    np.testing.assert_allclose(exponents, [0.835, 0.706, 0.602, 0.571, 0.497], atol=5e-4)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.key)
def test_every_law_is_consistent_and_cited(law) -> None:  # type: ignore[no-untyped-def]
    C = np.array([1e19, 1e23])
    N, D = law.law.N_opt(C), law.law.D_opt(C)
    np.testing.assert_allclose(6 * N * D, C, rtol=1e-9)
    np.testing.assert_allclose(law.law.D_opt_at(N), D, rtol=1e-8)
    assert np.log(N[1] / N[0]) / np.log(C[1] / C[0]) == pytest.approx(law.a, rel=1e-9)
    assert "arXiv" in law.citation


def test_kaplan_power_law_is_in_flop() -> None:
    assert float(published_law("kaplan").law.N_opt(8.64e19)) == pytest.approx(1.3e9)


def test_power_law_inverts() -> None:
    law = PowerLawOptimum(0.1, 0.5)
    assert float(law.D_opt_at(law.N_opt(6e20))) == pytest.approx(float(law.D_opt(6e20)))


def test_unknown_law_names_the_known_ones() -> None:
    with pytest.raises(StudyError, match="besiroglu"):
        published_law("nobody")
