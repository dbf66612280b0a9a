import numpy as np
import pytest

from study.inference.classical.isoflop import IsoFlop, fit_envelope, fit_isoflop, fit_power_law, vertex, vertex_shift
from study.inference.classical.points import InferenceError
from study.laws.hoffmann import LossSurface
from study.laws.published import HOFFMANN_ROUNDED

BUDGETS = np.geomspace(1e17, 1e21, 5)
WIDE = np.log(8) * np.linspace(-1, 1, 7)


def noiseless_isoflop(surface: LossSurface, drift: float = 0.0) -> IsoFlop:
    """Approach 2 on the exact losses of a surface at sizes N_opt(C) exp(x + drift ln(C / C_first)): the centre may drift."""
    C = BUDGETS[:, None]
    sizes = surface.N_opt(C) * np.exp(WIDE + drift * np.log(C / C[0]))
    return fit_isoflop(sizes.ravel(), np.repeat(BUDGETS, len(WIDE)), surface.loss(sizes, C / (6 * sizes)).ravel())


def test_power_law_recovers_and_reports_its_error() -> None:
    x = np.geomspace(1e17, 1e21, 9)
    law = fit_power_law(x, 0.3 * x**0.47)
    assert law.exponent == pytest.approx(0.47) and law.exponent_se < 1e-10
    np.testing.assert_allclose(law.at(1e24), 0.3 * 1e24**0.47)
    noise = np.random.default_rng(0).normal(0, 0.1, (2000, 9))
    fits = [fit_power_law(x, x**0.5 * np.exp(row)) for row in noise]
    assert np.mean([f.exponent_se**2 for f in fits]) ** 0.5 == pytest.approx(np.std([f.exponent for f in fits]), rel=0.05)


def test_tokens_at_a_vertex_are_read_between_the_cells() -> None:
    N = 1e6 * np.exp(np.array([1.0, -2.0, 2.0, -1.0, 0.0]))
    D = 3e15 / N  # half of what 6 N D = C would be at C = 3.6e16
    bend = np.log(N / 1.3e6)[:, None] ** 2 * np.array([1.0, -1.0, 1e-3])
    losses = np.hstack([2.0 + bend, 2.0 + np.log(N / 1e9)[:, None] ** 2])  # the last falls with every size
    found = vertex(N, D, losses)
    np.testing.assert_allclose(found.N, [1.3e6, np.nan, 1.3e6, np.nan], rtol=1e-6)
    np.testing.assert_allclose(found.D, [3e15 / 1.3e6, np.nan, 3e15 / 1.3e6, np.nan], rtol=1e-6)
    np.testing.assert_allclose(found.loss, [2.0, np.nan, 2.0, np.nan])
    assert float(vertex(N, D, losses[:, 0]).N) == pytest.approx(1.3e6)


def test_approach_2_is_biased_without_noise() -> None:
    fit = noiseless_isoflop(HOFFMANN_ROUNDED)
    shift = np.log(fit.N_opt / HOFFMANN_ROUNDED.N_opt(BUDGETS))
    np.testing.assert_allclose(shift, vertex_shift(0.34, 0.28, WIDE), rtol=1e-6)  # the same miss at every budget
    assert abs(shift[0]) > 0.03
    assert fit.N_law.exponent == pytest.approx(float(HOFFMANN_ROUNDED.a), abs=1e-9)  # so the exponent survives


def test_the_bias_depends_on_the_exponents_and_the_sizes_alone() -> None:
    other = LossSurface(3.0, 55.0, 9e3, 0.34, 0.28)
    shift = np.log(noiseless_isoflop(other).N_opt / other.N_opt(BUDGETS))
    np.testing.assert_allclose(shift, vertex_shift(0.34, 0.28, WIDE), rtol=1e-6)


def test_no_bias_when_symmetric_and_little_when_narrow() -> None:
    assert vertex_shift(0.3, 0.3, WIDE) == pytest.approx(0, abs=1e-12)
    assert vertex_shift(0.34, 0.28, WIDE) == pytest.approx(-vertex_shift(0.28, 0.34, WIDE))
    assert abs(vertex_shift(0.34, 0.28, WIDE / 4)) < abs(vertex_shift(0.34, 0.28, WIDE)) / 10


def test_a_drifting_design_biases_the_exponent() -> None:
    fit = noiseless_isoflop(HOFFMANN_ROUNDED, drift=0.1)
    assert abs(fit.N_law.exponent - float(HOFFMANN_ROUNDED.a)) > 1e-3
    assert fit.inside.all()


def test_parabola_through_exact_parabolas() -> None:
    optimum = 0.1 * BUDGETS**0.5
    N = optimum[:, None] * np.exp(WIDE)
    loss = 3 - 0.05 * np.log10(BUDGETS)[:, None] + 0.07 * WIDE**2 + 0 * N
    fit = fit_isoflop(N.ravel(), np.repeat(BUDGETS, 7), loss.ravel())
    np.testing.assert_allclose(fit.N_opt, optimum, rtol=1e-8)
    np.testing.assert_allclose(fit.loss, 3 - 0.05 * np.log10(BUDGETS), rtol=1e-10)
    assert fit.N_law.exponent == pytest.approx(0.5)
    np.testing.assert_allclose(6 * fit.N_opt * fit.D_opt, BUDGETS)


def test_an_edge_minimum_is_kept_but_not_fitted() -> None:
    centre = 0.1 * BUDGETS**0.5
    N = centre[:, None] * np.exp(WIDE)
    at = np.log(N / centre[:, None])
    at[2] -= 5  # the optimum of the third budget lies beyond its largest size
    fit = fit_isoflop(N.ravel(), np.repeat(BUDGETS, 7), (3 + at**2).ravel())
    assert fit.inside.tolist() == [True, True, False, True, True]
    assert fit.N_law.exponent == pytest.approx(0.5)


def test_envelope_follows_the_analytic_optimum() -> None:
    N = np.geomspace(1e7, 1e11, 60)
    C = [np.geomspace(6 * n * n * 0.1, 6 * n * n * 4000, 300) for n in N]
    loss = [HOFFMANN_ROUNDED.loss(n, c / 6 / n) for n, c in zip(N, C, strict=True)]
    fit = fit_envelope(N, C, loss)
    inner = ~fit.edge
    assert inner.mean() > 0.5
    np.testing.assert_allclose(np.log(fit.N[inner] / HOFFMANN_ROUNDED.N_opt(fit.C[inner])), 0, atol=0.2)  # spacing of sizes
    assert fit.N_law.exponent == pytest.approx(float(HOFFMANN_ROUNDED.a), abs=0.01)
    np.testing.assert_allclose(6 * fit.N * fit.D, fit.C)
    assert (fit.loss[inner] >= HOFFMANN_ROUNDED.loss(HOFFMANN_ROUNDED.N_opt(fit.C[inner]),
                                                    HOFFMANN_ROUNDED.D_opt(fit.C[inner])) - 1e-4).all()


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(InferenceError, match="has 2 sizes"):
        fit_isoflop([1e6, 1e7], [1e18, 1e18], [3.0, 3.1])
    with pytest.raises(InferenceError, match="two budgets"):
        fit_isoflop([1e6, 1e7, 1e8], [1e18] * 3, [3.1, 3.0, 3.1])
    with pytest.raises(InferenceError, match="two curves"):
        fit_envelope([1e6], [[1e15, 1e16]], [[3.0, 2.0]])
    with pytest.raises(InferenceError, match="no two training curves overlap"):
        fit_envelope([1e6, 1e7], [[1e15, 1e16], [1e17, 1e18]], [[3.0, 2.0], [2.0, 1.9]])
