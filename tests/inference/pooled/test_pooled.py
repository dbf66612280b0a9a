"""The population of studies: coordinates, two stages, and the fit with it as a prior, on planted truths."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

from study.inference.parameters import Array, Parameters
from study.inference.pooled.coordinates import (
    SCALE,
    WITHOUT_SCALE,
    from_coordinates,
    log_jacobian,
    to_coordinates,
)
from study.inference.pooled.density import effects, log_density
from study.inference.pooled.informed import Informed, everyone, fit_informed
from study.inference.pooled.layout import MEAN, TERMS, Layout
from study.inference.pooled.population import (
    COVARIATES,
    ETA,
    FREEDOM,
    LAB_SD,
    as_json,
    covariates,
    draw_covariances,
    fixed,
    from_json,
    prior_draws,
)
from study.inference.pooled.summary import UNIT as UNKNOWN
from study.inference.pooled.summary import FirstStage, likelihood, mixture
from study.inference.pooled.two_stage import Pooled, StudyDraws, pool
from study.inference.priors import draw_prior
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


def test_covariances_have_the_stated_prior() -> None:
    drawn = draw_covariances(LAB_SD, np.random.default_rng(0), 3000)
    sd = np.sqrt(np.diagonal(drawn, axis1=1, axis2=2))
    for j, scale in enumerate(LAB_SD):
        assert stats.kstest(sd[:, j] / scale, lambda v: 2 * stats.t.cdf(v, FREEDOM) - 1).pvalue > 1e-3
    power = ETA - 1 + 5 / 2  # each correlation of LKJ(ETA) in five dimensions is Beta(power, power) on (-1, 1)
    for i, j in ((1, 0), (4, 0), (4, 3)):
        r = drawn[:, i, j] / sd[:, i] / sd[:, j]
        assert stats.kstest((r + 1) / 2, stats.beta(power, power).cdf).pvalue > 1e-3


FIRST = np.array([0, 3, 4, 5, 6])  # of the laboratories: the first has three studies
TINY = -7.0  # ln(s.d. / scale) of a spread that is nothing


def summaries(rng: np.random.Generator, studies: int = 6, components: int = 3) -> tuple[Array, ...]:
    """Log weights, means and covariances of mixtures, and covariates."""
    root = 0.2 * rng.standard_normal((studies, components, 5, 5))
    c = np.column_stack([np.ones(studies), rng.standard_normal((studies, len(COVARIATES)))])
    return (rng.standard_normal((studies, components)), MEAN[0] + 0.3 * rng.standard_normal((studies, components, 5)),
            root @ root.transpose(0, 1, 3, 2) + 0.01 * np.eye(5), c)


@pytest.mark.parametrize(("heavy", "tails"), [(False, 1.0), (True, 4.0)])
@pytest.mark.parametrize("small", [0.0, TINY])
def test_the_gradient_is_the_derivative(heavy: bool, tails: float, small: float) -> None:
    rng, layout = np.random.default_rng(0), Layout(4 if heavy else 0)
    data, theta = summaries(rng), 0.5 * rng.standard_normal(layout.size)
    theta[TERMS * 5 + 2] += small  # one s.d. between laboratories
    gradient, other = np.empty(layout.size), np.empty(layout.size)
    log_density(theta, *data, FIRST, heavy, tails, gradient)
    for i, by in enumerate(np.eye(layout.size) * 1e-5):
        high, low = (log_density(theta + sign * by, *data, FIRST, heavy, tails, other) for sign in (1, -1))
        assert (high - low) / 2e-5 == pytest.approx(gradient[i], abs=1e-6), i


def test_the_density_is_that_of_the_stated_model() -> None:
    """Beside scipy's normals: the three studies of one laboratory are one normal of 15 numbers, for every choice of components."""
    rng, layout = np.random.default_rng(1), Layout()
    log_weight, mean, cov, c = summaries(rng)
    theta, gradient = 0.5 * rng.standard_normal(layout.size), np.empty(layout.size)
    parts = {name: value[0] for name, value in layout.split(theta[None]).items()}
    lab, within = (parts[name] @ parts[name].T for name in ("lab", "within"))
    prior = sum(stats.norm.logpdf(theta[:TERMS * 5])) + TERMS * 5 / 2 * math.log(2 * math.pi)
    for start in (TERMS * 5, TERMS * 5 + 15):  # half-t s.d., and the multivariate t of each row below the diagonal
        ln_sd, below = theta[start:start + 5], theta[start + 5:start + 15]
        prior += sum(ln_sd + stats.t.logpdf(np.exp(ln_sd), FREEDOM) - stats.t.logpdf(0, FREEDOM))
        for i in range(1, 5):
            freedom = 4 + 2 * ETA - i
            row = stats.multivariate_t(np.zeros(i), np.eye(i) / freedom, df=freedom)
            prior += row.logpdf(below[i * (i - 1) // 2:i * (i + 1) // 2]) - row.logpdf(np.zeros(i))
    for begin, end in ((0, 3), (3, 4)):
        count = end - begin
        spread = np.kron(np.ones((count, count)), lab) + np.kron(np.eye(count), within)
        density = []
        for choice in itertools.product(range(3), repeat=count):
            own, which = np.arange(begin, end), np.array(choice)
            total = spread + linalg.block_diag(*cov[own, which])
            normal = stats.multivariate_normal((c[own] @ parts["M"]).ravel(), total)
            density.append(log_weight[own, which].sum() + normal.logpdf(mean[own, which].ravel()))
        data = (part[begin:end] for part in (log_weight, mean, cov, c))
        found = log_density(theta, *data, np.array([0, count]), False, 1.0, gradient)
        assert found == pytest.approx(prior + np.logaddexp.reduce(density) + 2.5 * count * math.log(2 * math.pi))


def test_the_coordinates_have_the_stated_prior() -> None:
    """The correlations of a row whose u is its multivariate t are LKJ's: each Beta(power, power) on (-1, 1)."""
    rng, theta = np.random.default_rng(0), np.zeros((4000, Layout().size))
    for i in range(1, 5):
        at, freedom = TERMS * 5 + 5 + i * (i - 1) // 2, 4 + 2 * ETA - i
        theta[:, at:at + i] = stats.multivariate_t(np.zeros(i), np.eye(i) / freedom, df=freedom, seed=rng).rvs(4000).reshape(-1, i)
    factor = Layout().split(theta)["lab"] / LAB_SD[:, None]
    np.testing.assert_allclose(np.linalg.norm(factor, axis=2), 1.0)
    power = ETA - 1 + 5 / 2
    for i, j in ((1, 0), (4, 0), (4, 3)):
        r = (factor[:, i] * factor[:, j]).sum(axis=1)
        assert stats.kstest((r + 1) / 2, stats.beta(power, power).cdf).pvalue > 1e-3


def test_a_laboratory_s_effect_is_that_of_its_normals() -> None:
    """Studies of one component each: v given them is one normal, whose moments are known."""
    rng, layout = np.random.default_rng(2), Layout()
    log_weight, mean, cov, c = (part[:3] for part in summaries(rng, components=1))
    theta = np.tile(0.3 * rng.standard_normal(layout.size), (20_000, 1))
    parts = layout.split(theta)
    v = effects(parts["M"], parts["lab"], parts["within"], np.ones(20_000), log_weight, mean, cov, c, rng.random(20_000),
                rng.standard_normal((20_000, 5)))
    lab, within = (parts[name][0] @ parts[name][0].T for name in ("lab", "within"))
    A = np.linalg.inv(cov[:, 0] + within)
    spread = np.linalg.inv(np.linalg.inv(lab) + A.sum(axis=0))
    middle = spread @ np.einsum("kij,kj->i", A, mean[:, 0] - c @ parts["M"][0])
    np.testing.assert_allclose(v.mean(axis=0), middle, atol=4 * np.sqrt(np.diag(spread) / 20_000).max())
    np.testing.assert_allclose(np.cov(v.T), spread, atol=0.03 * np.diag(spread).max())


def test_the_likelihood_of_a_study_is_its_posterior_over_its_prior() -> None:
    """A Gaussian study: prior p0, one Gaussian datum; the cavity is the datum."""
    rng = np.random.default_rng(0)
    p0 = FirstStage(np.full(5, 0.3), np.array([1.0, 2.0, 0.5, 1.0, 3.0]))
    datum, error = np.array([0.5, 0.0, 0.3, 1.0, -1.0]), np.array([0.3, 0.5, 0.4, 0.2, 1.0])
    var = 1 / (1 / p0.sd**2 + 1 / error**2)
    x = var * (p0.mean / p0.sd**2 + datum / error**2) + np.sqrt(var) * rng.standard_normal((4000, 5))
    found = likelihood(x, p0, relative=False, components=1)
    np.testing.assert_allclose(found.mean[0], datum, atol=0.1)
    np.testing.assert_allclose(np.sqrt(np.diag(found.cov[0])), error, rtol=0.1)
    wide = likelihood(x, p0, relative=True, components=1)
    np.testing.assert_allclose(wide.cov[0] - found.cov[0], UNKNOWN**2 * np.outer(SCALE, SCALE))


def test_a_mixture_finds_two_clusters() -> None:
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.standard_normal((600, 2)) - [4, 0], 0.5 * rng.standard_normal((200, 2)) + [4, 0]])
    weight, mean, _ = mixture(z, 2)
    order = np.argsort(mean[:, 0])
    np.testing.assert_allclose(weight[order], [0.75, 0.25], atol=0.02)
    np.testing.assert_allclose(mean[order, 0], [-4, 4], atol=0.3)


