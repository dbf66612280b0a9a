"""Every form recovers its own law, agrees with the fast fit, and predicts its own runs best."""

import numpy as np
import pandas as pd
import pytest

from study.inference.fast.fit import fit_fast
from study.inference.forms import FORMS, fit_form
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface
from study.laws.kaplan import KaplanSurface
from study.laws.nesting import NestingSurface

TRUTHS = {
    "hoffmann": LossSurface(1.8, 480.0, 2000.0, 0.35, 0.365),
    "kaplan": KaplanSurface(8.8e13, 5.4e13, 0.16, 0.19),
    "nesting": NestingSurface(1.6, 480.0, 2000.0, 0.35, 0.365, 0.5),
    "no floor": LossSurface(0.0, 60.0, 90.0, 0.2, 0.22),
}


def runs(form: str, *, effect: float = 0.0, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 3e9, 5), np.geomspace(2e8, 3e11, 5)))
    u = np.tile(effect * rng.standard_normal(5), 5)
    loss = TRUTHS[form].loss(N, D) * np.exp(u + 0.002 * rng.standard_normal(25))
    return pd.DataFrame({"N": N, "D": D, "loss": loss, "width": np.tile(64.0 * np.arange(1, 6), 5)})


@pytest.mark.parametrize("true", FORMS)
def test_a_form_recovers_its_own_optimum_and_predicts_its_own_runs_best(true: str) -> None:
    fits = {form: fit_form(runs(true), form, seed=0, draws=1000) for form in {"hoffmann", "kaplan", true}}
    low, high = np.quantile(fits[true].draws.D_opt_at(1e9), [0.005, 0.995])
    assert low < float(TRUTHS[true].D_opt_at(1e9)) < high < 4 * low
    assert fits[true].elpd > max(fit.elpd for form, fit in fits.items() if form != true) + 5 and fits[true].diagnostics.converged


@pytest.mark.parametrize("group", [None, "width"])
def test_it_agrees_with_the_fast_fit(group: str | None) -> None:
    table = runs("hoffmann", effect=0.004)
    fast = fit_fast(table, ModelSpec(group=group), seed=0)
    form = fit_form(table, "hoffmann", seed=0, group=group)
    for draws in (lambda law: np.log(law.D_opt_at(1e9)), lambda law: law.a, lambda law: np.log(law.E)):
        ours, theirs = (np.quantile(draws(fit.draws), [0.05, 0.5, 0.95]) for fit in (form, fast))
        assert np.allclose(ours, theirs, atol=0.15 * float(np.ptp(theirs)))
    if group:
        assert np.allclose(np.median(form.parameters.tau), np.median(fast.parameters.tau), rtol=0.15)
