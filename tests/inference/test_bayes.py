"""The PyMC model has the density of `priors` and `likelihood`, finds planted and published answers, and refuses bad designs."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from study.inference import bayes
from study.inference.likelihood import log_likelihood
from study.inference.observations import (
    BadValueError,
    DegenerateDesignError,
    PriorDominatedWarning,
    TooFewRunsError,
    check_design,
    observations,
    reduce_repeats,
)
from study.inference.parameters import Parameters, parameters
from study.inference.posterior import Diagnostics, UnconvergedError, diagnose, fit_posterior
from study.inference.predictive import predict_losses, prior_predictive
from study.inference.priors import draw_prior, free_parameters, log_prior, priors
from study.inference.spec import GROUPS, HEADLINE, LAWS, NOISES, ModelSpec, SpecError
from study.inference.start import starting_point
from study.laws.hoffmann import LossSurface
from tests.conftest import Load

TRUTH = LossSurface(1.1, 60.0, 900.0, 0.36, 0.40)
N0, D0 = 1e5, 1e7


def design(noise: float = 0.004, tau: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Five budgets of seven sizes, with widths."""
    rng = np.random.default_rng(seed)
    sizes, widths = np.array([2e4, 3e4, 6e4, 1e5, 2e5, 4e5, 8e5]), np.array([16, 24, 32, 48, 64, 96, 128])
    N, C = (grid.ravel() for grid in np.meshgrid(sizes, np.geomspace(3e11, 3e13, 5)))
    frame = pd.DataFrame({"N": N, "D": C / 6 / N, "width": np.tile(widths, 5)})
    effect = dict(zip(widths, tau * rng.standard_normal(7), strict=True))
    loss = np.log(TRUTH.loss(frame["N"], frame["D"])) + frame["width"].map(effect) + noise * rng.standard_normal(len(frame))
    return frame.assign(loss=np.exp(loss))


@pytest.mark.parametrize(("law", "noise", "group"), [(law, "student", "width") for law in LAWS]
                         + [("hoffmann", noise, None) for noise in NOISES])
def test_the_sampled_density_is_that_of_the_priors_and_the_likelihood(law: str, noise: str, group: str | None) -> None:
    spec = ModelSpec(law=law, noise=noise, group=group)
    table = pd.concat([design(), design(seed=1).iloc[:5]], ignore_index=True)
    rows, spread, freedom = observations(table, spec), 0.0, 0.0
    if noise == "seed":
        rows, spread, freedom = reduce_repeats(rows)
    constants = priors(spec, 2.5)
    start, shear = starting_point(rows, spec, constants, N0, D0)
    shear = np.pad(shear, ((0, 0), (0, 8 - shear.shape[1])))
    model = bayes.build_model(spec.form, 8)
    data = {"rows": np.stack([np.log(rows.N / N0), np.log(rows.D / D0), np.log10(rows.C / (6 * N0 * D0)), np.log(rows.loss),
                              rows.repeats, rows.group.astype(float)]),
            "priors": np.array([np.broadcast_to(value, 2) for value in vars(constants).values()], dtype=float),
            "start": start, "shear": shear, "seeds": np.array([spread, freedom])}
    for name, value in data.items():
        if name in model:
            model[name].set_value(value)
    density = model.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(4):
        point = {value.name: 0.2 * rng.standard_normal(model.initial_point()[value.name].shape) for value in model.value_vars}
        point["ln_s"] = point["ln_s"] - 4.0
        if "tau_log__" in point:
            point["tau_log__"] = point["tau_log__"] - 5.0
        raw = {name: np.asarray(value)[None] for name, value in point.items()}
        natural = bayes.natural(raw, start, shear, law)
        draws = parameters(natural)
        u = natural["u"][:, :len(rows.groups)] if "u" in natural else np.zeros((1, 1))
        expected = float(log_prior(draws, spec, 2.5)[0] + log_likelihood(draws, u, rows, N0, D0).sum())
        for name in free_parameters(spec):  # coordinates are logarithms, but for E and g
            expected += 0.0 if name in ("E", "g") else float(np.log(getattr(draws, name)[0]))
        expected += float(np.log(draws.kappa[0]))  # the determinant of the sampled coordinates
        if "z" in point:
            expected -= 0.5 * float((point["z"] ** 2).sum())
        if noise == "seed":
            expected += -freedom * float(point["ln_s_seed"]) - 0.5 * spread * np.exp(-2 * float(point["ln_s_seed"]))
        differences.append(float(density(point)) - expected)
    assert np.ptp(differences) < 1e-6 * max(1.0, abs(differences[0]))


