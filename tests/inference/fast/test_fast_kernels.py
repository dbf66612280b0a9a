"""The compiled loops compute what their docstrings say: against scipy, by brute force."""

import numpy as np
import pytest
from scipy import stats

from study.inference.fast.kernels import conditional_modes
from study.inference.fast.likelihood import draw_effects, log_likelihood
from study.inference.fast.mixture import Mixture, effective, resample, temper

RNG = np.random.default_rng(3)
ROWS, FIRST = 14, np.array([0, 4, 5, 9, 14])
GROUP = np.repeat(np.arange(4), np.diff(FIRST))
n, d = RNG.uniform(-2, 2, ROWS), RNG.uniform(-2, 2, ROWS)
c = (n + d) / np.log(10)
TRUTH = np.log([1.0, 0.8, 1.2])
y = np.log(np.exp(TRUTH[0]) + np.exp(TRUTH[1] - 0.4 * n) + np.exp(TRUTH[2] - 0.3 * d)) + 0.01 * RNG.standard_t(4, ROWS)
MEAN, SD = np.zeros((1, 3)), np.array([0.4, 1.0, 1.0])


def residual(phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
    return y - np.log(np.exp(psi[0]) + np.exp(psi[1] - phi[0] * n) + np.exp(psi[2] - phi[1] * d))


def group_density(phi: np.ndarray, psi: np.ndarray, group: int, u: np.ndarray) -> np.ndarray:
    """ln of N(u; 0, tau) prod noise(residual - u) over a group's rows, at many u."""
    _, _, s, g, inverse_nu, tau = phi
    scale = s * np.exp(g * c)
    noise = stats.norm() if inverse_nu == 0 else stats.t(1 / inverse_nu)
    rows = np.flatnonzero(group == GROUP)
    z = (residual(phi, psi)[rows, None] - u[None, :]) / scale[rows, None]
    return stats.norm.logpdf(u, 0, tau) + (noise.logpdf(z) - np.log(scale[rows, None])).sum(axis=0)


@pytest.mark.parametrize("inverse_nu", [0.0, 1 / 1.5, 1 / 20])
@pytest.mark.parametrize(("s", "g", "tau"), [(0.01, 0.3, 0.01), (0.003, -0.5, 0.02), (0.02, 0.0, 0.0005)])
def test_likelihood_integrates_the_group_effects_out(inverse_nu: float, s: float, g: float, tau: float) -> None:
    phi = np.array([0.4, 0.3, s, g, inverse_nu, tau])
    u = np.linspace(-12 * tau, 12 * tau, 20_001)
    expected = 0.0
    for group in range(4):
        log_density = group_density(phi, TRUTH, group, u)
        expected += log_density.max() + np.log(np.trapezoid(np.exp(log_density - log_density.max()), u))
    assert log_likelihood(phi[None], TRUTH[None], n, d, y, c, FIRST)[0] == pytest.approx(expected, abs=5e-3)


def test_likelihood_without_groups_is_the_product_of_the_rows() -> None:
    for inverse_nu, noise in ((0.0, stats.norm()), (0.25, stats.t(4))):
        phi = np.array([0.4, 0.3, 0.01, 0.2, inverse_nu, 0.0])
        scale = 0.01 * np.exp(0.2 * c)
        expected = (noise.logpdf(residual(phi, TRUTH) / scale) - np.log(scale)).sum()
        assert log_likelihood(phi[None], TRUTH[None], n, d, y, c, np.array([0, ROWS]))[0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("tau", [0.0, 0.008])
def test_laplace_is_the_integral_where_the_posterior_is_gaussian(tau: float) -> None:
    """Little noise: the conditional posterior of the three losses is Gaussian, and a fine grid integrates it."""
    phi = np.array([[0.4, 0.3, 0.002, 0.0, 0.0, tau]])
    mode, precision, value = conditional_modes(phi, MEAN, False, n, d, y, c, FIRST, MEAN, SD)
    factor = np.linalg.inv(np.linalg.cholesky(precision[0])).T
    axis = np.linspace(-6, 6, 25)
    z = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    psi = mode[0] + z @ factor.T
    log_density = (log_likelihood(np.repeat(phi, len(psi), axis=0), psi, n, d, y, c, FIRST)
                   + stats.norm.logpdf(psi, MEAN[0], SD).sum(axis=1))
    mass = np.exp(log_density - log_density.max()).sum() * (axis[1] - axis[0]) ** 3 * np.linalg.det(factor)
    assert value[0] == pytest.approx(log_density.max() + np.log(mass), abs=0.02)
    assert log_density.max() - log_density[len(psi) // 2] < 0.02  # the middle of the grid is the mode


def test_a_mode_does_not_depend_on_its_start() -> None:
    phi = np.array([[0.4, 0.3, 0.01, 0.1, 0.2, 0.01], [0.2, 0.8, 0.03, 0.0, 0.5, 0.02], [0.6, 0.2, 0.01, 0.0, 0.0, 0.0]])
    mean = np.zeros((3, 3))
    apart = [conditional_modes(phi, start, False, n, d, y, c, FIRST, mean, SD) for start in (mean, mean + 1.5)]
    chained = conditional_modes(phi, mean[:1], True, n, d, y, c, FIRST, mean, SD)
    for psi, _, value in (apart[1], chained):
        assert psi == pytest.approx(apart[0][0], abs=2e-3)
        assert value == pytest.approx(apart[0][2], abs=1e-3)


def test_effects_are_drawn_from_their_conditional() -> None:
    phi, draws = np.array([0.4, 0.3, 0.01, 0.0, 0.4, 0.015]), 4000
    u = draw_effects(np.tile(phi, (draws, 1)), np.tile(TRUTH, (draws, 1)), np.random.default_rng(0).random((draws, 4)),
                     n, d, y, c, FIRST)
    grid = np.linspace(-0.15, 0.15, 20_001)
    for group in range(4):
        log_density = group_density(phi, TRUTH, group, grid)
        cdf = np.cumsum(np.exp(log_density - log_density.max()))
        assert stats.kstest(u[:, group], lambda x, cdf=cdf: np.interp(x, grid, cdf / cdf[-1])).pvalue > 0.01


def test_mixture_density_is_that_of_its_draws() -> None:
    rng = np.random.default_rng(0)
    narrow, wide = np.array([[0.3, 0.0], [0.2, 0.4]]), np.array([[1.5, 0.0], [0.1, 1.2]])
    mixture = Mixture(rng.standard_normal((50, 2)), (narrow, wide), np.zeros((50, 2)))
    x = rng.standard_normal((7, 2))
    expected = np.mean([0.9 * stats.multivariate_t(centre, narrow @ narrow.T, df=6).pdf(x)
                        + 0.1 * stats.multivariate_t(centre, wide @ wide.T, df=6).pdf(x) for centre in mixture.centres], axis=0)
    assert mixture.log_density(x) == pytest.approx(np.log(expected))
    draws, _ = mixture.draw(100_000, rng)
    weight = np.exp(stats.multivariate_normal(np.zeros(2), 0.25 * np.eye(2)).logpdf(draws) - mixture.log_density(draws))
    assert weight.mean() == pytest.approx(1.0, abs=0.02)  # importance sampling of a normalised density
    assert (weight[:, None] * draws**2).mean(axis=0) == pytest.approx([0.25, 0.25], rel=0.05)


def test_weights() -> None:
    assert effective(np.zeros(10)) == pytest.approx(10)
    assert effective(np.array([0.0, -1e6, -np.inf])) == pytest.approx(1)
    log_weight = np.linspace(-300, 0, 400)
    assert effective(temper(log_weight, 40)) == pytest.approx(40, rel=1e-3)
    assert effective(temper(np.zeros(50), 40)) == pytest.approx(50)
    index = resample(np.log([0.1, 0.2, 0.7]), 1000, np.random.default_rng(0))
    assert np.bincount(index) == pytest.approx([100, 200, 700], abs=1)
