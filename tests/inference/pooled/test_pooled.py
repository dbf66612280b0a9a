"""The population of studies: coordinates, two stages, and the fit with it as a prior, on planted truths."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.inference.parameters import Array, Parameters, parameters
from study.inference.pooled.coordinates import (
    SCALE,
    WITHOUT_SCALE,
    from_coordinates,
    log_jacobian,
    log_prior_density,
    to_coordinates,
)
from study.inference.pooled.gibbs import choose, inverse_wishart
from study.inference.pooled.informed import Informed, everyone, fit_informed
from study.inference.pooled.population import (
    COVARIATES,
    FREEDOM,
    LAB_SD,
    Population,
    as_json,
    covariates,
    draw_covariance,
    from_json,
    prior_draw,
)
from study.inference.pooled.two_stage import Pooled, StudyDraws, pool
from study.inference.priors import draw_prior, priors
from study.inference.spec import HEADLINE, ModelSpec

N0, D0, UNIT = 1e8, 3e9, 4.0
BASE = np.array([1.0] + [0.0] * len(COVARIATES))
SPEC = ModelSpec(group=None, noise="normal", scale_slope=False)


def laws(count: int = 50) -> Parameters:
    return draw_prior(HEADLINE, count, seed=3)


def test_coordinates_go_there_and_back() -> None:
    draws = laws()
    x = to_coordinates(draws, N0, D0, UNIT)
    for name, value in from_coordinates(x, N0, D0, UNIT).items():
        np.testing.assert_allclose(value, getattr(draws, name), rtol=1e-9)


def test_coordinates_are_what_the_law_says_at_the_reference() -> None:
    draws = laws()
    law, C = draws.surface(N0, D0), 1e20
    x = to_coordinates(draws, N0, D0, UNIT, C)
    np.testing.assert_allclose(np.exp(x[:, 2]), law.D_opt(C) / law.N_opt(C), rtol=1e-9)
    np.testing.assert_allclose((np.exp(x[:, 3]) + np.exp(x[:, 4])) * UNIT, law.loss(law.N_opt(C), law.D_opt(C)), rtol=1e-9)


def test_an_unknown_unit_moves_x_along_one_direction() -> None:
    draws = laws()
    other = replace(draws, E=2 * draws.E, tA=2 * draws.tA, tB=2 * draws.tB)
    x, moved = to_coordinates(draws, N0, D0, UNIT), to_coordinates(other, N0, D0, UNIT)
    np.testing.assert_allclose(moved - x, np.log(2) * np.tile(SCALE, (len(x), 1)), atol=1e-9)
    np.testing.assert_allclose(WITHOUT_SCALE @ SCALE, 0)


def test_the_jacobian_is_the_derivative() -> None:
    draws = laws(3)
    names = ("alpha", "beta", "E", "tA", "tB")
    for s in range(3):
        one, columns = draws.take(slice(s, s + 1)), []
        for name in names:
            moved = [replace(one, **{name: getattr(one, name) * math.exp(h)}) for h in (-1e-5, 1e-5)]
            low, high = (to_coordinates(draws, N0, D0, UNIT)[0] for draws in moved)
            columns.append((high - low) / 2e-5)
        assert np.linalg.slogdet(np.array(columns).T)[1] == pytest.approx(log_jacobian(one.alpha, one.beta)[0], abs=1e-5)


def test_the_density_of_the_prior_is_that_of_its_draws() -> None:
    # importance weights from a fitted normal integrate the density to one
    draws = draw_prior(HEADLINE, 40_000, seed=0)
    x = to_coordinates(draws, N0, D0, UNIT)
    wide = stats.multivariate_t(x.mean(axis=0), 1.5 * np.cov(x.T), df=5)
    y = wide.rvs(60_000, random_state=1)
    with np.errstate(over="ignore", divide="ignore"):
        at = from_coordinates(y, N0, D0, UNIT)
        log_density = log_prior_density(parameters({**at, "s": np.ones(len(y))}), priors(HEADLINE, 4.3))
    weights = np.exp(log_density - wide.logpdf(y))
    assert weights.mean() == pytest.approx(1.0, abs=0.03)


def test_covariances_have_the_stated_prior() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([draw_covariance(LAB_SD, rng) for _ in range(1500)])
    for j, scale in enumerate(LAB_SD):
        sd = np.sqrt(drawn[:, j, j]) / scale
        assert stats.kstest(sd, lambda v: 2 * stats.t.cdf(v, FREEDOM) - 1).pvalue > 1e-3
    mean = np.mean([inverse_wishart(20.0, np.diag([1.0, 2.0]), rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(mean, np.diag([1.0, 2.0]) / 17, atol=0.005)


def test_a_pick_follows_its_weights() -> None:
    rng = np.random.default_rng(0)
    x, log_prior = rng.standard_normal((50, 5)), rng.standard_normal(50)
    mean, root = np.full(5, 0.2), np.eye(5)[:4] * 1.3
    weight = np.exp(-0.5 * (((x - mean) @ root.T) ** 2).sum(axis=1) - log_prior)
    picked = np.array([choose(x, log_prior, mean, root, u)[0] for u in (np.arange(20_000) + 0.5) / 20_000])
    np.testing.assert_allclose(np.bincount(picked, minlength=50) / 20_000, weight / weight.sum(), atol=1e-4)
    assert choose(x, log_prior, mean, root, 0.5)[1] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def planted(p0_sd: float, seed: int = 0, count: int = 12) -> tuple[list[StudyDraws], Array]:
    """Studies of a known population, each its exact posterior under Normal(0, p0_sd) given one Gaussian datum."""
    truth = np.random.default_rng(7)
    centre, noise = np.array([-1.0, -1.1, 2.5, -0.8, -1.9]), 0.1
    x = centre + np.array([0.3, 0.2, 0.4, 0.1, 0.3]) * truth.standard_normal((count, 5))
    data = x + noise * truth.standard_normal(x.shape)
    rng, shrink = np.random.default_rng(seed), 1 / (1 + noise**2 / p0_sd**2)
    studies = []
    for k in range(count):
        drawn = shrink * data[k] + noise * math.sqrt(shrink) * rng.standard_normal((1000, 5))
        log_prior = stats.norm.logpdf(drawn, 0, p0_sd).sum(axis=1)
        studies.append(StudyDraws(f"study {k}", f"laboratory {k}", BASE, drawn, log_prior))
    return studies, x


@pytest.fixture(scope="module")
def pooled() -> Pooled:
    return pool(planted(3.0)[0], seed=0, draws=500, tune=200, chains=2)


@pytest.mark.slow  # the sweeps take 20 s to compile
def test_the_population_is_recovered(pooled: Pooled) -> None:
    mean, spread = pooled.population.mean[:, 0], np.sqrt(np.diagonal(pooled.population.spread, axis1=1, axis2=2))
    _, x = planted(3.0)
    np.testing.assert_array_less(np.abs(x.mean(axis=0) - mean.mean(axis=0)), 3.5 * mean.std(axis=0))
    low, high = np.quantile(spread, [0.005, 0.995], axis=0)
    assert ((low < x.std(axis=0)) & (x.std(axis=0) < high)).all()
    assert pooled.x.shape == (1000, 12, 5) and pooled.effective.min() > 50


@pytest.mark.slow  # the sweeps take 20 s to compile
def test_the_first_stage_s_prior_does_not_matter(pooled: Pooled) -> None:
    other = pool(planted(0.8, seed=5)[0], seed=1, draws=400, tune=100, chains=2)
    for one, two in ((pooled.population.mean[:, 0], other.population.mean[:, 0]), (pooled.x[:, 3], other.x[:, 3])):
        np.testing.assert_allclose(one.mean(axis=0), two.mean(axis=0), atol=0.35 * one.std(axis=0).max())
        np.testing.assert_allclose(one.std(axis=0), two.std(axis=0), rtol=0.3)


@pytest.mark.slow  # the sweeps take 20 s to compile
def test_a_loss_without_a_unit_says_nothing_of_its_level(pooled: Pooled) -> None:
    studies, _ = planted(3.0)
    given = [replace(studies[0], relative=True, x=studies[0].x + 5 * SCALE, log_prior=studies[0].log_prior), *studies[1:]]
    found = pool(given, seed=0, draws=300, tune=100, chains=2)
    np.testing.assert_allclose(found.x[:, 0, :3].mean(axis=0), pooled.x[:, 0, :3].mean(axis=0), atol=0.1)
    assert abs(found.x[:, 0, 3].mean() - found.population.mean[:, 0, 3].mean()) < 0.4
    assert abs(studies[0].x[:, 3].mean() + 5 - found.x[:, 0, 3].mean()) > 3


@pytest.mark.slow  # the sweeps take 20 s to compile
def test_studies_of_one_laboratory_count_less(pooled: Pooled) -> None:
    studies, _ = planted(3.0)
    together = [replace(study, laboratory="one") if k < 9 else study for k, study in enumerate(studies)]
    found = pool(together, seed=0, draws=300, tune=100, chains=2)
    assert found.population.mean[:, 0, 2].std() > 1.3 * pooled.population.mean[:, 0, 2].std()
    heavy = pool(together, seed=0, draws=50, tune=20, chains=2, tails=4.0)
    assert np.isfinite(heavy.population.mean).all()


def test_the_record_of_a_population() -> None:
    population = prior_draw(np.random.default_rng(0))
    body = as_json(population)
    np.testing.assert_allclose(from_json(body).spread, population.spread, rtol=1e-4)
    with pytest.raises(ValueError, match="other coordinates"):
        from_json({**body, "covariates": ["1"]})
    assert covariates("total", False, True, 4.3).tolist() == [1, 1, 0, 1, 1, 0]


def narrow(sd: float) -> tuple[Informed, Array]:
    """A population known to `sd`, and its centre."""
    centre = np.array([-1.05, -1.0, 3.0, -0.85, -1.9])
    mean = np.vstack([centre, np.zeros((len(COVARIATES), 5))])
    return everyone(Population(mean[None], 0.5 * sd**2 * np.eye(5)[None], 0.5 * sd**2 * np.eye(5)[None])), centre


def runs(centre: Array, count: int, noise: float, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    N, D = np.exp(rng.uniform(17, 21, count)), np.exp(rng.uniform(21, 24, count))
    law = from_coordinates(centre[None], 1.0, 1.0, 4.3)
    loss = law["E"] + law["tA"] * N ** -law["alpha"] + law["tB"] * D ** -law["beta"]
    return pd.DataFrame({"N": N, "D": D, "loss": loss * np.exp(noise * rng.standard_normal(count))})


def test_without_information_the_posterior_is_the_prior() -> None:
    prior, centre = narrow(0.25)
    found = fit_informed(runs(centre, 1, 0.0), prior, SPEC, seed=0, draws=2000)  # one loss: one direction, mostly e
    x = to_coordinates(found.parameters, found.N0, found.D0, 4.3)
    assert found.diagnostics.converged
    np.testing.assert_allclose(x[:, :3].mean(axis=0), centre[:3], atol=0.08)
    np.testing.assert_allclose(x[:, :3].std(axis=0), 0.25, rtol=0.2)


def test_with_many_runs_the_prior_gives_way() -> None:
    prior, centre = narrow(0.5)
    truth = centre + np.array([0.3, -0.3, 0.6, 0.1, 0.2])
    found = fit_informed(runs(truth, 60, 0.003), prior, SPEC, seed=0, draws=2000)
    x = to_coordinates(found.parameters, found.N0, found.D0, 4.3)
    assert found.diagnostics.converged and (np.abs(x.mean(axis=0) - truth) < 4 * x.std(axis=0)).all()
    assert x[:, 2].std() < 0.3


def test_an_unknown_unit_leaves_the_ratio_known() -> None:
    prior, centre = narrow(0.2)
    table = runs(centre, 4, 0.002)
    plain = fit_informed(table, prior, SPEC, seed=0, draws=2000)
    scaled = fit_informed(table.assign(loss=0.3 * table["loss"]), replace(prior, relative=True), SPEC, seed=0, draws=2000,
                          bytes_per_token=1.3)
    one, two = (np.log(found.draws.D_opt(1e20)) for found in (plain, scaled))
    assert abs(np.median(one) - np.median(two)) < 0.1 and two.std() == pytest.approx(one.std(), rel=0.5)


def test_one_run_can_be_fitted_with_a_group() -> None:
    prior, centre = narrow(0.3)
    found = fit_informed(runs(centre, 1, 0.0).assign(width=64), prior, HEADLINE, seed=0, draws=500)
    assert found.u.shape == (500, 1) and np.isfinite(found.draws.D_opt(1e21)).all()