def test_the_start_is_a_fit_with_positive_entropy() -> None:
    table = design()
    for law in LAWS:
        spec = ModelSpec(group=None, law=law)
        rows = observations(table, spec)
        start, shear = starting_point(rows, spec, priors(spec, 2.5), N0, D0)
        size = len(bayes.coordinates(law))
        origin = {"x": np.zeros((1, size)), "ln_s": np.array([-4.0]), **({"ln_kappa": np.zeros(1)} if law == "nesting" else {})}
        found = parameters(bayes.natural(origin, start, shear, law))
        assert found.E[0] == 0 if law == "kaplan" else found.E[0] > 0.1
        residual = np.log(found.surface(N0, D0).loss(rows.N, rows.D)) - np.log(rows.loss)
        assert np.sqrt(np.mean(residual**2)) < (0.08 if law == "kaplan" else 0.006)


def test_the_start_s_shape_is_that_of_a_posterior_whose_noise_grows_with_compute() -> None:
    """Whitened by its start, a surface sampled where the noise of the largest runs is ten times that of the smallest is white."""
    frame, rng = design(), np.random.default_rng(2)
    scale = 0.002 * np.sqrt(frame["N"] * frame["D"] / (frame["N"] * frame["D"]).min())
    frame = frame.assign(loss=np.exp(np.log(TRUTH.loss(frame["N"], frame["D"])) + scale * rng.standard_normal(len(frame))))
    spec = ModelSpec(group=None)
    constants, rows = priors(spec, 2.5), observations(frame, spec)
    start, _ = starting_point(rows, spec, constants, N0, D0)
    factor, drawn = start[:, 1:6], fit_posterior(frame, spec, seed=0, N0=N0, D0=D0, bytes_per_token=2.5)
    points = np.column_stack([drawn.idata.posterior[name].to_numpy().ravel() for name in bayes.coordinates("hoffmann")])
    white = np.linalg.solve(factor, np.cov(points.T)) @ np.linalg.inv(factor).T
    assert np.linalg.cond(white) < 3  # 17 for the shape of noise without a slope


def test_prior_draws_have_the_stated_ranges() -> None:
    draws = draw_prior(HEADLINE, 40_000, seed=0)
    for name, low, high in (("E", 0.79, 3.8), ("tA", 0.14, 7.1), ("alpha", 0.16, 0.77)):
        assert np.quantile(getattr(draws, name), [0.025, 0.975]) == pytest.approx([low, high], rel=0.04)
    assert np.median(draw_prior(HEADLINE, 40_000, seed=0, bytes_per_token=2.15).E) == pytest.approx(0.86, rel=0.02)
    wide = draw_prior(ModelSpec(prior_scale=2.0), 40_000, seed=0)
    assert np.std(np.log(wide.alpha)) == pytest.approx(0.8, rel=0.02)
    assert np.median(wide.alpha) == pytest.approx(0.35, rel=0.02)


@pytest.mark.parametrize("law", LAWS)
def test_the_prior_density_integrates_its_draws(law: str) -> None:
    spec = ModelSpec(law=law)
    draws = draw_prior(spec, 20_000, seed=1)
    wide = draw_prior(ModelSpec(law=law, prior_scale=1.3), 20_000, seed=2)
    weight = np.exp(log_prior(wide, spec) - log_prior(wide, ModelSpec(law=law, prior_scale=1.3)))
    assert weight.mean() == pytest.approx(1.0, abs=0.05)
    assert np.average(np.log(wide.alpha), weights=weight) == pytest.approx(float(np.log(draws.alpha).mean()), abs=0.03)


def test_prior_predictive_reads_no_loss() -> None:
    table = design()
    first = prior_predictive(HEADLINE, table, N0, D0, draws=50, seed=0)[1]
    second = prior_predictive(HEADLINE, table.assign(loss=99.0), N0, D0, draws=50, seed=0)[1]
    assert first.shape == (50, 35) and np.array_equal(first, second) and np.all(first > 0)