def planted(p0_sd: float, seed: int = 0, count: int = 12) -> tuple[list[StudyDraws], Array]:
    """Studies of a known population, each its exact posterior under a normal prior so wide given one Gaussian datum."""
    truth = np.random.default_rng(7)
    centre, noise = np.array([-1.0, -1.1, 2.5, -0.8, -1.9]), 0.1
    x = centre + np.array([0.3, 0.2, 0.4, 0.1, 0.3]) * truth.standard_normal((count, 5))
    data = x + noise * truth.standard_normal(x.shape)
    rng, p0 = np.random.default_rng(seed), FirstStage(centre, np.full(5, p0_sd))
    shrink = 1 / (1 + noise**2 / p0_sd**2)
    return [StudyDraws(f"study {k}", f"laboratory {k}", BASE, centre + shrink * (data[k] - centre)
                       + noise * math.sqrt(shrink) * rng.standard_normal((1000, 5)), p0=p0) for k in range(count)], x


@pytest.fixture(scope="module")
def pooled() -> Pooled:
    return pool(planted(3.0)[0], seed=0, draws=500, tune=300, chains=2)


def test_the_population_is_recovered(pooled: Pooled) -> None:
    mean, spread = pooled.population.mean[:, 0], np.sqrt(np.diagonal(pooled.population.spread, axis1=1, axis2=2))
    _, x = planted(3.0)
    np.testing.assert_array_less(np.abs(x.mean(axis=0) - mean.mean(axis=0)), 3.5 * mean.std(axis=0))
    low, high = np.quantile(spread, [0.005, 0.995], axis=0)
    assert ((low < x.std(axis=0)) & (x.std(axis=0) < high)).all()
    assert pooled.x.shape == (1000, 12, 5) and pooled.effective.min() > 50 and pooled.gaps.max() < 0.2


