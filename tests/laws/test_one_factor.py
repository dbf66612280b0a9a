import numpy as np
import pytest

from study.inference.general.draws import fit_law
from study.laws import c_min, critical_batch, overfitting, steps
from study.laws.kaplan import KaplanSurface
from study.laws.learning_curves import CASES, OUTCOMES, curve_law, learning_curve
from study.laws.power import KAPLAN_ONE_FACTOR, doubling


def test_a_doubling_of_compute_is_the_blog_s() -> None:
    assert float(doubling(KAPLAN_ONE_FACTOR["C_min"][0])) == pytest.approx(0.034, abs=5e-4)  # the blog's 3.4 %


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_amaris_exponents_come_out_of_the_learners(case) -> None:  # type: ignore[no-untyped-def]
    curve = learning_curve(case, seed=0, sizes=tuple(2**k for k in range(5, 12)), learners=3000)
    reducible = curve.assign(loss=curve["loss"] - case.entropy)
    slope = -np.polyfit(np.log(curve["D"]), np.log(reducible["loss"]), 1)[0]
    assert slope == pytest.approx(case.exponent, abs=0.08)
    found = fit_law(curve_law(case), curve, seed=0, fallback=False)
    low, high = np.quantile(found.theta["alpha"], [0.025, 0.975])
    assert low - 0.05 < case.exponent < high + 0.05
    if case.entropy > 0:
        assert np.median(found.theta["E"]) == pytest.approx(case.entropy, rel=0.01)


def test_the_stochastic_learners_excess_is_half_a_nat_an_outcome_over_D() -> None:
    curve = learning_curve(CASES[3], seed=1, sizes=(1000,), learners=20_000)
    assert 1000 * (float(curve["loss"].iloc[0]) - CASES[3].entropy) == pytest.approx((len(OUTCOMES) - 1) / 2, rel=0.1)


def test_steps_and_tokens_are_the_hyperbola() -> None:
    S_min, B_crit, batch = 700.0, 3000.0, np.array([100.0, 3000.0, 1e5])
    S, E = critical_batch.steps(S_min, B_crit, batch), critical_batch.tokens(S_min * B_crit, B_crit, batch)
    np.testing.assert_allclose((S / S_min - 1) * (E / (S_min * B_crit) - 1), 1)
    np.testing.assert_allclose(E, batch * S)
    np.testing.assert_allclose(c_min.S_min(S, batch, B_crit), S_min)
    np.testing.assert_allclose(c_min.C_min(E, batch, B_crit), S_min * B_crit)


def test_kaplans_thirteen_per_cent_and_allocation() -> None:
    assert c_min.allocation(0.077, 0.76, 0.21) == c_min.KAPLAN  # the paper's table 3 and eq. 5.3
    assert float(critical_batch.fall_that_doubles(1 / critical_batch.KAPLAN_ALPHA_B)) == pytest.approx(0.13, abs=0.006)
    assert pytest.approx(0.052, abs=0.003) == c_min.KAPLAN.C  # the paper rounds to 0.054
    assert pytest.approx(1) == c_min.KAPLAN.N + c_min.KAPLAN.B + c_min.KAPLAN.S
    assert pytest.approx(0.71, abs=0.04) == c_min.KAPLAN.N and pytest.approx(0.24, abs=0.03) == c_min.KAPLAN.B


def test_the_steps_law_is_kaplans_formula() -> None:
    law, k = steps.steps_law(floor=False), steps.KAPLAN
    N, S = 1e6, 5e3
    theta = {"tN": (k["N_c"] / N) ** k["alpha_N"], "tS": (k["S_c"] / S) ** k["alpha_S"], "alpha_N": k["alpha_N"],
             "alpha_S": k["alpha_S"]}
    columns = {"N": np.log(10.0), "S_min": np.log(2.0)}
    expected = (k["N_c"] / (10 * N)) ** k["alpha_N"] + (k["S_c"] / (2 * S)) ** k["alpha_S"]
    assert float(law.at(theta, columns)) == pytest.approx(expected)


def test_overfitting_collapses_onto_one_variable() -> None:
    law = KaplanSurface(6.4e13, 1.8e13, 0.076, 0.103)
    N, D = np.geomspace(1e5, 1e9, 5)[:, None], np.geomspace(1e7, 1e10, 6)
    measured = law.loss(N, D) / law.endless_loss(N) - 1
    np.testing.assert_allclose(overfitting.excess(law, overfitting.collapse(law, N, D)), measured, rtol=1e-9)
    floored = KaplanSurface(6.4e13, 1.8e13, 0.076, 0.103, E=1.5)
    np.testing.assert_allclose(floored.endless_loss(N), floored.loss(N, 1e60), rtol=1e-12)
    theta = {"tN": (6.4e13 / 1e6) ** 0.076, "tD": (1.8e13 / 1e8) ** 0.103, "alpha_N": 0.076, "alpha_D": 0.103}
    again = overfitting.surface(theta, {"N": 1e6, "unique": 1e8})
    np.testing.assert_allclose([again.N_c, again.D_c], [6.4e13, 1.8e13], rtol=1e-9)
    law_object = overfitting.overfitting_law()
    np.testing.assert_allclose(law_object.at(theta, {"N": np.log(10.0), "unique": np.log(0.1)}), law.loss(1e7, 1e7), rtol=1e-9)