def test_conventions_select_columns() -> None:
    table = design().assign(N_total=2e6, C_exact=7.0)
    assert np.all(observations(table, ModelSpec(n_convention="total")).N == 2e6)
    exact = observations(table, ModelSpec(c_convention="exact"))
    assert np.all(exact.C == 7.0) and np.all(table["N"] == exact.N)
    assert np.allclose(observations(table, HEADLINE).C, 6 * table["N"] * table["D"])
    with pytest.raises(SpecError, match="N_non_embedding"):
        observations(table, ModelSpec(n_convention="non_embedding"))
    with pytest.raises(SpecError, match="width"):
        observations(table.drop(columns="width"), HEADLINE)


def test_groups_are_widths_or_budgets() -> None:
    table = design()
    assert observations(table, HEADLINE).groups == ("128", "16", "24", "32", "48", "64", "96")
    bins = observations(table, ModelSpec(group="budget"))
    assert all(len({int(g) for g in bins.group[np.isclose(bins.C, C)]}) == 1 for C in np.unique(bins.C.round(-3)))
    assert len(bins.groups) == 5
    assert len(observations(table.assign(budget=np.arange(35) % 2 + 1), ModelSpec(group="budget")).groups) == 2


@pytest.mark.parametrize(("rows", "error", "words"), [
    (design().iloc[:2], TooFewRunsError, "2 runs"),
    (design().iloc[[0, 0, 8, 8]], TooFewRunsError, "2 distinct"),
    (design().assign(N=1e5), DegenerateDesignError, "same N"),
    (design().assign(D=1e7), DegenerateDesignError, "same D"),
    (design().assign(loss=-1.0), BadValueError, "loss"),
    (design().assign(D=np.inf), BadValueError, "D"),
])
def test_designs_no_prior_can_mend_are_refused(rows: pd.DataFrame, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fit_posterior(rows.reset_index(drop=True), ModelSpec(group=None), seed=0)


def test_options_that_do_not_exist_are_refused() -> None:
    for option in ({"noise": "cauchy"}, {"group": "seed"}, {"law": "power"}, {"n_convention": "all"}, {"prior_scale": 0.0}):
        with pytest.raises(SpecError):
            ModelSpec(**option)  # type: ignore[arg-type]
    forms = {ModelSpec(noise=n, group=g, law=law).form for n, g, law in itertools.product(NOISES, (*GROUPS, None), LAWS)}
    assert len(forms) == len(NOISES) * 2 * len(LAWS)


def test_repeats_reduce_to_means_and_a_spread() -> None:
    table = pd.concat([design(noise=0.0), design(noise=0.0).assign(loss=lambda t: t["loss"] * np.exp(0.02))], ignore_index=True)
    rows, spread, freedom = reduce_repeats(observations(table, HEADLINE))
    assert len(rows) == 35 and freedom == 35 and np.all(rows.repeats == 2)
    assert spread == pytest.approx(35 * 2 * 0.01**2)
    assert np.allclose(np.sort(rows.loss), np.sort(design(noise=0.0)["loss"] * np.exp(0.01)))
    with pytest.raises(SpecError, match="repeats"):
        reduce_repeats(observations(design(), HEADLINE))


def test_the_gate() -> None:
    assert Diagnostics(1.005, 500, 450, 0).converged
    for worse in (Diagnostics(1.02, 500, 450, 0), Diagnostics(1.0, 399, 450, 0), Diagnostics(1.0, 500, 399, 0),
                  Diagnostics(1.0, 500, 450, 1), Diagnostics(float("nan"), 500, 450, 0)):
        assert not worse.converged


def test_the_gate_sees_a_parameter_that_is_not_a_number() -> None:
    rng = np.random.default_rng(0)
    good, bad = rng.standard_normal((4, 1000)), np.full((4, 1000), np.nan)
    stats = {"diverging": np.zeros((4, 1000), bool)}
    assert diagnose({"good": good}, stats).converged
    assert not diagnose({"good": good, "bad": bad}, stats).converged


def test_predictions_use_the_effect_of_a_fitted_width_and_draw_a_new_one() -> None:
    p = Parameters(*(np.full(4000, value) for value in (1.1, 1.0, 1.0, 0.3, 0.3, 1e-9, 0.0, np.inf, 0.05, 1.0, 0.0)))
    rows = observations(design().assign(width=16), HEADLINE)
    posterior = SimpleNamespace(parameters=p, draws=p.surface(N0, D0), u=np.full((4000, 1), 0.07), rows=rows, spec=HEADLINE,
                                N0=N0, D0=D0)
    table = pd.DataFrame({"N": [1e5, 1e5, 1e5], "D": [1e7] * 3, "loss": [1.0] * 3, "width": [16, 99, 99]})
    losses = np.log(predict_losses(posterior, table, seed=0) / 3.1)  # type: ignore[arg-type]
    assert np.allclose(losses[:, 0], 0.07)
    assert losses[:, 1].std() == pytest.approx(0.05, rel=0.05) and np.allclose(losses[:, 1], losses[:, 2])


@pytest.mark.slow
def test_planted_truth_is_recovered_whatever_the_form() -> None:
    table = design(noise=0.002, tau=0.002)
    posterior = fit_posterior(table, HEADLINE, seed=3, bytes_per_token=2.5)
    assert posterior.diagnostics.converged
    low, high = np.quantile(posterior.draws.N_opt(1e13), [0.005, 0.995])
    assert low < TRUTH.N_opt(1e13) < high
    low, high = np.quantile(posterior.draws.beta, [0.005, 0.995])
    assert low < TRUTH.beta < high and high - low < 0.05
    assert posterior.idata.posterior["u"].dims == ("chain", "draw", "group")
    chains, draws, rows = posterior.idata.log_likelihood["ln_L"].shape
    assert (chains, rows) == (4, 35) and draws in (1000, 2000)  # the one retry draws twice as many
    again = fit_posterior(table, HEADLINE, seed=3, bytes_per_token=2.5)
    assert np.array_equal(again.draws.alpha, posterior.draws.alpha)


@pytest.mark.slow
def test_chinchilla_s_points_by_three_noise_models(published: Load) -> None:
    frame = published("chinchilla")
    clean = frame[~frame["outlier"]]
    plain = fit_posterior(clean, ModelSpec(group=None, scale_slope=False), seed=1)
    law = plain.draws
    for draws, centre, spread in ((law.E, 1.807, 0.015), (law.alpha, 0.346, 0.009), (law.beta, 0.360, 0.010)):
        assert draws.mean() == pytest.approx(centre, abs=0.25 * spread) and draws.std() == pytest.approx(spread, rel=0.15)
    assert np.quantile(plain.draws.a, [0.025, 0.5, 0.975]) == pytest.approx([0.490, 0.510, 0.530], abs=0.002)
    slope = fit_posterior(clean, ModelSpec(group=None), seed=1)
    normal = fit_posterior(clean, ModelSpec(group=None, scale_slope=False, noise="normal"), seed=1)
    for posterior, expected in ((plain, [20.7, 22.6, 25.0]), (slope, [19.4, 21.4, 23.7]), (normal, [21.4, 23.4, 25.7])):
        ratio = np.quantile(posterior.draws.D_opt_at(1e9) / 1e9, [0.025, 0.5, 0.975])
        assert ratio == pytest.approx(expected, abs=0.25)


@pytest.mark.slow
def test_a_gate_that_cannot_be_passed_raises_and_says_so() -> None:
    with pytest.raises(UnconvergedError, match="did not converge"):
        fit_posterior(design(), ModelSpec(group=None), seed=0, draws=50, tune=50)


def test_one_isoflop_is_warned_about() -> None:
    table = design().iloc[:7].reset_index(drop=True)
    with pytest.warns(PriorDominatedWarning, match="single isoFLOP"):
        check_design(observations(table, ModelSpec(group=None)))


@pytest.mark.slow
def test_hoffmann_s_form_predicts_chinchilla_s_points_better_than_kaplan_s(published: Load) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # ArviZ announces its 1.0 at import
        import arviz as az
    frame = published("chinchilla")
    clean = frame[~frame["outlier"]]
    elpd = [az.loo(fit_posterior(clean, ModelSpec(group=None, scale_slope=False, law=law), seed=0).idata, pointwise=True)
            for law in ("hoffmann", "kaplan")]
    assert all(float(loo.pareto_k.max()) < 0.7 for loo in elpd)
    difference = elpd[0].loo_i.values - elpd[1].loo_i.values
    assert difference.sum() == pytest.approx(229, abs=3)
    assert np.sqrt(len(clean)) * difference.std() == pytest.approx(21, abs=1.5)
