"""The law of repeated data on a table: epochs' worth, what stays the prior's, and what is recorded of a published fit."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis import repeated
from study.inference.general.density import problem
from study.inference.general.mode import laplace
from study.laws.datablations import repeated_law
from study.laws.law import LawError
from study.laws.published import DATABLATIONS
from tests.conftest import ROOT, Load
from tests.planted_go import LAW


def table(epochs: tuple[float, ...], noise: float = 0.002) -> pd.DataFrame:
    N, U, k = (x.ravel() for x in np.meshgrid([1e4, 6e4, 3e5, 1.2e6], [1.6e4, 3.3e4, 6.6e4], epochs))
    rng = np.random.default_rng(0)
    return pd.DataFrame({"N": N, "D": U * k, "unique": U, "width": np.sqrt(N).round(),
                         "best_loss": LAW.loss(N, U * k, U) * np.exp(noise * rng.standard_normal(len(N)))})


@pytest.fixture(scope="module")
def found() -> repeated.Repeated:
    return repeated.fit_repeated(table((1, 4, 16)))


def test_the_worth_of_epochs_adds_up() -> None:
    for R in (2.0, 15.0, 1e6):
        total = 1 + R * (1 - np.exp(-7 / R))
        assert sum(float(repeated.worth(R, k)) for k in range(1, 9)) == pytest.approx(total)
    assert float(repeated.worth(DATABLATIONS.R_D, 2)) < 1 and float(repeated.worth(1e9, 9)) == pytest.approx(1)


def test_the_surface_is_the_posterior_s_mean(found: repeated.Repeated) -> None:
    columns = {"N": np.array([2e4, 9e5]), "D": np.array([2e5, 6e4]), "unique": np.array([5e4, 6e4])}
    mean = found.posterior.mean(columns)
    surface = np.stack([found.surface.loss(*(columns[name][k] for name in ("N", "D", "unique"))) for k in range(2)], axis=1)
    np.testing.assert_allclose(surface, mean, rtol=1e-10)
    assert np.all(found.fall(3e5, 6.6e4, 4, 10.0) > 0)


def test_a_planted_half_life_is_learned_where_epochs_differ(found: repeated.Repeated) -> None:
    low, high = np.quantile(found.theta["R_D"], [0.005, 0.995])
    assert low < LAW.R_D < high
    said = repeated.summary(found)
    assert said.learned("R_D")
    assert said.rows == 36 and said.percentiles["epoch 4"][0] < float(repeated.worth(LAW.R_D, 4)) < said.percentiles["epoch 4"][2]


def test_a_run_counts_as_what_was_attained_at_the_end_of_a_run_and_not_before() -> None:
    frame = pd.DataFrame({"N": 1.0, "unique": 5.0, "D": [5.0, 10.0, 10.0, 20.0, 40.0, 80.0], "loss": [4.0, 3.1, 2.9, 3.2, 3.5, 4.9],
                          "best_loss": [4.0, 3.1, 2.9, 3.2, 3.4, 2.8]})
    kept = repeated.attained(frame)
    assert kept["D"].tolist() == [5.0, 10.0, 10.0, 20.0, 40.0]  # the last was better on its way than any run at its end
    assert kept["best_loss"].tolist() == pytest.approx([4.0, 3.1, 2.9, 3.0, 3.0])  # 3.0: two seeds of 10 tokens


def test_runs_that_read_windows_of_the_whole_text_are_told_apart() -> None:
    frame = pd.DataFrame({"arm": ["size", "unique text", "epochs", "data"], "N": [1.0, 2.0, 3.0, 4.0]})
    assert repeated.on_the_first(frame)["N"].tolist() == [2.0, 3.0]


def test_a_half_life_stays_the_prior_s_where_all_runs_repeat_as_often() -> None:
    same = repeated.fit_repeated(table((4,)))
    said = repeated.summary(same)
    assert not said.learned("R_D") and same.left("R_D") > 0.7 and said.learned("beta")


def test_what_cannot_be_fitted_is_refused() -> None:
    rows = table((1, 4))
    with pytest.raises(LawError, match="two sizes"):
        repeated.fit_repeated(rows[rows["N"] == 1e4])


def test_the_released_points_are_fitted_as_recorded(published: Load) -> None:
    assert len(published("datablations")) == 182
    fitted, recorded = repeated.fit_published(), repeated.recorded(ROOT / "runs")
    assert recorded is not None and fitted.rows == recorded.rows
    for name, (low, middle, high) in recorded.percentiles.items():
        assert abs(fitted.percentiles[name][1] - middle) < 0.2 * (high - low), name
    low, _, high = recorded.percentiles["R_D"]
    assert recorded.learned("R_D") and not low < DATABLATIONS.R_D < high  # the published one is of other losses of these runs


def test_the_mode_does_not_depend_on_the_seed(published: Load) -> None:
    """The posterior of the released points has two modes; that of E near 2.1 holds e^-12 of the other's mass."""
    rows = repeated.as_if_stopped(published("datablations"))
    at = problem(repeated_law(response=repeated.RESPONSE), rows, reference=repeated.reference(rows))
    modes = [laplace(at, np.random.default_rng(seed))[0] for seed in range(8)]
    assert np.ptp(at.log_posterior(np.array(modes))) < 0.1


def test_a_loss_that_rises_counts_as_if_the_run_had_been_stopped() -> None:
    frame = pd.DataFrame({"N": [1.0, 1.0, 1.0, 2.0], "unique": 5.0, "D": [20.0, 5.0, 10.0, 30.0], "loss": [3.5, 4.0, 3.0, 3.6]})
    assert repeated.as_if_stopped(frame)["best_loss"].tolist() == [3.0, 4.0, 3.0, 3.6]


def test_a_summary_is_read_back(found: repeated.Repeated, tmp_path: Path) -> None:
    assert repeated.recorded(tmp_path) is None
    path = tmp_path / repeated.PATH
    path.parent.mkdir()
    path.write_text(json.dumps(asdict(repeated.summary(found))))
    assert repeated.recorded(tmp_path) == repeated.summary(found)
