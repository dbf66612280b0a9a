import numpy as np
import pytest

from study.inference.classical import varpro
from study.inference.classical.huber import fit_huber
from study.inference.classical.points import InferenceError
from study.inference.classical.varpro import fit_varpro
from study.laws.hoffmann import LossSurface
from tests.conftest import Load

N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 6)))


@pytest.mark.parametrize("planted", [LossSurface(1.69, 406.4, 410.7, 0.34, 0.28), LossSurface(1.8, 80.0, 9000.0, 0.25, 0.45)])
def test_recovers_planted_parameters(planted: LossSurface) -> None:
    fit = fit_varpro(N, D, planted.loss(N, D))
    for name in ("E", "A", "B", "alpha", "beta"):
        assert getattr(fit.surface, name) == pytest.approx(getattr(planted, name), rel=1e-6)
    assert fit.at_bound == ()


def test_nearly_least_squares_of_the_logarithm(published: Load) -> None:
    frame = published("chinchilla")
    clean = frame[~frame["outlier"]]
    projected = fit_varpro(clean["N"], clean["D"], clean["loss"]).surface
    least = fit_huber(clean["N"], clean["D"], clean["loss"], delta=np.inf).surface
    assert [projected.alpha, projected.beta] == pytest.approx([least.alpha, least.beta], rel=0.01)


def test_the_optimum_is_below_the_grid_and_its_own_neighbours() -> None:
    loss = LossSurface(1.7, 400.0, 400.0, 0.33, 0.29).loss(N, D) * np.exp(np.random.default_rng(0).normal(0, 0.01, N.size))
    for relative in (True, False):
        fit = fit_varpro(N, D, loss, relative=relative)
        residual = (loss - fit.surface.loss(N, D)) / (loss if relative else 1)
        assert fit.objective == pytest.approx(float(residual @ residual), rel=1e-9)
        data, root = varpro.points(N, D, loss), 1 / loss if relative else np.ones(N.size)
        around = [(fit.surface.alpha * x, fit.surface.beta * y) for x in (0.999, 1, 1.001) for y in (0.999, 1, 1.001)
                  if (x, y) != (1, 1)]
        assert fit.objective < min(varpro._project(data, root, a, b)[1] for a in varpro.GRID for b in varpro.GRID)
        assert all(fit.objective < varpro._project(data, root, a, b)[1] for a, b in around)


def test_floor_at_zero_is_reported() -> None:
    assert "E" in fit_varpro(N, D, LossSurface(0.0, 40.0, 40.0, 0.1, 0.1).loss(N, D) - 0.5).at_bound


def test_too_few_points() -> None:
    with pytest.raises(InferenceError, match="five points"):
        fit_varpro([1e6, 1e7], [1e9, 1e9], [4.0, 3.0])
