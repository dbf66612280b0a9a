import numpy as np
import pytest
from scipy.optimize import minimize as scipy_minimize

from study.inference.classical.huber import corner_starts, fit_huber, log_parameters, published_starts, refit
from study.inference.classical.newton import minimise
from study.inference.classical.points import InferenceError, Points, points
from study.laws.hoffmann import LossSurface
from study.laws.published import BESIROGLU
from study.training.loop import flushed_denormals
from tests.conftest import Load

DESIGN_N, DESIGN_D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 6)))


@pytest.fixture(scope="module")
def clean(published: Load) -> Points:
    frame = published("chinchilla")
    kept = frame[~frame["outlier"]]
    return points(kept["N"], kept["D"], kept["loss"])


@pytest.fixture(scope="module", params=["planted", pytest.param("chinchilla", marks=pytest.mark.published)])
def sample(request: pytest.FixtureRequest) -> Points:
    """240 noisy points: of a planted law, and Chinchilla's."""
    if request.param == "chinchilla":
        return request.getfixturevalue("clean")
    random = np.random.default_rng(7)
    N, C = np.exp(random.uniform(np.log(5e7), np.log(1.5e10), 240)), np.exp(random.uniform(np.log(1e18), np.log(1e22), 240))
    noise = 0.004 * random.standard_t(3, 240)
    return points(N, C / (6 * N), LossSurface(1.8, 480.0, 2100.0, 0.35, 0.37).loss(N, C / (6 * N)) * np.exp(noise))


def objective(theta: np.ndarray, data: Points, w: np.ndarray, delta: float) -> tuple[float, np.ndarray]:
    """Huber's loss and its gradient, written again as plainly as can be."""
    a, b, e, alpha, beta = theta
    n, d = np.log(data.N), np.log(data.D)
    terms = np.stack([a - alpha * n, b - beta * d, np.full_like(n, e)])
    fitted = np.logaddexp.reduce(terms, axis=0)
    p, r = np.exp(terms - fitted), data.log_loss - fitted
    value = np.where(np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2))
    psi = w * np.clip(r, -delta, delta)
    return float(w @ value), -np.array([psi @ column for column in (p[0], p[1], p[2], -p[0] * n, -p[1] * d)])


def test_chinchilla_known_answer(clean: Points) -> None:
    fit = fit_huber(clean.N, clean.D, clean.loss)
    s = fit.surface
    assert pytest.approx(477.8, rel=1e-3) == s.A
    assert pytest.approx(2143, rel=1e-3) == s.B
    assert pytest.approx(1.8172, abs=1e-4) == s.E
    assert [s.alpha, s.beta] == pytest.approx([0.3473, 0.3672], abs=1e-4)
    assert fit.objective == pytest.approx(0.00101827, abs=5e-9)
    assert float(s.D_opt(5.76e23) / s.N_opt(5.76e23)) == pytest.approx(17.9, abs=0.05)
    assert fit.starts == 4500 and fit.reached > 0.99
    published = objective(log_parameters(BESIROGLU), clean, np.ones(clean.size), 1e-3)[0]
    assert fit.objective < published  # the published constants are a likelihood's, not the Huber optimum


def test_squares_that_underflow_do_not_stop_it(sample: Points) -> None:
    best = log_parameters(fit_huber(sample.N, sample.D, sample.loss).surface)
    dead = np.tile(best, (20, 1))
    dead[:, 2] = -np.linspace(345, 360, 20)  # E of 1e-150 to 1e-156: its square is denormal, its products are not
    with flushed_denormals():
        found = minimise(sample, dead, delta=1e-3)
    assert np.isfinite(found.objective).all()


def test_five_outliers_move_the_answer(published: Load) -> None:
    frame = published("chinchilla")
    fit = fit_huber(frame["N"], frame["D"], frame["loss"])
    s = fit.surface
    assert pytest.approx(496, rel=2e-3) == s.A
    assert pytest.approx(12846, rel=2e-3) == s.B
    assert pytest.approx(1.891, abs=1e-3) == s.E
    assert [s.alpha, s.beta] == pytest.approx([0.349, 0.453], abs=1e-3)
    assert float(s.D_opt(5.76e23) / s.N_opt(5.76e23)) == pytest.approx(6.8, abs=0.05)


