import numpy as np
import pandas as pd
import pytest

from study.inference.classical.bootstrap import Bootstrap, clustered_bootstrap, compute_bins, resampled, row_bootstrap
from study.inference.classical.delta import delta_method, jacobian
from study.inference.classical.huber import fit_huber, log_parameters, refit
from study.inference.classical.newton import to_surface
from study.inference.classical.points import InferenceError, points
from study.laws.hoffmann import LossSurface
from tests.conftest import Load

PLANTED = LossSurface(1.7, 400.0, 1500.0, 0.33, 0.37)
DESIGN_N, DESIGN_D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 8), np.geomspace(1e9, 1e12, 8)))


def ratio(surface: LossSurface) -> np.ndarray:
    """D/N at Chinchilla's budget."""
    return np.asarray(surface.D_opt(5.76e23) / surface.N_opt(5.76e23))


@pytest.fixture(scope="module")
def clean(published: Load) -> pd.DataFrame:
    frame = published("chinchilla")
    return frame[~frame["outlier"]]


@pytest.fixture
def noisy() -> np.ndarray:
    return np.asarray(PLANTED.loss(DESIGN_N, DESIGN_D) * np.exp(np.random.default_rng(5).normal(0, 0.004, DESIGN_N.size)))


def test_rows_against_clusters_on_chinchilla(clean: pd.DataFrame) -> None:
    rows = row_bootstrap(clean["N"], clean["D"], clean["loss"], seed=0)
    assert rows.interval(ratio) == pytest.approx((7.6, 35.9), rel=0.05)
    assert rows.converged == 1.0 and rows.clusters == 240
    bins = compute_bins(clean["C"])
    assert sorted(np.bincount(bins)) == [26, 26, 26, 27, 27, 27, 27, 27, 27]
    clustered = clustered_bootstrap(clean["N"], clean["D"], clean["loss"], bins, seed=0)
    low, high = clustered.interval(ratio)
    assert 2.8 < low < 4.2 and 110 < high < 190  # the published pair, [3.2, 126], does not state its bins


@pytest.mark.slow
def test_bootstrap_standard_errors_on_chinchilla(clean: pd.DataFrame) -> None:
    errors = row_bootstrap(clean["N"], clean["D"], clean["loss"], seed=3, resamples=20_000).standard_errors()
    expected = {"A": 124, "B": 1293, "E": 0.026, "alpha": 0.0154, "beta": 0.0206}
    for name, value in expected.items():
        assert errors[name] == pytest.approx(value, rel=0.1), name


def test_same_seed_same_draws(noisy: np.ndarray) -> None:
    draws = [row_bootstrap(DESIGN_N, DESIGN_D, noisy, seed=seed, resamples=50).surface.alpha for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_residual_bootstrap_and_delta_method_agree_on_clean_noise(noisy: np.ndarray) -> None:
    data, fit = points(DESIGN_N, DESIGN_D, noisy), fit_huber(DESIGN_N, DESIGN_D, noisy, delta=0.01)
    ends = refit(data, fit, log_loss=resampled(data, fit, 2000, np.random.default_rng(0)))
    boot = Bootstrap("residual", fit, ends.surface, float(ends.converged.mean()), data.size)
    normal = delta_method(boot.fit.surface, DESIGN_N, DESIGN_D, noisy, delta=0.01)
    for name, value in boot.standard_errors().items():
        assert normal.standard_error(lambda s, n=name: getattr(s, n)) == pytest.approx(value, rel=0.15), name
    assert normal.interval(ratio) == pytest.approx(boot.interval(ratio), rel=0.1)


def test_clusters_that_share_an_error_widen_the_interval() -> None:
    clusters = compute_bins(DESIGN_N * DESIGN_D, 8)
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.01, 8)[clusters] + rng.normal(0, 0.001, clusters.size)
    loss = PLANTED.loss(DESIGN_N, DESIGN_D) * np.exp(shared)
    by_row = row_bootstrap(DESIGN_N, DESIGN_D, loss, seed=0, resamples=500)
    by_cluster = clustered_bootstrap(DESIGN_N, DESIGN_D, loss, clusters, seed=0, resamples=500)
    assert by_cluster.standard_errors()["alpha"] > 1.3 * by_row.standard_errors()["alpha"]


def test_levels_are_nested(noisy: np.ndarray) -> None:
    boot = row_bootstrap(DESIGN_N, DESIGN_D, noisy, seed=0, resamples=300)
    (l95, h95), (l50, h50) = boot.interval(ratio), boot.interval(ratio, 0.5)
    assert l95 < l50 < float(np.median(ratio(boot.surface))) < h50 < h95


@pytest.mark.slow
def test_delta_method_covers() -> None:
    rng, truth, hits = np.random.default_rng(0), float(PLANTED.D_opt_at(1e9)), 0
    for _ in range(200):
        loss = PLANTED.loss(DESIGN_N, DESIGN_D) * np.exp(rng.normal(0, 0.005, DESIGN_N.size))
        fit = fit_huber(DESIGN_N, DESIGN_D, loss, delta=np.inf, starts=log_parameters(PLANTED))
        low, high = delta_method(fit.surface, DESIGN_N, DESIGN_D, loss, delta=np.inf).interval(lambda s: s.D_opt_at(1e9))
        hits += low < truth < high
    assert 180 <= hits <= 199


def test_jacobian_is_the_derivative() -> None:
    data, theta, h = points(DESIGN_N, DESIGN_D, 1.0), log_parameters(PLANTED), 1e-6
    for k, unit in enumerate(np.eye(5)):
        up, down = (np.log(to_surface(theta + sign * h * unit).loss(data.N, data.D)) for sign in (1, -1))
        np.testing.assert_allclose(jacobian(PLANTED, data)[:, k], (up - down) / (2 * h), rtol=1e-6, atol=1e-8)


def test_too_few_points_are_refused() -> None:
    N, D, loss = [1e6, 1e7, 1e8], [1e9, 1e9, 1e9], [4.0, 3.5, 3.2]
    with pytest.raises(InferenceError, match="six points"):
        delta_method(PLANTED, N, D, loss)
    with pytest.raises(InferenceError, match="two clusters"):
        clustered_bootstrap(N, D, loss, [1, 1, 1], seed=0)
    with pytest.raises(InferenceError, match="2 cluster labels for 3"):
        clustered_bootstrap(N, D, loss, [1, 2], seed=0)


def test_unidentified_design_has_no_delta_method() -> None:
    D = np.geomspace(1e8, 1e11, 10)
    with pytest.raises(InferenceError, match="do not identify"):
        delta_method(PLANTED, np.full(10, 1e8), D, PLANTED.loss(1e8, D) * np.linspace(0.9999, 1.0001, 10), delta=0.1)


def test_labels_need_not_be_sorted() -> None:
    assert compute_bins([1e20, 1e18, 1e19, 1e21], 2).tolist() == [1, 0, 0, 1]
