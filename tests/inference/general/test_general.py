import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.inference.general.compare import difference, forecast, loo
from study.inference.general.density import coordinates, problem
from study.inference.general.draws import fit_law
from study.laws.law import Law, LawError, LogNormal
from study.laws.power import power, pure_power

X = np.geomspace(1e4, 1e8, 16)


def planted(E: float, seed: int = 0, noise: float = 0.005) -> pd.DataFrame:
    error = noise * np.random.default_rng(seed).standard_normal(len(X))
    return pd.DataFrame({"N": X, "loss": (E + 1.2 * (X / 1e6) ** -0.3) * np.exp(error)})


def test_a_toy_law_is_one_object() -> None:
    """A new law is a mean and its priors: posterior, gate, intervals, LOO and forecast take it as it is."""
    toy = Law("saturating", ("dose",), {"top": LogNormal(0.0, 1.0), "half": LogNormal(0.0, 1.0)},
              lambda theta, x, xp: theta["top"] / (1 + theta["half"] * xp.exp(-x["dose"])), response="effect")
    dose, rng = np.geomspace(0.1, 10, 20), np.random.default_rng(1)
    table = pd.DataFrame({"dose": dose, "effect": 2 / (1 + 0.7 / dose) * np.exp(0.01 * rng.standard_normal(20))})
    found = fit_law(toy, table, seed=0, reference={"dose": 1.0})
    assert found.diagnostics.converged
    for name, truth in (("top", 2.0), ("half", 0.7)):
        low, high = np.quantile(found.theta[name], [0.025, 0.975])
        assert low < truth < high and high / low < 1.1
    assert found.mean({"dose": 1.0}).shape == (4000, 1)
    assert np.median(found.mean({"dose": 1.0})) == pytest.approx(2 / 1.7, rel=0.02)
    assert forecast(toy, table, "dose", seed=0).predicted == 4
    assert np.isfinite(loo(found).elpd)


def test_the_density_is_its_parts() -> None:
    law, table = power("N"), planted(1.5)
    at = problem(law, table, reference={"N": 1e6})
    x = np.log([[1.4 + 1.1, 0.33 * 1.1, 0.33, 0.01, 8.0]])
    logs = np.log([1.4, 1.1, 0.33])
    np.testing.assert_allclose(coordinates(law, logs[None]), x[:, :3])
    mean = 1.4 + 1.1 * (X / 1e6) ** -0.33
    expected = stats.t.logpdf((np.log(table["loss"]) - np.log(mean)) / 0.01, 8.0) - math.log(0.01)
    np.testing.assert_allclose(at.pointwise(x)[0], expected, rtol=1e-10)
    mu, sigma = ([getattr(p, name) for p in law.priors.values()] for name in ("mu", "sigma"))
    prior = (np.log(2.5 / 1.4) + stats.norm.logpdf(logs, mu, sigma).sum()
             + stats.norm.logpdf(x[0, 3], math.log(0.01), 1.0) + stats.gamma(2, scale=10).logpdf(8.0) + x[0, 4])
    assert at.log_prior(x)[0] == pytest.approx(prior)


def test_the_density_with_groups_is_a_multivariate_normal() -> None:
    table = planted(1.5).assign(curve=np.repeat(["a", "b", "c", "d"], 4))
    at = problem(power("N"), table, reference={"N": 1e6}, group="curve")
    s, tau = 0.01, 0.02
    x = np.log([[1.4 + 1.1, 0.33 * 1.1, 0.33, s, tau]])
    same = np.equal.outer(table["curve"].to_numpy(), table["curve"].to_numpy())
    mean = np.log(1.4 + 1.1 * (X / 1e6) ** -0.33)
    expected = stats.multivariate_normal(mean, s**2 * np.eye(16) + tau**2 * same).logpdf(np.log(table["loss"]))
    assert at.log_likelihood(x)[0] == pytest.approx(expected, rel=1e-9)
    u = at.effects(np.repeat(x, 4000, axis=0), np.random.default_rng(0))
    residual = (np.log(table["loss"].to_numpy()) - mean)[:4].sum()
    assert u[:, 0].mean() == pytest.approx(residual / (4 + (s / tau) ** 2), abs=4 * s / math.sqrt(4 * 4000))
    with pytest.raises(LawError, match="pointwise"):
        at.pointwise(x)