def test_same_optimum_as_lbfgs_on_resamples(sample: Points) -> None:
    fit = fit_huber(sample.N, sample.D, sample.loss)
    weights = np.random.default_rng(0).multinomial(sample.size, np.full(sample.size, 1 / sample.size), size=5).astype(float)
    ours = refit(sample, fit, weights=weights)
    assert ours.converged.all()
    for w, value, theta in zip(weights, ours.objective, ours.parameters, strict=True):
        for start in (fit.log_parameters, corner_starts(sample)[1]):
            theirs = scipy_minimize(objective, start, args=(sample, w, 1e-3), jac=True, method="L-BFGS-B",
                                    options={"maxiter": 5000, "maxfun": 20_000, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 30})
            assert value <= theirs.fun * (1 + 1e-9)
            assert theirs.fun == pytest.approx(value, rel=1e-6)
        assert objective(theta, sample, w, 1e-3)[0] == pytest.approx(value, rel=1e-9)
        assert np.abs(objective(theta, sample, w, 1e-3)[1]).max() < 1e-6


def test_resamples_have_one_optimum(sample: Points) -> None:
    fit = fit_huber(sample.N, sample.D, sample.loss)
    weights = np.random.default_rng(1).multinomial(sample.size, np.full(sample.size, 1 / sample.size), size=100).astype(float)
    warm = refit(sample, fit, weights=weights)
    for start in corner_starts(sample):
        ends = minimise(sample, np.tile(start, (100, 1)), delta=1e-3, weights=weights)
        np.testing.assert_allclose(ends.objective, warm.objective, rtol=1e-6)


@pytest.mark.parametrize("delta", [1e-3, np.inf])
def test_recovers_planted_parameters(delta: float) -> None:
    planted = LossSurface(1.7, 400.0, 1500.0, 0.33, 0.37)
    fit = fit_huber(DESIGN_N, DESIGN_D, planted.loss(DESIGN_N, DESIGN_D), delta=delta)
    np.testing.assert_allclose(log_parameters(fit.surface), log_parameters(planted), rtol=1e-6)
    assert np.abs(fit.residuals).max() < 1e-9


def test_outliers_pull_least_squares_but_not_huber() -> None:
    planted = LossSurface(1.7, 400.0, 1500.0, 0.33, 0.37)
    loss = planted.loss(DESIGN_N, DESIGN_D) * np.exp(np.random.default_rng(0).normal(0, 1e-3, DESIGN_N.size))
    loss[:2] *= 1.3
    errors = {delta: abs(float(fit_huber(DESIGN_N, DESIGN_D, loss, delta=delta).surface.alpha) - 0.33) for delta in (1e-3, np.inf)}
    assert errors[1e-3] < 0.02 < errors[np.inf]


def test_weights_repeat_rows(sample: Points) -> None:
    rows = np.arange(60) * 4
    counts = np.arange(60) % 3 + 1
    repeated = np.repeat(rows, counts)
    start = [[6.0, 7.5, 0.6, 0.35, 0.36]]
    weighted = fit_huber(sample.N[rows], sample.D[rows], sample.loss[rows], weights=counts, starts=start)
    copied = fit_huber(sample.N[repeated], sample.D[repeated], sample.loss[repeated], starts=start)
    assert weighted.objective == pytest.approx(copied.objective, rel=1e-9)
    np.testing.assert_allclose(log_parameters(weighted.surface), log_parameters(copied.surface), rtol=1e-5)


def test_published_starts_are_the_published_grid() -> None:
    starts = published_starts()
    assert starts.shape == (4500, 5) and len(np.unique(starts, axis=0)) == 4500
    assert starts.min(axis=0).tolist() == [0, 0, -1, 0, 0] and starts.max(axis=0).tolist() == [25, 25, 1, 2, 2]


def test_three_runs_fit_exactly_from_many_places() -> None:
    N, D = np.array([5e6, 25e6, 1e8]), np.array([4.5e9, 9e8, 2.25e8])
    fit = fit_huber(N, D, [4.65, 4.21, 4.35])
    assert fit.objective < 1e-12 and fit.reached > 0.5


@pytest.mark.parametrize(("N", "loss", "message"), [
    ([1e6, 0.0], [3.0, 2.0], "N must be finite and positive: row 1"),
    ([1e6, 1e7], [3.0, np.nan], "loss must be finite"),
    ([1e6, 1e7, 1e8], [3.0, 2.0], "one length"),
    ([], [], "non-empty"),
    (["a", "b"], [3.0, 2.0], "numbers"),
])
def test_bad_data_are_named(N: list[float], loss: list[float], message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        fit_huber(N, np.full(len(N), 1e9), loss)
