"""Each word follows its condition: planted posteriors and records that must turn it."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from study.analysis import approaches, calibration, foretold, forms, misfit, profiles, seeds, stages, sweep, training, variants
from study.analysis.study import USUAL_BYTES, Fitted, Study
from study.articles.appendix import calibration as shown
from study.articles.appendix import every_run, fit, literature, predictive, recipe, repeats, sampling, sensitivity
from study.articles.main import answer, estimators, otherwise, penalty, runs, test, three, trend
from study.articles.shared import notices, text, words
from study.atlas.target import ALL, LAB, NONE, THREE
from study.grids.design import language_config
from study.inference.digits import estimate
from study.inference.posterior import IMPORTANCE
from study.inference.priors import distributions
from study.inference.spec import HEADLINE
from study.laws.errata import TARGET_N
from study.laws.hoffmann import LossSurface
from study.laws.published import RULE
from study.predictions import LAWS, MIXTURE, scores
from study.record import RunRecord
from study.table import table
from tests.given import given


def planted(quick: Study, **draws: float) -> Study:
    """The study with a headline whose every draw is near one surface."""
    rng, size = np.random.default_rng(0), len(quick.posterior.parameters)
    values = {"E": 1.2, "A": 40.0, "B": 420.0, "alpha": 0.34, "beta": 0.34, **draws}
    surface = LossSurface(**{name: value * np.exp(1e-3 * rng.standard_normal(size)) for name, value in values.items()})
    headline = Fitted(replace(quick.posterior, draws=surface), IMPORTANCE, "planted")
    return given(quick, {Study.headline: headline, Study.many: headline.posterior})


def with_parameters(quick: Study, **values: Any) -> Study:
    """The study with a headline of which some parameters' draws are given."""
    size = len(quick.posterior.parameters)
    changed = replace(quick.posterior.parameters, **{name: np.broadcast_to(value, size) for name, value in values.items()})
    headline = Fitted(replace(quick.posterior, parameters=changed), IMPORTANCE, "planted")
    return given(quick, {Study.headline: headline, Study.many: headline.posterior})


def variant(name: str, tokens: Any = (1.0, 1.0), a: Any = (1.0, 1.0)) -> variants.Variant:
    return variants.Variant(name, np.asarray(tokens), np.asarray(a), IMPORTANCE)


@pytest.mark.parametrize(("bare", "total", "kaplan", "hoffmann"), [(0.73, 0.6, "includes", "excludes"),
                                                                 (0.6, 0.5, "excludes", "includes")])
def test_the_exponent_is_compared_in_each_paper_s_own_count(quick: Study, bare: float, total: float, kaplan: str,
                                                            hoffmann: str) -> None:
    spread = 0.01 * np.linspace(-1, 1, 50)
    study = given(quick, {(variants.variant, name): variant(name, a=a + spread)
                          for name, a in ((variants.NON_EMBEDDING, bare), (variants.TOTAL, total))})
    assert estimators.a_without_embedding(study).startswith(f"{bare:.2f} [") and estimators.holds_kaplan(study) == kaplan
    assert estimators.a_with_all(study).startswith(f"{total:.2f} [") and estimators.holds_hoffmann(study) == hoffmann


@pytest.mark.parametrize(("ratio", "where"), [(2.0, "above"), (20.0, "inside"), (200.0, "below")])
def test_the_rule_is_above_inside_or_below(quick: Study, ratio: float, where: str) -> None:
    # with alpha = beta, D_opt = N (B/A)^(1/alpha)
    study = planted(quick, B=40.0 * ratio**0.34)
    assert np.median(study.posterior.draws.D_opt_at(TARGET_N)) == pytest.approx(ratio * TARGET_N, rel=0.02)
    assert answer.rule_lies(study) == where


def test_the_rule_in_bytes_reads_the_corpus(quick: Study) -> None:
    assert answer.rule_in_bytes_lies(planted(quick, B=40.0 * (RULE * USUAL_BYTES / quick.bytes_per_token) ** 0.34)) == "inside"


def test_missing_runs_are_counted(quick: Study, capsys: pytest.CaptureFixture[str]) -> None:
    notices.incomplete(quick)
    assert capsys.readouterr().out == ""
    some = dict(list(quick.records.items())[:5])
    half = given(quick, {}, records=some, frame=table(quick.grid, some))
    notices.incomplete(half)
    assert "9 of 14 planned runs are not recorded yet" in capsys.readouterr().out
    assert (runs.recorded(half), runs.planned(half)) == ("5", "14")


