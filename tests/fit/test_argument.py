"""The fit argues against itself: verdicts on tables whose fault is planted, and none on a sound one."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from study.fit import argument as arguing
from study.fit import draws as drawing
from study.fit.argument import Argument, argue
from study.fit.doubts import Doubt
from study.fit.draws import draw_posterior
from study.inference.fast.fit import fit_fast
from study.inference.forecast import UnfittedRestError, forecast_test
from study.inference.posterior import Posterior, UnconvergedError
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface
from tests.makers import LAW, isoflop_runs

SPEC = ModelSpec(group=None)
N_ASKED = 2e9


def argued(table: pd.DataFrame, *known: Doubt, rough: str = "") -> tuple[Argument, Posterior]:
    posterior = fit_fast(table, SPEC, seed=0, fallback=False)
    return argue(table, posterior, N_ASKED, known, seed=0, rough=rough), posterior


def test_a_sound_table_passes_and_its_interval_is_not_widened() -> None:
    argument, posterior = argued(isoflop_runs())
    assert argument.trusted and argument.widened is None
    assert argument.verdict == f"forecast test passed: {argument.forecast.scores.inside[0.95]} of 5 inside 95 %"  # type: ignore[union-attr]
    low, high = np.quantile(argument.mixture, [0.025, 0.975])
    own = np.quantile(posterior.draws.D_opt_at(N_ASKED), [0.025, 0.975])
    assert low < own[0] and high > 0.9 * own[1] and set(argument.forms) == {"hoffmann", "kaplan", "nesting", "no floor"}


def test_too_few_runs_to_leave_some_out_are_not_tested_and_are_trusted() -> None:
    argument, _ = argued(isoflop_runs().iloc[[0, 4, 12, 20, 24]].reset_index(drop=True))
    assert argument.verdict.startswith("not tested: 5 runs are too few") and argument.trusted
    assert argument.forecast is None and argument.widened is None


def test_a_drift_in_tokens_a_parameter_that_the_fit_left_is_not_trusted() -> None:
    table = isoflop_runs()
    fitted = fit_fast(table, SPEC, seed=0, fallback=False)
    drift = np.exp(0.01 * np.log10(fitted.rows.D / fitted.rows.N / 20))  # one that is there from the start would be fitted
    left = replace(fitted, rows=replace(fitted.rows, loss=fitted.rows.loss * drift))
    argument = argue(table, left, N_ASKED, (), seed=0)
    (doubt,) = [doubt for doubt in argument.doubts if doubt.kind == "trend"]
    assert argument.verdict.startswith(f"do not rely on this fit: {doubt.text}") and "drift with ln D/N: +" in doubt.text
    assert not argument.trusted and argument.widened is not None


def test_a_run_far_off_the_law_is_named() -> None:
    table = isoflop_runs().assign(line=np.arange(2, 27))
    table.loc[7, "loss"] = 9.3
    argument, posterior = argued(table)
    (doubt,) = [doubt for doubt in argument.doubts if doubt.kind == "astray"]
    assert "1 run lies" in doubt.text and "(line 9: 9.3 nats where it says" in doubt.text and "--drop-highest 1" in doubt.text
    table.loc[7, "loss"] = float(table["loss"].drop(7).min()) * 0.8
    argument, _ = argued(table)
    assert any(doubt.kind == "astray" and "remove what is no run" in doubt.text for doubt in argument.doubts)
    sound, _ = argued(isoflop_runs())
    assert not any(doubt.kind == "astray" for doubt in sound.doubts)
    assert len(posterior.rows) == 25


def test_a_forecast_of_runs_on_one_line_warns_nobody() -> None:
    N = np.geomspace(2e7, 4e9, 12)
    noise = 0.003 * np.random.default_rng(1).standard_normal(12)
    table = pd.DataFrame({"N": N, "D": 20 * N, "loss": LAW.loss(N, 20 * N) * np.exp(noise)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecast_test(table, SPEC, seed=0)


def test_a_law_that_bends_fails_its_forecast_and_is_widened() -> None:
    argument, posterior = argued(isoflop_runs(bend=0.06))
    assert not argument.trusted and argument.verdict.startswith("do not ") and "forecast test failed" in argument.verdict
    own, wide = (np.ptp(np.log(np.quantile(draws, [0.025, 0.975])))
                 for draws in (posterior.draws.D_opt_at(N_ASKED), argument.widened))  # type: ignore[arg-type]
    assert wide > 1.3 * own


def test_no_floor_is_seen_and_the_truth_lies_in_the_widened_interval() -> None:
    law = LossSurface(0.0, 70.0, 80.0, 0.2, 0.21)
    argument, _ = argued(isoflop_runs(law))
    assert "without a floor" in argument.verdict and {"floor", "form"} <= {doubt.kind for doubt in argument.doubts}
    low, high = np.quantile(argument.widened, [0.025, 0.975])  # type: ignore[arg-type]
    assert low < float(law.D_opt_at(N_ASKED)) < high


def test_an_e_that_is_the_prior_s_is_said() -> None:
    N, D = np.array([1e6, 3e6, 1e6, 3e6]), np.array([2e7, 2e7, 9e7, 1.2e8])  # far above the floor
    argument, _ = argued(pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D)}).round({"loss": 2}))
    assert any(doubt.kind == "floor" and "E is the prior's" in doubt.text for doubt in argument.doubts)


def test_a_severe_doubt_of_the_table_leads_and_unseen_tokens_widen() -> None:
    slip = Doubt("units", "D/N is 1e7 in every row: N in millions? Write N times 1e6", True)
    argument, _ = argued(isoflop_runs(), slip)
    assert argument.verdict.startswith(f"do not rely on this fit: {slip.text}; forecast test passed")
    assert argument.widened is not None
    along, posterior = argued(isoflop_runs(), Doubt("checkpoints", "all are checkpoints", True))
    own, wide = (np.ptp(np.log(np.quantile(draws, [0.025, 0.975])))
                 for draws in (posterior.draws.D_opt_at(N_ASKED), along.widened))  # type: ignore[arg-type]
    assert wide > 5 * own
    rough, _ = argued(isoflop_runs(), rough="nothing converged")
    assert rough.verdict.startswith("do not rely on this fit: nothing converged")


def test_an_optimum_far_from_any_that_was_published_is_not_trusted() -> None:
    """Checkpoints at two shares of each run, which nothing in the table tells: their slope in D is that of a decaying rate."""
    N = np.repeat(np.geomspace(2e7, 1.3e9, 7), 2)
    D = np.tile([4.0, 20.0], 7) * N
    unfinished = np.tile([0.16, 0.0], 7)
    table = pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D) + unfinished})
    argument, posterior = argued(table.assign(loss=table["loss"] * np.exp(0.002 * np.random.default_rng(0).standard_normal(14))))
    assert np.quantile(posterior.draws.D_opt_at(N_ASKED) / N_ASKED, 0.025) > 1000
    assert "tokens a parameter, far from any that was published" in argument.verdict and not argument.trusted
    assert np.quantile(argument.widened, 0.025) / N_ASKED < 20  # type: ignore[arg-type, operator]  # the truth has 11


def test_a_fit_that_fails_every_gate_stands_in_rough_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(*_: object, **__: object) -> Posterior:
        raise UnconvergedError("NUTS did not converge on 25 runs (R-hat 1.530)")

    monkeypatch.setattr(drawing, "fit_posterior", stuck)
    drawn = draw_posterior(isoflop_runs(), SPEC, seed=0)
    assert drawn.method == "importance sampling" and "R-hat 1.530" in drawn.gate and "stands in" in drawn.gate and not drawn.rough
    monkeypatch.setattr("study.inference.fast.adapt.smoothed", lambda log_weight: (log_weight, 0.8))
    rough = draw_posterior(isoflop_runs(), SPEC, seed=0)
    assert rough.rough and "k-hat 0.80" in rough.gate and "R-hat 1.530" in rough.gate
    monkeypatch.setattr("study.inference.fast.adapt.smoothed", lambda log_weight: (log_weight, 1.2))
    with pytest.raises(UnconvergedError, match="R-hat"):
        draw_posterior(isoflop_runs(), SPEC, seed=0)


def test_chains_that_converge_only_with_care_give_way_where_digits_need_more_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = fit_fast(isoflop_runs(), SPEC, seed=1, draws=2 * drawing.FIRST_DRAWS), []

    def careful(*_: object, draws: int, **__: object) -> Posterior:
        asked.append(draws)
        return found

    monkeypatch.setattr(drawing, "fit_posterior", careful)
    monkeypatch.setattr(drawing, "hold", lambda drawn, _: len(drawn.parameters) > 2 * drawing.FIRST_DRAWS)
    drawn = draw_posterior(isoflop_runs(), SPEC, seed=0)
    assert drawn.method == "importance sampling" and "only with care" in drawn.gate and len(asked) == 1
    monkeypatch.setattr("study.inference.fast.adapt.smoothed", lambda log_weight: (log_weight, 0.8))
    kept = draw_posterior(isoflop_runs(), SPEC, seed=0)
    assert kept.method == "NUTS" and not kept.rough and len(kept.posterior.parameters) == 2 * drawing.FIRST_DRAWS


def test_more_rows_than_any_table_of_runs_are_refused_at_once() -> None:
    with warnings.catch_warnings(), pytest.raises(drawing.TooManyRunsError, match=r"30,000 runs to fit.*one row a run"):
        draw_posterior(pd.concat([isoflop_runs()] * 1200), SPEC, seed=0)


def test_computed_losses_are_told_from_measured_ones() -> None:
    noise = 4e-6 * np.random.default_rng(0).standard_normal(25)
    argument, _ = argued(isoflop_runs().assign(loss=lambda rows: LAW.loss(rows["N"], rows["D"]) * np.exp(noise)))
    assert any(doubt.kind == "exact" and "computed, not measured" in doubt.text for doubt in argument.doubts)
    assert not any(doubt.kind == "exact" for doubt in argued(isoflop_runs())[0].doubts)


def test_a_fit_that_could_not_be_tested_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    def unfitted(*_: object, **__: object) -> None:
        raise UnfittedRestError("the rest cannot be fitted: its draws are not reliable")

    monkeypatch.setattr(arguing, "forecast_test", unfitted)
    argument, _ = argued(isoflop_runs())
    assert not argument.trusted and argument.verdict.startswith("do not extrapolate this fit: it could not be tested")
    assert argument.widened is not None