def test_a_floor_is_preferred_where_there_is_one_and_only_there() -> None:
    for E, sign in ((1.5, 1), (0.0, -1)):
        table = planted(E)
        fits = [loo(fit_law(law, table, seed=0, fallback=False)) for law in (power("N"), pure_power("N"))]
        gap, error = difference(*fits)
        assert (gap > 2 * error) if sign > 0 else (gap < 2 * error)


def test_a_forecast_sees_a_law_that_fails_beyond_its_data() -> None:
    table = planted(1.5, seed=1, noise=0.01)
    right = forecast(power("N"), table, "N", seed=0, limit=1e6)
    wrong = forecast(pure_power("N"), table, "N", seed=0, limit=1e6)
    assert right.fitted == wrong.fitted == 8 and right.predicted == 8
    assert right.scores.inside[0.95] >= 6 and abs(right.scores.z) < 2
    assert wrong.scores.inside[0.95] <= 2 and wrong.scores.z > 3, "the pure law predicts too low a loss above the floor"
    assert right.scores.error_rms < wrong.scores.error_rms


def test_a_shared_error_widens_what_a_curve_says() -> None:
    rng = np.random.default_rng(3)
    table = pd.concat([planted(1.5, seed).assign(curve=str(seed)) for seed in range(4)], ignore_index=True)
    table["loss"] *= np.exp(np.repeat(0.02 * rng.standard_normal(4), 16))
    alone, grouped = (fit_law(power("N"), table, seed=0, group=group) for group in (None, "curve"))
    assert np.std(grouped.x[:, -2]) > 0 and np.median(grouped.s) < 0.5 * np.median(alone.s)
    predicted = grouped.predict(table.head(2), seed=0, group="curve")
    fresh = grouped.predict(table.head(2).assign(curve="new"), seed=0, group="curve")
    assert (np.std(np.log(fresh), axis=0) > 1.5 * np.std(np.log(predicted), axis=0)).all()


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(LawError, match="reads the column N"):
        fit_law(power("N"), pd.DataFrame({"D": [1.0], "loss": [1.0]}), seed=0)
    with pytest.raises(LawError, match="column loss, row 2: -1"):
        fit_law(power("N"), pd.DataFrame({"N": [1.0, 2.0, 3.0], "loss": [3.0, -1.0, 2.0]}), seed=0)
    with pytest.raises(LawError, match="3 distinct points"):
        fit_law(power("N"), pd.DataFrame({"N": [1.0, 2.0, 2.0], "loss": [3.0, 2.0, 2.0]}), seed=0)
    with pytest.raises(LawError, match="nothing to forecast"):
        forecast(power("N"), planted(1.0), "N", seed=0, limit=1e20)
    with pytest.raises(LawError, match="needs alpha"):
        power("N").at({"E": 1.0, "t": 1.0}, {"N": 0.0})


@pytest.mark.slow
def test_nuts_draws_the_same_posterior() -> None:
    from study.inference.general.nuts import nuts

    table = planted(1.5).assign(curve=np.repeat(["a", "b", "c", "d"], 4))
    fast = fit_law(power("N"), table, seed=0, group="curve", draws=8000)
    slow = nuts(fast.problem, seed=0)
    for name in ("E", "t", "alpha"):
        ends = [np.quantile(found.theta[name], [0.1, 0.5, 0.9]) for found in (fast, slow)]
        np.testing.assert_allclose(ends[0], ends[1], atol=0.15 * (ends[1][2] - ends[1][0]))