def test_the_first_stage_s_prior_does_not_matter(pooled: Pooled) -> None:
    other = pool(planted(0.8, seed=5)[0], seed=1, draws=400, tune=300, chains=2)
    for one, two in ((pooled.population.mean[:, 0], other.population.mean[:, 0]), (pooled.x[:, 3], other.x[:, 3])):
        np.testing.assert_allclose(one.mean(axis=0), two.mean(axis=0), atol=0.35 * one.std(axis=0).max())
        np.testing.assert_allclose(one.std(axis=0), two.std(axis=0), rtol=0.3)


def test_a_loss_without_a_unit_says_nothing_of_its_level(pooled: Pooled) -> None:
    studies, _ = planted(3.0)
    given = [replace(studies[0], relative=True, x=studies[0].x + 5 * SCALE,
                     p0=FirstStage(studies[0].p0.mean + 5 * SCALE, studies[0].p0.sd)), *studies[1:]]
    found = pool(given, seed=0, draws=300, tune=300, chains=2)
    np.testing.assert_allclose(found.x[:, 0, :3].mean(axis=0), pooled.x[:, 0, :3].mean(axis=0), atol=0.1)
    assert abs(found.x[:, 0, 3].mean() - found.population.mean[:, 0, 3].mean()) < 0.4
    assert abs(studies[0].x[:, 3].mean() + 5 - found.x[:, 0, 3].mean()) > 3