def test_failures_are_counted_and_listed(quick: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert runs.failed(quick) == "none"
    run_id, record = next(iter(quick.records.items()))
    broken = {**quick.records, run_id: replace(record, status="diverged", reason="loss 9.1 at step 12", losses={})}
    study = given(quick, {}, records=broken, frame=table(quick.grid, broken))
    assert runs.failed(study) == "one"
    every_run.failed(study)
    assert f"- `{run_id}`, diverged: loss 9.1 at step 12" in capsys.readouterr().out
    every_run.failed(quick)
    assert capsys.readouterr().out == ""
    assert run_id not in set(study.fit["run_id"])


def test_seed_noise_is_pooled_within_cells(quick: Study) -> None:
    sd, freedom = seeds.seed_sd(quick)
    rows = quick.fit[quick.fit.duplicated(["N", "D"], keep=False)]
    assert freedom == 2
    assert sd == pytest.approx(float(np.log(rows["loss"]).std()))


def test_more_seeds_count_where_their_budget_is_and_in_no_fit(quick: Study) -> None:
    top = quick.fit["budget"].max()
    run = quick.frame[(quick.frame["budget"] == top) & (quick.frame["role"] == "isoflop")].iloc[[0, 0]]
    more = run.assign(loss=run["loss"] * np.array([1.03, 0.97]), run_id=["a", "b"])
    study = given(quick, {Study.headline: quick.headline}, seeds=more)
    assert seeds.seed_sd(study, [top]) == (pytest.approx(0.03, rel=0.01), 2)
    below, _ = seeds.seed_sd(quick, [budget for budget in quick.budgets if budget < top])
    assert seeds.seed_sd_at(study, top)[0] == pytest.approx(max(0.03, below), rel=0.01)
    assert seeds.seed_sd_at(study, top / 2)[0] == pytest.approx(below)
    assert list(study.fit["run_id"]) == list(quick.fit["run_id"])
    assert runs.noise_at_top(study) == "3.00 % of the loss (pooled, two degrees of freedom)"
    assert runs.noise_below(study).startswith(f"{100 * below:.2f} %") and runs.more_seeds(study).startswith("Two runs")
    assert "unknown" in runs.noise_at_top(quick) and runs.more_seeds(quick) == ""


@pytest.mark.parametrize(("off", "cause"), [(0.001, "seeds"), (0.5, "misfit")])
def test_the_cause_of_the_residual_is_the_larger_of_seeds_and_misfit(quick: Study, off: float, cause: str) -> None:
    rows = quick.fit
    middle = np.exp(np.log(rows["loss"]) - misfit.residuals(quick.posterior, rows))
    moved = rows.assign(loss=middle * np.exp(off * (-1.0) ** np.arange(len(rows))))
    study = given(quick, {Study.fit: moved, Study.headline: quick.headline})
    assert runs.off_below(study) == f"{100 * off:.2f} %"
    assert runs.causes(study) == f"Below it {runs.CAUSES[cause]}; at it {runs.CAUSES['open']}.", "no seeds at the top"


def test_the_cause_at_the_largest_budget_is_told_where_it_has_seeds(quick: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "below_and_at_the_top", lambda _: ((1e-9, 4), (1e-9, 2)))
    assert runs.causes(quick) == f"In both, {runs.CAUSES['misfit']}."


def test_what_a_wrong_size_wastes_is_compute_at_the_same_loss(quick: Study) -> None:
    draws = quick.posterior.draws
    i = int(np.argsort(np.asarray(draws.alpha))[len(draws.alpha) // 2])
    C = quick.largest_C
    law = LossSurface(*(float(np.asarray(value)[i]) for value in (draws.E, draws.A, draws.B, draws.alpha, draws.beta)))
    less = optimize.brentq(lambda f: law.loss(law.N_opt(f * C), law.D_opt(f * C)) - law.loss(2 * law.N_opt(C), law.D_opt(C) / 2),
                           0.1, 1.0)
    assert float(np.asarray(penalty.shares(draws, C, 2.0))[i]) == pytest.approx(1 - less, rel=1e-6)
    assert penalty.wasted_here(quick).endswith("%") and penalty.wasted_there(quick).endswith("%")


def test_repeated_cells_are_counted_once(quick: Study) -> None:
    assert int(runs.fit_cells(quick)) < int(runs.fit_runs(quick)) == len(quick.grid.of("fit"))
    assert float(runs.validation_bytes(quick)) == pytest.approx(quick.bytes_per_token, rel=0.2)


def elsewhere(quick: Study, sds: float) -> Study:
    """Every run trained again on another processor, with ln L changed by so many standard deviations between seeds."""
    def moved(record: RunRecord) -> RunRecord:
        loss = record.losses["validation"]
        changed = replace(loss, nats_per_token=loss.nats_per_token * float(np.exp(sds * seeds.seed_sd(quick)[0])))
        return replace(record, losses={**record.losses, "validation": changed},
                       provenance=replace(record.provenance, cpu="another processor"))

    return given(quick, {}, again={run_id: moved(record) for run_id, record in quick.records.items()})


@pytest.mark.parametrize(("sds", "word"), [(0.1, "a small part of another seed"), (1.0, "as good as another seed"),
                                           (-3.0, "**more** than another seed")])
def test_another_processor_is_judged_by_the_noise_between_seeds(quick: Study, sds: float, word: str) -> None:
    study = elsewhere(quick, sds)
    assert (repeats.again(study), repeats.processor(study), repeats.same_bits(study)) == ("14", "another processor", "none")
    assert repeats.order_of_adding(study) == word
    assert repeats.change(study) == f"{100 * abs(sds) * seeds.seed_sd(quick)[0]:.2g} %"


def test_the_same_bits_on_another_processor_are_counted(quick: Study) -> None:
    assert repeats.same_bits(elsewhere(quick, 0.0)) == f"{len(quick.records)}"
    assert repeats.again(given(quick, {}, again={}, folders=())) == "No"
    first = given(quick, {}, again={}, folders=(Path(__file__).resolve().parents[2] / "runs",))
    assert repeats.of_grid(first) == "`cpu`" and repeats.again(first) == "37" and repeats.same_bits(first) == "none"


@pytest.mark.parametrize(("best", "edges"), [(1, "none"), (2, "one")])
def test_a_sweep_on_the_edge_is_counted(quick: Study, best: int, edges: str) -> None:
    rows = pd.DataFrame([{"budget": 1e11, "width": 16, "batch_tokens": batch, "learning_rate": rate, "status": "complete",
                          "role": "sweep", "loss": 3.0 + abs(k - best) + 0.1 * (batch != 512)}
                         for batch in (256, 512, 1024) for k, rate in enumerate((0.1, 0.2, 0.4))])
    study = given(quick, {}, sweep=rows)
    assert (recipe.panels(study), recipe.at_edge(study), recipe.at_floor(study)) == ("one", edges, "none")
    assert recipe.panels(quick) == "no"


def test_another_attention_of_the_sweep_is_told(quick: Study) -> None:
    record = next(iter(quick.records.values()))
    for changed, told in ((record, ""), (replace(record, config=replace(language_config(record.config), attention_scale=0.0)),
                                         "Its models had the second recipe's attention.")):
        assert recipe.other_attention(given(quick, {}, sweep_records={"one": changed})) == told


def test_other_heads_of_the_sweep_are_told(quick: Study) -> None:
    record = next(record for record in quick.records.values() if record.config.width == 32)
    assert recipe.other_heads(quick) == "" and recipe.other_heads(given(quick, {}, sweep_records={"same": record})) == ""
    ours = record.config.heads
    other = replace(record, config=replace(record.config, heads=2 * ours))
    assert f"({2 * ours} instead of {ours} at width {record.config.width})" in recipe.other_heads(
        given(quick, {}, sweep_records={"other": other}))


@pytest.mark.parametrize(("sds", "verdict"), [(-3.0, "stands"), (-1.0, "is not told apart"), (1.0, "is not told apart"),
                                              (3.0, "is **beaten**")])
def test_the_rule_is_judged_by_its_check_cells(quick: Study, sds: float, verdict: str) -> None:
    sd = np.sqrt(2) * seeds.seed_sd(quick, [5e10])[0]
    study = given(quick, {sweep.verification: pd.DataFrame({"gain": [100 * sds * sd, -60.0], "budget": 5e10})})
    assert recipe.two_seeds(study) == f"{200 * sd:.2f} %" and recipe.checked_at(study) == "5 × 10¹⁰".replace(" ", text.NBSP)
    assert recipe.rule_verdict(study).startswith(verdict) and recipe.checked(study) == "two"
    assert recipe.best(study) == f"{'better' if sds > 0 else 'worse'} by {100 * abs(sds) * sd:.2f} %"
    assert recipe.worst(study) == "worse by 60.00 %"
    assert recipe.rule_verdict(quick) == "was not checked" and recipe.best(quick) == text.ABSENT


def test_the_form_that_predicts_best_is_named_with_its_lead(quick: Study) -> None:
    def compared(order: list[str], lead: float, khat: float) -> Study:
        frame = pd.DataFrame({"elpd_diff": [0.0, lead], "dse": [0.0, 1.0]}, index=order)
        return given(quick, {Study.headline: quick.headline, forms.comparison: frame,
                             forms.laws: {"nesting": quick.headline, "hoffmann": quick.headline},
                             (forms.largest_khat, "hoffmann"): 0.3, (forms.largest_khat, "nesting"): khat})

    study = compared(["hoffmann", "nesting"], 5.0, 0.82)
    assert (otherwise.best_form(study), otherwise.second_form(study)) == ("Hoffmann's form", "the nesting family")
    assert (otherwise.lead(study), otherwise.lead_clear(study)) == ("5.0 ± 1.0", "more than")
    assert (otherwise.form_khat(study), otherwise.ranking(study)) == ("0.82", "a hint, no measurement")
    study = compared(["nesting", "hoffmann"], 1.0, 0.5)
    middle = text.held(estimate(quick.posterior, np.asarray(quick.posterior.draws.D_opt_at(TARGET_N))))
    assert otherwise.best_form(study) == "The nesting family" and otherwise.best_answer(study).startswith(f"{middle} [")
    assert (otherwise.lead_clear(study), otherwise.ranking(study)) == ("within", "to be trusted")
    assert otherwise.best_form(quick) == "No form that was compared" and otherwise.form_khat(quick) == text.ABSENT


@pytest.mark.parametrize(("factor", "said"), [(0.5, ", all below its median"), (2.0, ", all above its median"),
                                              (None, "")])
def test_estimators_on_one_side_are_told(quick: Study, factor: float | None, said: str) -> None:
    ours = float(np.median(quick.posterior.draws.D_opt_at(TARGET_N)))
    found = tuple(approaches.Approach(name, 0.5, 0.1, tokens) for name, tokens in
                  (("2: parabolas", ours * (factor or 0.5)), ("3: Huber", ours * (factor or 2.0)), ("1: none", float("nan"))))
    study = given(quick, {approaches.approaches: found, Study.headline: quick.headline})
    assert estimators.estimates_lie(study) == said and estimators.outside(study) == "none"
    far = tuple(approaches.Approach(name, 0.5, 0.1, 1e-3 * ours / 1e9)
                for name in ("1: envelope of curves", "3: Huber, delta method", "3: Huber, bootstrap of rows"))
    beside = given(quick, {approaches.approaches: far, Study.headline: quick.headline})
    assert estimators.outside(beside) == "envelope of curves and Huber"


def test_prices_are_added_where_every_run_has_one(quick: Study) -> None:
    free = given(quick, {}, frame=quick.frame.assign(dollars=float("nan")))
    assert every_run.price(free) == "unknown: no price was set"
    priced = given(quick, {}, frame=quick.frame.assign(dollars=0.02))
    assert every_run.price(priced) == f"{0.02 * len(quick.frame):.2f} dollars"
    assert every_run.cost_table(free).data.count("0.0") < every_run.cost_table(priced).data.count("0.0")


def test_evaluation_tokens_are_those_that_were_read(quick: Study) -> None:
    read = {record.losses["validation"].tokens for record in quick.records.values()}
    assert repeats.eval_tokens(quick) == text.count(read.pop()) and not read


def foretold_runs(losses: Any, held_out: bool = False, made: str = "2026-01-02T00:00:00+00:00") -> foretold.Foretold:
    """Runs of one budget whose prediction was 3 nats, 95 % interval [2.94, 3.06], 50 % [2.98, 3.02]."""
    half = {"95": 0.06, "80": 0.04, "50": 0.02}
    said = {"median": 3.0, **{level: [3.0 - width, 3.0 + width] for level, width in half.items()}}
    frame = pd.DataFrame({"run_id": [f"r{i}" for i in range(len(losses))], "budget": 1e12, "N": np.geomspace(1e5, 1e6, len(losses)),
                          "D": 1e7, "loss": losses, "status": "complete"})
    rows = scores({"runs": {run_id: {LAWS[0]: said, MIXTURE: said} for run_id in frame["run_id"]}}, frame)
    return foretold.Foretold(1e12, held_out, 20, 3.3, made, {LAWS[0]: rows} | ({MIXTURE: rows} if made else {}))


@pytest.mark.parametrize(("shift", "better", "promise"), [(-0.2, "four", "**broken**"), (0.2, "none", "**broken**"),
                                                          (0.0, "two", "kept")])
def test_foretold_runs_are_judged_by_their_predictions(quick: Study, shift: float, better: str, promise: str) -> None:
    losses = 3.0 + shift + (np.array([1e-4, -1e-4, 1e-4, -1e-4]) if not shift else np.zeros(4))
    study = given(quick, {foretold.budgets: (foretold_runs(losses),)})
    assert (test.runs(study), test.better(study), test.promise(study)) == ("four", better, promise)
    assert test.inside_95(study) == ("none" if shift else "four")
    assert test.error(study) == f"{100 * abs(np.log((3.0 + shift) / 3.0)):.1f} %"
    assert test.mixed(study).startswith("0 and 0 of 4" if shift else "4 and 4 of 4")
    sides = {-0.2: "FLOP, below the prediction", 0.2: "FLOP, above the prediction", 0.0: "none"}
    assert test.outside(study).endswith(sides[shift]) and ("parameters at 10¹² FLOP" in test.outside(study)) is bool(shift)
    most = given(quick, {foretold.budgets: (foretold_runs([3.0] * 17 + [3.2] * 3),)})
    assert test.promise(most) == "nearly kept" and test.promise_of_half(most) == f"that of the 50{text.NBSP}% interval kept"
    assert not shift or test.promise_of_half(study).startswith("as is that")
    assert test.mixture_promised(most) == "19 and 10"
    if shift:
        both = given(quick, {foretold.budgets: (foretold_runs([2.8, 3.2]),)})
        alone = given(quick, {foretold.budgets: (foretold_runs([2.8, 3.0]),)})
        assert test.outside(both).endswith(", one of them below the prediction")
        assert test.outside(alone) == "one, of 100\u00a0k parameters at 10¹² FLOP, below the prediction"
    assert len(test.predicted(study).axes) == 1 and "2026-01-02" in test.table(study).data
    assert (test.promise(quick), test.error(quick), test.runs(quick)) == ("not tested", text.ABSENT, "no")


@pytest.mark.parametrize(("made", "expected"), [(("a", "b"), "before the first of their runs"), (("a", ""), "but for the held-out"),
                                                (("", ""), "after the runs")])
def test_when_a_prediction_was_written_is_told(quick: Study, made: tuple[str, str], expected: str) -> None:
    found = tuple(foretold_runs([3.0, 3.01], held_out=i == 1, made=when) for i, when in enumerate(made))
    study = given(quick, {foretold.budgets: found})
    assert expected in test.written(study)
    assert test.runs(study) == "four" and test.times_beyond(study) == "3.3"
    assert (test.mixed(study) == text.ABSENT) is not any(made)


def test_a_loss_below_the_irreducible_one_is_told(quick: Study) -> None:
    best = float(quick.frame["loss"].min())
    fine, reached = planted(quick, E=0.9 * best), planted(quick, E=1.1 * best)
    assert otherwise.floor(fine) == "" and otherwise.share_above(fine) == "no draw"
    assert "has reached" in otherwise.floor(reached)
    assert otherwise.share_above(reached) == f"a share of {text.percent(1)} of the draws"
    assert otherwise.lowest_loss(reached) == f"{best:.2f} nats a token, by a fitted run"
    assert "may have reached" in otherwise.floor(planted(quick, E=0.9997 * best))


@pytest.mark.parametrize(("measured", "law", "ways", "held"), [
    ((10, 15, 20), (10, 8, 7), "**the measured ones rise and the law's fall**", "one"),
    ((10, 15, 20), (10, 10, 10), "the measured ones rise and the law's stay as they are", "one"),
    ((10, 15, 20), (10, 15, 20), "both rise", "three"), ((10,), (10,), "no trend shows", "one")])
def test_opposite_trends_are_told(quick: Study, measured: tuple[float, ...], law: tuple[float, ...], ways: str, held: str) -> None:
    spread = np.exp(0.05 * np.random.default_rng(0).standard_normal(400))
    one = tuple(profiles.Vertex(10.0**k, False, a, a * spread, float("nan"), b * spread)
                for k, (a, b) in enumerate(zip(measured, law, strict=True)))
    study = given(quick, {profiles.vertices: one})
    assert (trend.ways(study), trend.held(study)) == (ways, held)
    assert trend.apart(study) == words.none_or(sum(abs(math.log(a / b)) > 0.14 for a, b in zip(measured, law, strict=True)))
    assert trend.elsewhere(study) == ""


@pytest.mark.parametrize(("shift", "below", "pace"), [(-0.1, "four", "fell faster"), (0.1, "none", "fell more slowly")])
def test_a_budget_on_one_side_of_the_law_is_told(quick: Study, shift: float, below: str, pace: str) -> None:
    rows = quick.fit
    middle = np.exp(np.log(rows["loss"]) - misfit.residuals(quick.posterior, rows))
    largest, flip = (rows["budget"] == rows["budget"].max()).to_numpy(), (-1.0) ** np.arange(len(rows))

    def moved(by: Any) -> Study:
        return given(quick, {Study.fit: rows.assign(loss=middle * np.exp(by)), Study.headline: quick.headline})

    study = moved(np.where(largest, shift, 0.001 * flip))
    assert largest.sum() == 4 and misfit.by_budget(study)["mean"].iloc[-1] == pytest.approx(100 * shift)
    assert (otherwise.top_runs(study), otherwise.top_below(study)) == ("four", below) and pace in otherwise.pace(study)
    assert otherwise.misses(study).endswith(text.signed(100 * shift, 1))
    assert otherwise.pace(moved(0.01 * flip)) == ""


def test_a_noise_scale_that_grows_is_set_beside_the_seeds(quick: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    study = with_parameters(quick, g=1.0)
    study.cache.update(given(quick, {(variants.variant, variants.CONSTANT): variant(
        variants.CONSTANT, 5.0 * np.asarray(quick.posterior.draws.D_opt_at(TARGET_N)))}).cache)
    assert otherwise.scale_growth(study) == "2.7" and otherwise.constant_factor(study) == "5.0"
    assert "unknown" in otherwise.scale_cause(study)
    for at_top, said in ((0.03, "grows too"), (0.01, "stays as it is"), (0.005, "falls too")):
        monkeypatch.setattr(seeds, "below_and_at_the_top", lambda _, at_top=at_top: ((0.01, 4), (at_top, 2)))
        assert otherwise.scale_cause(study).endswith(said)


def test_parameters_outside_their_prior_are_named(quick: Study) -> None:
    at_their_medians = {name: prior.median() for name, prior in distributions(HEADLINE, quick.bytes_per_token).items()}
    assert fit.conflict(with_parameters(quick, **at_their_medians)) == "none"
    assert fit.conflict(with_parameters(quick, **at_their_medians | {"alpha": 30.0})).startswith(r"$\alpha$ (100")


@pytest.mark.parametrize(("nu", "said"), [(3.0, "ask for heavier tails"), (80.0, "do not ask")])
def test_tails_are_judged_against_the_prior(quick: Study, nu: float, said: str) -> None:
    assert predictive.tails(with_parameters(quick, nu=nu)).startswith(said)


def test_a_width_effect_that_leaves_zero_out_is_told(quick: Study) -> None:
    u = 1e-4 * np.random.default_rng(0).standard_normal(quick.posterior.u.shape)
    moved = u + 0.05 * (np.arange(u.shape[1]) == 1)
    found = [given(quick, {Study.headline: Fitted(replace(quick.posterior, u=one), IMPORTANCE)}) for one in (u, moved)]
    assert [predictive.holds_zero(study) for study in found] == ["holds", "leaves out"]
    assert predictive.largest_effect(found[1]) == "+5.00 %"


def test_two_ways_of_drawing_agree_or_not(quick: Study) -> None:
    draws = quick.posterior.draws
    other = replace(quick.fast, draws=replace(draws, B=2.0 * draws.B))
    assert sampling.agreement(given(quick, {Study.headline: quick.headline, Study.fast: quick.headline.posterior})) == "agree"
    assert sampling.agreement(given(quick, {Study.headline: quick.headline, Study.fast: other})) == "**disagree**"


def test_the_choice_that_moves_the_answer_most_is_named(quick: Study) -> None:
    ours = np.asarray(quick.posterior.draws.D_opt_at(TARGET_N))
    planted_ones = {(variants.variant, name): None for name in variants.VARIANTS}
    study = given(quick, {**planted_ones, Study.headline: quick.headline,
                          (variants.variant, variants.WIDE): variant(variants.WIDE, 1e-12 * ours),
                          (variants.variant, variants.NARROW): variant(variants.NARROW, 2.0 * ours)})
    assert (sensitivity.moves_most(study), sensitivity.still(study)) == (f"“{variants.WIDE}”", "below")
    assert sensitivity.choices(study) == "two" and "normal noise" in sensitivity.missing(study)


def test_a_refusal_of_curve_fit_is_passed_on(quick: Study) -> None:
    study = given(quick, {stages.by_start: stages.Refused("three points, five parameters")})
    assert three.refusal(study) == "curve_fit refuses every start: three points, five parameters."
    assert (three.starts(study), three.exact_starts(study), three.start_answers(study)) == ("no", "none", text.ABSENT)
    assert three.by_start(study).axes and three.refusal(quick) == ""


def test_three_runs_with_the_atlas_are_those_of_its_records(quick: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    assert three.decades_atlas(quick) == three.atlas_95(quick) == three.decades_cheapest(quick) == text.ABSENT
    row = {"decades": 1.234, "tokens": {"point": 4e9, "ci95": [1e9, 17e9]}, "count": len(quick.fit)}
    recorded = {("own-quick", THREE, "atlas"): row, ("own-quick", THREE, "default"): {**row, "decades": 10.2},
                (LAB, THREE, "default"): {**row, "decades": 4.4}, ("own-quick", NONE, "atlas"): {**row, "decades": 1.5},
                ("own-quick", ALL, "atlas"): {**row, "decades": 0.8}}
    monkeypatch.setattr(stages, "recorded", lambda: SimpleNamespace(
        prior="atlas", target=lambda runs, taken, prior: recorded[runs, taken, prior]))
    assert (three.decades_atlas(quick), three.atlas_95(quick)) == ("1.2", "[1 B, 17 B]".replace(" ", text.NBSP))
    assert (three.decades_cheapest(quick), three.lab_decades()) == ("10.2", "4.4")
    assert (three.decades_others(quick), three.decades_all_with_others(quick)) == ("1.5", "0.8")
    assert three.all_with_others(quick) == "4 B [1 B, 17 B]".replace(" B", text.NBSP + "B").replace(", ", "," + text.NBSP)
    recorded["own-quick", ALL, "atlas"]["count"] += 1  # of other runs than are fitted here
    assert three.all_with_others(quick) == text.ABSENT and three.decades_atlas(quick) == "1.2"
    for factor, said in ((1.5, ", its spreads widened 1.5 times,"), (1.0, ",")):
        monkeypatch.setattr(three, "recorded", lambda factor=factor: SimpleNamespace(factor=factor))
        assert three.widened() == said


@pytest.mark.slow
def test_recorded_calibrations_are_shown(quick: Study, tmp_path: Path) -> None:
    from study.inference.calibration.runs import run_calibration, run_coverage

    run_calibration("quick", "A", "fast", 20, tmp_path / "calibration", workers=1)
    run_coverage("quick", 2, tmp_path / "calibration", workers=1)
    study = given(quick, {}, folders=(tmp_path,))
    found = shown.studies(study).data.replace("$D_{opt}(N)$", "")
    assert "20" in found and "{" not in found and "worst" not in found
    assert shown.ranks(study).axes and shown.coverage(study).axes
    assert (shown.truths(study), shown.truths_design(study), shown.replicates(study)) == ("20", "`quick`", "2")
    assert "of “dense”" in shown.covered(study)
    assert f"{shown.least_covered(study)} of “" in shown.covered(study)


def test_a_calibration_without_ranks_is_in_the_table_and_tests_nothing(quick: Study, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"design": "three", "target": "headline", "fitted_by": {"failed": 20}, "draws": 20, "tests": []}
    study = given(quick, {(calibration.recorded, "sbc"): (SimpleNamespace(body=body),), (calibration.recorded, "coverage"): ()})
    assert "20 failed" in shown.studies(study).data
    assert (shown.ranks_verdict(study), shown.truths(study), shown.covered(study)) == ("nothing", "0", "none")
    assert shown.least_covered(study) == shown.floor_lies(study) == text.ABSENT
    shown.missing(study)
    assert "No coverage study: run `study calibrate`" in capsys.readouterr().out


@pytest.mark.parametrize(("p", "said"), [(0.4, "no departure from uniform ranks"), (0.001, "**ranks of s that are not uniform**")])
def test_calibration_names_the_quantity_that_departs(quick: Study, p: float, said: str) -> None:
    tests = [{"quantity": "E", "holm": 0.9}, {"quantity": "s", "holm": p}]
    body = {"draws": 1000, "design": "quick", "target": "headline", "tests": tests}
    study = given(quick, {(calibration.recorded, "sbc"): (SimpleNamespace(body=body),)})
    assert (shown.ranks_verdict(study), shown.tested(study)) == (said, "2")


def test_published_words_where_no_table_is_at_hand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(literature, "tables", lambda: "no host")
    literature.missing()
    assert "nothing to show: no host" in capsys.readouterr().out
    assert (literature.corrected(), literature.describes()) == ("cannot be refitted here", "cannot be tested against")


def test_a_gap_that_grows_with_the_tokens_is_told(quick: Study) -> None:
    rows = quick.frame.assign(train_loss=quick.frame["loss"] - 0.01 * np.log(quick.frame["D"]))
    falls = quick.frame.assign(train_loss=quick.frame["loss"] + 0.01 * np.log(quick.frame["D"]))
    assert [(every_run.gap_trend(one), every_run.gap_side(one)) for one in
            (given(quick, {}, frame=rows), given(quick, {}, frame=falls))] == [("grows", "above"), ("falls", "below")]


def test_noise_scales_are_set_beside_the_batches(quick: Study) -> None:
    rows = training.noise_scales(quick).assign(noise_scale=lambda frame: 3.0 * frame["batch_tokens"])
    study = given(quick, {training.noise_scales: rows})
    assert (every_run.small_batches(study), every_run.batch_factor(study)) == ("14", "3.0")


def test_the_form_that_misses_the_measured_optima_is_named(quick: Study) -> None:
    def form(ratio: float) -> SimpleNamespace:
        return SimpleNamespace(posterior=SimpleNamespace(draws=SimpleNamespace(
            D_opt=lambda C: np.full(5, ratio * C), N_opt=lambda C: np.full(5, C))))

    optima = [SimpleNamespace(budget=3e11, C=2.9e11, measured=10.0), SimpleNamespace(budget=1e12, C=1e12, measured=14.0)]
    mixed = estimate(quick.posterior, np.asarray(quick.posterior.draws.D_opt_at(TARGET_N)))
    found = {"hoffmann": form(12.0), "kaplan": form(2.0), "nesting": form(60.0)}
    study = given(quick, {forms.laws: found, (forms.equal, "kaplan"): mixed, profiles.vertices: tuple(
        SimpleNamespace(**vars(one), law=np.ones(3)) for one in optima)})
    assert otherwise.farthest_form(study) == "Kaplan's form"
    assert (otherwise.farthest_ratio(study), otherwise.farthest_measured(study)) == ("2.0", "14")
    assert otherwise.farthest_budget(study) == "10¹²" and otherwise.mixed_without(study).startswith(text.held(mixed))
    alone = given(quick, {forms.laws: {"hoffmann": form(12.0)}})
    assert otherwise.farthest_form(alone) == otherwise.mixed_without(alone) == text.ABSENT


def test_a_mixture_can_leave_a_form_out(quick: Study) -> None:
    far = replace(quick.posterior, draws=replace(quick.posterior.draws, B=1e3 * quick.posterior.draws.B))
    study = given(quick, {Study.headline: quick.headline, forms.laws: {
        "hoffmann": quick.headline, "kaplan": replace(quick.headline, posterior=far)}})
    alone, both = forms.equal(study, "kaplan"), forms.equal(study)
    assert alone.median == pytest.approx(float(np.median(forms.tokens(study, "hoffmann"))), rel=0.05)
    assert both.median > 1.5 * alone.median


def test_the_exponent_through_the_parabolas_is_that_of_the_count(quick: Study) -> None:
    rows = [{"budget": C, "role": "isoflop", "N": 1.3 * N, "N_non_embedding": N, "N_total": 1.6 * N, "D": C / (6 * N),
             "loss": 3 + math.log(N / (0.1 * C**0.6)) ** 2}
            for C in (1e11, 1e12, 1e13) for N in 0.1 * C**0.6 * np.array([0.25, 0.5, 1.0, 2.0, 4.0])]
    assert estimators.a_by_parabolas(given(quick, {Study.fit: pd.DataFrame(rows)})) == "0.60"
    assert estimators.a_by_parabolas(given(quick, {Study.fit: pd.DataFrame(rows[:5])})) == text.ABSENT


def test_forms_are_compared_by_what_they_predicted(quick: Study) -> None:
    one, other = foretold_runs([3.0, 3.0, 3.2]), foretold_runs([3.0, 3.0, 3.01])
    both = replace(one, by_form={LAWS[0]: one.rows, LAWS[1]: other.rows})
    study = given(quick, {foretold.budgets: (both, foretold_runs([3.1], made=""))})
    assert test.nearest_forms(study) == "Kaplan's form at 10¹² FLOP"
    shown = test.by_form(study).data.replace(text.NBSP, " ")
    assert "2 and 2 of 3, 3.7 %" in shown and "3 and 3 of 3, 0.2 %" in shown and text.ABSENT in shown
    assert test.NOTHING in test.by_form(given(quick, {foretold.budgets: ()})).data and test.nearest_forms(quick) == text.ABSENT
