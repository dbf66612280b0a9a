"""Answers: identities of the optimum, what a new experiment measures, allocations under uncertainty."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from study.inference import answers
from study.inference.parameters import Parameters, parameters
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface

N0, D0 = 1e6, 2e7


def world(draws: int = 2000, s: float = 1e-4, tau: float = 0.0, spread: float = 0.0) -> Any:
    """A posterior about one planted law, by hand."""
    rng = np.random.default_rng(0)

    def about(value: float) -> np.ndarray:
        return value * np.exp(spread * rng.standard_normal(draws))

    p: Parameters = parameters({"E": about(1.7), "tA": about(1.0), "tB": about(1.0), "alpha": about(0.35), "beta": about(0.37),
                                "s": np.full(draws, s), "tau": np.full(draws, tau), "nu": np.full(draws, 5.0)})
    return SimpleNamespace(draws=p.surface(N0, D0), idata=None, parameters=p, spec=ModelSpec(), N0=N0, D0=D0,
                           rows=SimpleNamespace(C=np.array([1e15, 1e17])))


def test_summaries_are_quantiles_and_hide_nothing() -> None:
    summary = answers.summarise(np.arange(1001.0))
    assert summary.median == 500 and summary.intervals[0.5] == (250, 750)
    assert summary.ci95 == pytest.approx((25, 975))
    with pytest.raises(ValueError, match="not numbers"):
        answers.summarise(np.array([1.0, np.nan]))


def test_identities_of_the_optimum() -> None:
    law = world(spread=0.1).draws
    C = 1e17
    assert np.allclose(law.D_opt_at(law.N_opt(C)), law.D_opt(C))
    assert np.allclose(6 * law.N_opt(C) * law.D_opt(C), C)
    assert np.all(answers.penalty(law, C, 2.0) > 0) and np.all(answers.penalty(law, C, 0.5) > 0)
    assert np.allclose(answers.penalty(law, C, 1.0), 0)


def test_changing_units_changes_the_answers_by_the_units() -> None:
    p = world(spread=0.1).parameters
    law, scaled = p.surface(N0, D0), p.surface(N0 / 1000, D0 / 50)  # N in thousands, D in fifties
    assert np.allclose(scaled.D_opt_at(1e6) * 50, law.D_opt_at(1e9))


def test_without_noise_a_new_experiment_measures_the_optimum_up_to_the_parabola_s_bias() -> None:
    quiet = world(s=1e-9)
    found = answers.new_experiment(quiet, 1e17, seed=1)
    ratio = found.N / quiet.draws.N_opt(1e17)
    assert not found.at_edge.any()
    assert np.ptp(ratio) < 1e-5 and abs(np.log(ratio[0])) < 0.1
    assert np.allclose(6 * found.N * found.D, 1e17)


def test_noise_widens_what_an_experiment_measures_and_edges_are_kept() -> None:
    spreads, edges = [], []
    for s in (0.001, 0.01, 0.1):
        found = answers.new_experiment(world(s=s), 1e17, seed=1)
        spreads.append(np.log(found.N).std())
        edges.append(found.at_edge.mean())
    assert spreads[0] < spreads[1] < spreads[2]
    assert edges[0] == 0 and edges[2] > 0.05
    with_group = answers.new_experiment(world(s=0.001, tau=0.02), 1e17, seed=1)
    assert np.log(with_group.N).std() > spreads[0]
    of_one_budget = world(s=0.001, tau=0.02)
    of_one_budget.spec = ModelSpec(group="budget")  # all sizes share its effect, which moves no vertex
    assert np.log(answers.new_experiment(of_one_budget, 1e17, seed=1).N).std() == pytest.approx(spreads[0], rel=0.1)


def test_beyond_the_runs_noise_stays_what_it_was_at_the_largest() -> None:
    grown = world(s=0.01)
    grown.parameters = replace(grown.parameters, g=np.ones(len(grown.parameters)))
    spread = {C: np.log(answers.new_experiment(grown, C, seed=1).N / grown.draws.N_opt(C)).std() for C in (1e15, 1e17, 1e24)}
    assert spread[1e15] < 0.7 * spread[1e17]
    far = world(s=0.01 * np.exp(np.log10(1e17 / (6 * N0 * D0))))
    same = np.log(answers.new_experiment(far, 1e24, seed=1).N / far.draws.N_opt(1e24)).std()
    assert spread[1e24] == pytest.approx(same, rel=1e-6)


def test_an_experiment_at_n_is_run_at_each_draw_s_own_compute() -> None:
    posterior = world(spread=0.05)
    found = answers.new_experiment_at(posterior, 1e9, seed=1)
    assert np.allclose(found.C, 6e9 * posterior.draws.D_opt_at(1e9))
    assert np.median(np.abs(np.log(found.N / 1e9))) < 0.2


def test_expected_loss_is_lowest_where_it_says() -> None:
    law = world(spread=0.2).draws
    best = answers.expected_loss_allocation(law, 1e20)
    assert np.isclose(6 * best.N * best.D, 1e20)
    for factor in (0.9, 1.1):
        assert np.mean(law.loss(best.N * factor, best.D / factor)) > best.expected_loss
    certain = world(draws=10).draws
    assert np.isclose(answers.expected_loss_allocation(certain, 1e20).N, certain.N_opt(1e20)[0], rtol=1e-3)


def test_under_6nd_the_exact_cost_gives_the_closed_form() -> None:
    law = LossSurface(*(np.array([v, v]) for v in (1.7, 400.0, 410.0, 0.34, 0.28)))
    sizes = [1e4, 1e5, 1e6]
    found = answers.exact_cost_optimum(law, 1e17, sizes, [6 * n for n in sizes], points=4000)
    assert np.allclose(found, law.N_opt(1e17), rtol=5e-3)
    dearer = answers.exact_cost_optimum(law, 1e17, sizes, [12 * n for n in sizes], points=4000)
    assert np.allclose(dearer, law.N_opt(0.5e17), rtol=5e-3)