def test_studies_of_one_laboratory_count_less() -> None:
    """Nine studies that are one laboratory's and all alike: taken for nine laboratories', they make the mean look surer."""
    studies = planted(3.0)[0]
    alike = [replace(study, x=study.x - study.x.mean(axis=0) + studies[0].x.mean(axis=0)) if k < 9 else study
             for k, study in enumerate(studies)]
    one = [replace(study, laboratory="one") if k < 9 else study for k, study in enumerate(alike)]
    apart, found = (pool(each, seed=0, draws=300, tune=300, chains=2) for each in (alike, one))
    assert found.population.mean[:, 0, 2].std() > 1.3 * apart.population.mean[:, 0, 2].std()
    within, between = (np.sqrt(cov[:, 2, 2]) for cov in (found.population.within, found.population.lab))
    assert np.median(within) < 0.1 < np.median(between)
    heavy = pool(one, seed=0, draws=50, tune=100, chains=2, tails=4.0)
    assert np.isfinite(heavy.population.mean).all()


def test_a_widened_population_spreads_a_new_study() -> None:
    population = prior_draws(np.random.default_rng(0), 50)
    wide = population.widened(2.0)
    np.testing.assert_allclose(wide.spread, 4 * population.spread)
    np.testing.assert_array_equal(wide.mean, population.mean)


def test_heavy_tails_of_laboratories_are_those_of_a_new_study() -> None:
    draws = prior_draws(np.random.default_rng(0), 1)
    c, rng = np.eye(len(COVARIATES) + 1)[0], np.random.default_rng(1)
    heavy = replace(draws, lab=np.eye(5)[None], within=1e-12 * np.eye(5)[None], tails=4.0)
    x = heavy.new_study(c, rng, 20_000)[:, 0] - draws.mean[0, 0, 0]
    assert stats.kstest(x, stats.t(4).cdf).pvalue > 1e-3
    assert heavy.thin(1).tails == heavy.widened(2.0).tails == 4.0
    with pytest.raises(ValueError, match="normal effects"):
        heavy.log_density(x[:3, None] * np.ones(5), c)


def test_the_record_of_a_population() -> None:
    population = prior_draws(np.random.default_rng(0))
    body = as_json(population)
    np.testing.assert_allclose(from_json(body).spread, population.spread, rtol=1e-4)
    with pytest.raises(ValueError, match="other coordinates"):
        from_json({**body, "covariates": ["1"]})
    assert covariates("total", False, True, 4.3).tolist() == [1, 1, 0, 1, 1, 0]


def narrow(sd: float) -> tuple[Informed, Array]:
    """A population known to `sd`, and its centre."""
    centre = np.array([-1.05, -1.0, 3.0, -0.85, -1.9])
    return everyone(fixed(centre, np.full(5, sd))), centre


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
