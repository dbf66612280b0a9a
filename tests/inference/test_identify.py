"""Directions, contraction, condition numbers and profiles: planted ones are found, and three runs teach three things."""

import numpy as np
import pytest

from study.inference.calibration.designs import THREE, Design
from study.inference.fast.fit import fit_fast
from study.inference.identify import LAW, condition_numbers, contraction, directions, profile
from study.inference.observations import Observations, PriorDominatedWarning, observations
from study.inference.parameters import Parameters, parameters
from study.inference.posterior import Posterior
from study.inference.priors import draw_prior
from study.inference.spec import HEADLINE, ModelSpec
from study.laws.hoffmann import LossSurface
from tests.conftest import Load

NORMAL = ModelSpec(noise="normal", scale_slope=False, group=None)
STUDENT = ModelSpec(scale_slope=False, group=None)


def gaussian(logs: np.ndarray) -> Parameters:
    return parameters({**{name: np.exp(logs[:, k]) for k, name in enumerate(LAW)}, "s": np.full(len(logs), 0.01)})


def test_planted_directions_are_found() -> None:
    rng = np.random.default_rng(0)
    prior_sd = np.array([0.4, 1.0, 1.0, 0.4, 0.4])
    z = rng.standard_normal((40_000, 5))
    known = np.array([0.0, 0.6, 0.8, 0.0, 0.0])  # in prior s.d.: one sum of ln tA and ln tB is learned to a tenth
    learned = z - np.outer(z @ known, known) * 0.9
    found = directions(gaussian(learned * prior_sd), gaussian(z * prior_sd))
    assert found.eigenvalues == pytest.approx([0.01, 1, 1, 1, 1], abs=0.03)
    assert np.abs(found.vectors[:, 0] @ known) == pytest.approx(1, abs=1e-3)
    assert found.learned == 1
    assert found.describe(0) == "+0.8 ln tB +0.6 ln tA"
    shares = contraction(gaussian(learned * prior_sd), gaussian(z * prior_sd), LAW)
    assert shares["E"] == pytest.approx(0, abs=0.02)
    assert shares["tB"] == pytest.approx(0.8**2 * 0.99, abs=0.02)


@pytest.fixture(scope="module")
def three() -> Posterior:
    surface = LossSurface(1.7, 400.0, 410.0, 0.34, 0.28)
    with pytest.warns(PriorDominatedWarning):
        return fit_fast(THREE.table(surface.loss(THREE.N, THREE.D)), HEADLINE, seed=0)


def test_three_runs_teach_exactly_three_directions(three: Posterior) -> None:
    found = directions(three.parameters, draw_prior(HEADLINE, 20_000, seed=1))
    assert found.learned == 3 and found.eigenvalues[0] < 0.03
    assert found.eigenvalues[3:] == pytest.approx([1, 1], abs=0.2)  # the other two are the prior's


def test_more_runs_teach_more(three: Posterior) -> None:
    surface, rng = LossSurface(1.7, 400.0, 410.0, 0.34, 0.28), np.random.default_rng(0)
    N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(2e6, 5e8, 6), np.geomspace(1e8, 1e10, 5)))
    wide = Design("wide", N, D, np.round(N**0.4), 4.3)
    many = fit_fast(wide.table(surface.loss(N, D) * np.exp(0.003 * rng.standard_normal(30))), HEADLINE, seed=0)
    prior = draw_prior(HEADLINE, 20_000, seed=1)
    assert directions(many.parameters, prior).learned > directions(three.parameters, prior).learned
    few_share, many_share = (contraction(posterior.parameters, prior, ["alpha", "s"]) for posterior in (three, many))
    assert many_share["alpha"] > few_share["alpha"] + 0.1
    assert many_share["s"] > 0.8


def test_slopes_decorrelate_chinchillas_points(published: Load) -> None:
    frame = published("chinchilla")
    table = frame.loc[~frame["outlier"], ["N", "D", "loss"]].reset_index(drop=True)
    posterior = fit_fast(table, STUDENT, seed=0)
    numbers = condition_numbers(posterior)
    assert numbers["slopes"] < 40 < 300 < numbers["centred"] < numbers["naive"]
    assert numbers["naive"] > 5000


SURFACE = LossSurface(1.1, 60.0, 900.0, 0.36, 0.40)
REFERENCE = {"N0": 1e5, "D0": 1e7}


def grid_of_runs() -> Observations:
    rng = np.random.default_rng(4)
    N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e4, 1e6, 6), np.geomspace(1e6, 1e8, 5)))
    loss = SURFACE.loss(N, D) * np.exp(0.005 * rng.standard_normal(30))
    return observations(Design("grid", N, D, N, 2.5).table(loss), NORMAL)


@pytest.mark.parametrize(("name", "values"), [
    ("alpha", np.linspace(0.30, 0.42, 7)), ("beta", np.linspace(0.34, 0.46, 7)), ("E", np.linspace(0.95, 1.25, 7)),
    ("tA", np.linspace(0.8, 1.1, 7)), ("a", np.linspace(0.45, 0.6, 7)),
    ("D_opt_at", float(SURFACE.D_opt_at(1e9)) * np.geomspace(0.3, 3, 7))])
def test_a_profile_is_lowest_near_the_truth(name: str, values: np.ndarray) -> None:
    deviance = profile(grid_of_runs(), name, values, **REFERENCE)
    assert deviance.min() == 0
    low = int(np.argmin(deviance))
    assert 1 <= low <= 5
    assert deviance[0] > 2 and deviance[-1] > 2
    assert np.all(np.diff(deviance[:low + 1]) < 0) and np.all(np.diff(deviance[low:]) > 0)


def test_a_profile_holds_what_it_says_it_holds() -> None:
    """Without noise the least deviance is at the truth, for a derived quantity too."""
    rows = grid_of_runs()
    exact = Observations(rows.N, rows.D, rows.C, SURFACE.loss(rows.N, rows.D), rows.group, rows.groups, rows.repeats)
    for name, truth in (("a", float(SURFACE.a)), ("D_opt_at", float(SURFACE.D_opt_at(1e9))), ("beta", 0.40)):
        deviance = profile(exact, name, truth * np.array([0.98, 1.0, 1.02]), scale=0.001, **REFERENCE)
        assert deviance[1] == 0 and min(deviance[0], deviance[2]) > 0.1


def test_three_runs_leave_the_exponents_flat() -> None:
    loss = LossSurface(1.7, 400.0, 410.0, 0.34, 0.28).loss(THREE.N, THREE.D)
    rows = observations(THREE.table(loss), NORMAL)
    deviance = profile(rows, "alpha", np.array([0.2, 0.34, 0.5]), scale=0.01, N0=THREE.N0, D0=THREE.D0)
    assert np.all(deviance < 0.1)
    with pytest.raises(ValueError, match="leave no residual"):
        profile(rows, "alpha", np.array([0.3]), N0=THREE.N0, D0=THREE.D0)
    with pytest.raises(ValueError, match="no profile of 'gamma'"):
        profile(rows, "gamma", np.array([0.3]), N0=THREE.N0, D0=THREE.D0, scale=0.01)
