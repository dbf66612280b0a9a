"""A grid whose losses come from a known law, through the whole analysis: every way of reading it must find that law."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis import answers, approaches, foretold, profiles, seeds, stages, training
from study.analysis.study import Study
from study.articles.appendix import design
from study.articles.main import trend
from study.articles.shared import style
from study.counts import config_counts, exact_flops
from study.grids import grid
from study.grids.design import Cell, Grid
from study.grids.ladder import at
from study.laws.errata import TARGET_N
from study.laws.hoffmann import LossSurface
from study.record import CurvePoint
from study.table import table
from tests.makers import record

LAW = LossSurface(E=1.1, A=60.0, B=600.0, alpha=0.32, beta=0.42)
NOISE = 1e-3  # s.d. of ln L
WIDTHS = (16, 24, 32, 48, 64)


def grid_of(budgets: tuple[float, ...], held_out: float) -> Grid:
    base = grid("quick").cells[0].config

    def cell(budget: float, width: int, split: str, seed: int = 0) -> Cell:
        return Cell(at(base, budget, width, learning_rate=0.8 / width, batch_tokens=256, seed=seed), "isoflop", split, budget)

    cells = [cell(budget, width, "fit") for budget in budgets for width in WIDTHS]
    cells += [cell(budgets[0], 24, "fit", seed) for seed in (1, 2)] + [cell(held_out, width, "held-out") for width in WIDTHS]
    return Grid("planted", base.corpus, tuple(cells))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    rng = np.random.default_rng(1)
    planned = grid_of((3e10, 1e11, 3e11, 1e12), 1e13)
    records = {}
    for cell in planned.cells:
        config, N = cell.config, config_counts(cell.config).multiplying
        loss = float(LAW.loss(N, config.tokens)) * float(np.exp(NOISE * rng.standard_normal()))
        steps = [config.tokens // 8, config.tokens // 2, config.tokens]
        per_token = exact_flops(config) / config.tokens
        curve = tuple(CurvePoint(k + 1, D, per_token * D, 0.01, loss, float(LAW.loss(N, D)), 0.5, 0.2, 300.0)
                      for k, D in enumerate(steps))
        records[config.run_id] = replace(record(config, loss), curve=curve)
    frame = table(planned, records)
    none = frame.iloc[:0]
    return Study(planned, (Path(tmp_path_factory.mktemp("runs")),), records, frame, none, {}, {}, none, nuts=False)


def test_the_posterior_holds_the_planted_answer(study: Study) -> None:
    draws = study.posterior.draws
    for derived, truth in ((draws.a, LAW.a), (np.log(draws.D_opt_at(TARGET_N)), np.log(LAW.D_opt_at(TARGET_N))), (draws.E, LAW.E)):
        low, high = np.quantile(derived, [0.005, 0.995])
        assert low < truth < high
    assert np.std(draws.a) < 0.05


def test_every_parametric_approach_agrees(study: Study) -> None:
    found = {one.name: one for one in approaches.approaches(study)}
    for name in ("3: Huber, delta method", "3: variable projection", "3: posterior"):
        assert found[name].a == pytest.approx(float(LAW.a), abs=0.05)
    low, high = found["3: Huber, bootstrap of rows"].interval or (np.nan, np.nan)
    assert low < float(LAW.D_opt_at(TARGET_N)) < high


def test_the_vertices_of_approach_2_lie_near_the_optimum(study: Study) -> None:
    C, N, D = approaches.optima(study)
    assert len(C) >= 3
    assert pytest.approx(6 * N * D) == C
    assert np.abs(np.log(N / LAW.N_opt(C))).max() < 0.35  # along a profile of exact FLOPs, read at 6 N D


def test_a_budget_of_two_sizes_has_no_vertex_however_many_seeds(study: Study) -> None:
    top = max(study.budgets)
    path = study.frame[(study.frame["budget"] == top) & (study.frame["role"] == "isoflop")].sort_values("N")
    two = pd.concat([path.head(2).assign(role="held-out"), path.head(1).assign(role="held-out", seed=1, run_id="again")])
    fewer = replace(study, frame=pd.concat([study.frame[study.frame["budget"] != top], two], ignore_index=True))
    assert top in {one.budget for one in profiles.vertices(study)}
    assert top not in {one.budget for one in profiles.vertices(fewer)}


def test_vertices_of_runs_and_law_agree_and_move_together(study: Study) -> None:
    found = profiles.vertices(study)
    assert [one.budget for one in found] == study.budgets and found[-1].held_out and not found[0].held_out
    inside = [one for one in found if np.isfinite(one.measured)]
    assert len(inside) >= 3
    for one in inside:
        assert one.measured == pytest.approx(float(np.nanmedian(one.law)), rel=0.1) and np.isnan(one.elsewhere)
        low, high = np.nanquantile(one.by_noise, [0.025, 0.975])
        assert low < one.measured < high
    assert not trend.ways(study).startswith("**") and trend.apart(study) == "none"


def test_the_ratio_at_a_vertex_is_read_off_the_cells() -> None:
    x = np.linspace(-1, 1, 5)
    N, D = np.exp(10 + x), np.exp(13 - x)
    loss = np.stack([2 + 0.3 * (x - 0.4) ** 2, 2 + x, 2 - x**2], axis=1)  # a vertex inside, none, a maximum
    assert profiles.ratio(N, D, loss) == pytest.approx([np.exp(3 - 0.8), np.nan, np.nan], nan_ok=True)


def test_held_out_runs_are_predicted(study: Study) -> None:
    assert len(study.held_out) == len(WIDTHS) and study.held_out_budgets == [1e13]
    assert foretold.coverage(study)[0.95] >= 4
    (one,) = foretold.budgets(study)
    assert one.held_out and not one.made and one.fitted == len(study.fit) and one.times == pytest.approx(10, rel=0.1)
    assert not set(study.held_out["run_id"]) & set(study.fit["run_id"])


def test_intervals_shrink_as_runs_are_added(study: Study) -> None:
    found = stages.stages(study)
    widths = [np.ptp(np.quantile(np.log(stage.posterior.draws.D_opt_at(TARGET_N)), [0.025, 0.975])) for stage in found]
    assert [len(stage.rows) for stage in found] == [3, 5, 10, 15, 20, 22]
    assert widths[-1] < widths[0] / 4
    assert stages.learned(study)[0].learned < stages.learned(study)[-1].learned
    three = stages.three_rows(study)
    assert three["budget"].nunique() == 1 and three["N"].is_monotonic_increasing and len(three) == 3


def test_a_new_experiment_adds_its_own_noise_to_the_law_s_answer(study: Study) -> None:
    law, seen = np.log(study.posterior.draws.D_opt_at(TARGET_N)), np.log(answers.measured(study).D)
    assert NOISE < np.std(seen - law) < np.std(law)  # the noise of the runs is small, and what they leave open is not
    assert np.std(seen) > 0.95 * np.std(law)


def test_seeds_and_noise_scales_are_read_from_the_records(study: Study) -> None:
    sd, freedom = seeds.seed_sd(study)
    assert freedom == 2 and 0.2 * NOISE < sd < 4 * NOISE
    one = next(iter(study.records.values()))
    assert training.gradient_noise(one) == pytest.approx(300.0 / 0.2)


def test_the_share_of_the_exact_cost_is_below_one_without_the_embedding(study: Study) -> None:
    for convention in ("multiplying", "non_embedding"):
        assert all(0 < share < 1 for share in design.shares(study, convention).values())


def test_colours_of_a_budget_hold_across_figures(study: Study) -> None:
    palette = style.colours(study)
    assert len(set(palette.values())) == len(study.budgets) == 5
