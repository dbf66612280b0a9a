"""Each verdict follows its condition: planted posteriors and records that must turn the sentence."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.figures import callouts, findings, misfit, noise, remarks, sensitivity, sweep, text, training, trend, verdicts
from study.figures.analysis import IMPORTANCE, TARGET_N, USUAL_BYTES, Analysis, Fitted
from study.figures.frames import complete
from study.figures.values import Values
from study.laws.hoffmann import LossSurface
from study.laws.published import RULE
from study.record import RunRecord
from study.table import table


def planted(quick: Analysis, **draws: float) -> Analysis:
    """The analysis with a headline whose every draw is near one surface."""
    rng, size = np.random.default_rng(0), len(quick.posterior.parameters)
    values = {"E": 1.2, "A": 40.0, "B": 420.0, "alpha": 0.34, "beta": 0.34, **draws}
    surface = LossSurface(**{name: value * np.exp(1e-3 * rng.standard_normal(size)) for name, value in values.items()})
    study = replace(quick)
    study.__dict__["headline"] = Fitted(replace(quick.posterior, draws=surface), IMPORTANCE, "planted")
    return study


@pytest.mark.parametrize(("bare", "total", "kaplan", "hoffmann"), [(0.73, 0.6, "includes", "excludes"),
                                                                 (0.6, 0.5, "excludes", "includes")])
def test_the_exponent_is_compared_in_each_paper_s_own_count(quick: Analysis, monkeypatch: pytest.MonkeyPatch, bare: float,
                                                            total: float, kaplan: str, hoffmann: str) -> None:
    found = [sensitivity.Variant(name, np.ones(3), a + 0.01 * np.linspace(-1, 1, 50), IMPORTANCE)
             for name, a in ((sensitivity.NON_EMBEDDING, bare), (sensitivity.TOTAL, total))]
    monkeypatch.setattr(sensitivity, "variants", lambda _: (tuple(found), ()))
    said = findings.exponent(quick)
    assert f"without embeddings, it is $a$ = {bare:.3f}" in said and f"which {kaplan} their 0.73" in said
    assert f"all parameters, $a$ = {total:.3f}" in said and f"which {hoffmann} their 0.50" in said


@pytest.mark.parametrize(("ratio", "said"), [(2.0, "above"), (20.0, "inside"), (200.0, "below")])
def test_the_rule_is_above_inside_or_below(quick: Analysis, ratio: float, said: str) -> None:
    # with alpha = beta, D_opt = N (B/A)^(1/alpha)
    study = planted(quick, B=40.0 * ratio**0.34)
    assert np.median(study.posterior.draws.D_opt_at(TARGET_N)) == pytest.approx(ratio * TARGET_N, rel=0.02)
    assert f"lies {said} the 95 % interval" in findings.rule(study)


def test_the_rule_in_bytes_reads_the_corpus(quick: Analysis) -> None:
    usual = RULE * USUAL_BYTES
    study = planted(quick, B=40.0 * (usual / quick.bytes_per_token) ** 0.34)
    assert "inside the interval" in findings.rule_in_bytes(study)


def test_missing_runs_are_counted(quick: Analysis) -> None:
    assert findings.done(quick) == "All planned runs are recorded."
    some = dict(list(quick.records.items())[:5])
    half = replace(quick, records=some, frame=table(quick.grid, some))
    assert "9 of 14 planned runs are not recorded yet" in findings.done(half)


def test_failures_are_counted_and_listed(quick: Analysis, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings.failures(quick) == "No recorded run diverged or failed."
    run_id, record = next(iter(quick.records.items()))
    broken = {**quick.records, run_id: replace(record, status="diverged", reason="loss 9.1 at step 12", losses={})}
    study = replace(quick, records=broken, frame=table(quick.grid, broken))
    assert "diverged or failed: one." in findings.failures(study)
    callouts.failed(study)
    assert f"- `{run_id}`, diverged: loss 9.1 at step 12" in capsys.readouterr().out
    callouts.failed(quick)
    assert capsys.readouterr().out == ""
    assert run_id not in set(study.fit["run_id"])


def test_seed_noise_is_pooled_within_cells(quick: Analysis) -> None:
    sd, freedom = noise.seed_sd(quick)
    rows = quick.fit[quick.fit.duplicated(["N", "D"], keep=False)]
    assert freedom == 2
    assert sd == pytest.approx(float(np.log(rows["loss"]).std()))


def test_more_seeds_count_where_their_budget_is_and_in_no_fit(quick: Analysis) -> None:
    top = quick.fit["budget"].max()
    run = quick.frame[(quick.frame["budget"] == top) & (quick.frame["role"] == "isoflop")].iloc[[0, 0]]
    more = run.assign(loss=run["loss"] * np.array([1.03, 0.97]), run_id=["a", "b"])
    study = replace(quick, seeds=more)
    study.__dict__["headline"] = quick.headline
    assert noise.seed_sd(study, [top]) == (pytest.approx(0.03, rel=0.01), 2)
    below, _ = noise.seed_sd(quick, [budget for budget in quick.budgets if budget < top])
    assert noise.seed_sd_at(study, top)[0] == pytest.approx(max(0.03, below), rel=0.01)
    assert noise.seed_sd_at(study, top / 2)[0] == pytest.approx(below)
    assert list(study.fit["run_id"]) == list(quick.fit["run_id"])
    said = findings.seeds(study)
    assert "at it seeds differ by 3.00 % of the loss (pooled s.d., two degrees of freedom)" in said
    assert f"seeds differ by {100 * below:.2f} %" in said and "Two of these runs were added for their seeds" in said
    assert "at it seeds" not in findings.seeds(quick) and "were added" not in findings.seeds(quick)


def elsewhere(quick: Analysis, sds: float) -> Analysis:
    """Every run trained again on another processor, with ln L changed by so many standard deviations between seeds."""
    def moved(record: RunRecord) -> RunRecord:
        loss = record.losses["validation"]
        changed = replace(loss, nats_per_token=loss.nats_per_token * float(np.exp(sds * noise.seed_sd(quick)[0])))
        return replace(record, losses={**record.losses, "validation": changed},
                       provenance=replace(record.provenance, cpu="another processor"))

    return replace(quick, again={run_id: moved(record) for run_id, record in quick.records.items()})


@pytest.mark.parametrize(("sds", "said"), [(0.1, "a small part of the noise"), (1.0, "as good as another seed"),
                                           (-3.0, "**more** than another seed")])
def test_another_processor_is_judged_by_the_noise_between_seeds(quick: Analysis, sds: float, said: str) -> None:
    found = noise.reproduced(elsewhere(quick, sds))
    assert found.startswith(f"{len(quick.records)} runs") and "another processor, none with the same bits" in found
    assert said in found
    assert f"{100 * abs(sds) * noise.seed_sd(quick)[0]:.2g} % (r.m.s.)" in found


def test_the_same_bits_on_another_processor_are_counted(quick: Analysis) -> None:
    assert f"{len(quick.records)} with the same bits" in noise.reproduced(elsewhere(quick, 0.0))
    assert "on a second processor" in noise.reproduced(replace(quick, again={}))


def test_a_sweep_on_the_edge_is_said_to_be_one(quick: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(best: int) -> pd.DataFrame:
        return pd.DataFrame([{"budget": 1e11, "width": 16, "batch_tokens": batch, "learning_rate": rate,
                              "loss": 3.0 + abs(k - best) + 0.1 * (batch != 512)}
                             for batch in (256, 512, 1024) for k, rate in enumerate((0.1, 0.2, 0.4))])

    monkeypatch.setattr(sweep, "swept", lambda _: rows(1))
    assert findings.swept(quick).startswith("In all one panels the best learning rate lies inside") and "a bound too" not in \
        findings.swept(quick)
    monkeypatch.setattr(sweep, "swept", lambda _: rows(2))
    assert findings.swept(quick).startswith("In one of one panels the best run lies on the edge")


def test_other_heads_of_the_sweep_are_told(quick: Analysis) -> None:
    record = next(iter(quick.records.values()))
    assert remarks.heads(quick) == ""
    assert remarks.heads(replace(quick, sweep_records={"same": record})) == ""
    ours = record.config.heads
    other = replace(record, config=replace(record.config, heads=2 * ours))
    told = remarks.heads(replace(quick, sweep_records={"other": other}))
    assert f"({2 * ours} instead of {ours} at width {record.config.width})" in told


@pytest.mark.parametrize(("gain", "said"), [(-0.59, "neither half nor twice the rule's learning rate wins: they lose at least 0.5"),
                                            (0.01, "gains at most 0.01 % of the loss, less than twice"),
                                            (50.0, "gains at most 50.00 % of the loss, **more** than twice")])
def test_the_rule_is_judged_by_its_check_cells(quick: Analysis, monkeypatch: pytest.MonkeyPatch, gain: float, said: str) -> None:
    monkeypatch.setattr(sweep, "verification", lambda _: pd.DataFrame({"gain": [gain, -60.0]}))
    assert said in findings.ruled(quick)


def test_the_form_that_predicts_best_is_told_where_it_is_not_the_headline(quick: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    def compared(*order: str) -> None:
        frame = pd.DataFrame({"elpd_diff": [0.0, 5.0], "dse": [0.0, 1.0]}, index=list(order))
        monkeypatch.setattr(verdicts.forms, "comparison", lambda _: frame)

    monkeypatch.setattr(verdicts.forms, "laws", lambda study: {"nesting": study.headline})
    monkeypatch.setattr(verdicts.forms, "largest_khat", lambda _, law: {"hoffmann": 0.3, "nesting": 0.82}[law])
    compared("hoffmann", "nesting")
    assert verdicts.favoured(quick) == "Hoffmann's form, the headline's, is the one that leave-one-out densities prefer."
    assert verdicts.preferred(quick).startswith(
        "Hoffmann's form has the highest leave-one-out density of the runs, 5.0 ± 1.0 in elpd ahead of the next, the")
    assert verdicts.preferred(quick).endswith("With a k-hat of up to 0.82 that ranking is a hint, no measurement.")
    compared("nesting", "hoffmann")
    middle = text.count(float(np.median(quick.posterior.draws.D_opt_at(TARGET_N))))
    assert verdicts.favoured(quick).startswith(f"The nesting family, which leave-one-out densities prefer, answers {middle} [")


def test_prices_are_added_where_every_run_has_one(quick: Analysis) -> None:
    assert remarks.priced(quick) == "No price was set when they ran."
    priced = replace(quick, frame=quick.frame.assign(dollars=0.02))
    assert f"cost {0.02 * len(quick.frame):.2f} dollars" in remarks.priced(priced)
    assert training.cost(quick).data.count("0.0") < training.cost(priced).data.count("0.0")


def test_evaluation_tokens_are_those_that_were_read(quick: Analysis) -> None:
    read = {record.losses["validation"].tokens for record in quick.records.values()}
    assert Values(quick)["runs.eval_tokens"].text == text.count(read.pop()) and not read


@pytest.mark.parametrize(("shift", "side"), [(-0.2, "better than predicted"), (0.2, "worse than predicted")])
def test_held_out_runs_are_judged_by_their_predictions(quick: Analysis, monkeypatch: pytest.MonkeyPatch, shift: float,
                                                       side: str) -> None:
    study = replace(quick)
    study.__dict__["held_out"] = quick.fit.head(4).assign(loss=3.0 + shift)
    draws: Any = 3.0 + 0.01 * np.random.default_rng(0).standard_normal((500, 4))
    monkeypatch.setattr(verdicts.checks, "predictions", lambda _: draws)
    said = misfit.tested(study)
    assert side in said and said.startswith("Of four held-out runs, none fell inside") and "already breaks" in said
    error = 100 * abs(np.log((3.0 + shift) / 3.0))
    assert f"The r.m.s. error is {error:.1f} % of the loss" in misfit.error(study) and said in misfit.held_out(study)
    study.__dict__["held_out"] = quick.fit.head(4).assign(loss=3.0)
    monkeypatch.setattr(verdicts.checks, "coverage", lambda _: {0.5: 4, 0.8: 4, 0.95: 4})
    assert "is inside what the law promised" in misfit.tested(study)


def test_a_loss_below_the_irreducible_one_is_told(quick: Analysis) -> None:
    best = float(quick.frame["loss"].min())
    assert misfit.floor(planted(quick, E=0.9 * best)).startswith("No measured loss")
    said = misfit.floor(planted(quick, E=1.1 * best))
    assert said.startswith("**In 100\N{NO-BREAK SPACE}% of the draws") and f"{best:.2f} nats a token by a fitted run" in said


@pytest.mark.parametrize(("there", "cause"), [(0.1, True), (0.5, False)])
def test_a_step_that_the_other_corpus_does_not_share_is_told(quick: Analysis, there: float, cause: bool) -> None:
    top = quick.fit["budget"].max()
    study = replace(quick, frame=quick.frame.assign(ood_loss=5.0))
    rows = complete(study.frame)
    largest = rows[(rows["budget"] == top) & (rows["role"] == "isoflop")]
    study.__dict__["held_out"] = largest.assign(loss=largest["loss"] - 0.6, ood_loss=5.0 - there)
    said = misfit.step(study)
    assert f"falls by 0.60 nats from the largest fitted budget to this one, and by {there:.2f} on" in said
    assert ("most of the step" in said) is cause
    study.__dict__["held_out"] = largest.iloc[:0].assign(ood_loss=1.0)
    assert misfit.step(study) == ""


def test_opposite_trends_are_told(quick: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(measured: tuple[float, ...], law: tuple[float, ...]) -> str:
        spread = np.exp(0.05 * np.random.default_rng(0).standard_normal(400))
        one = tuple(trend.Vertex(10.0**k, False, a, a * spread, float("nan"), b * spread)
                    for k, (a, b) in enumerate(zip(measured, law, strict=True)))
        monkeypatch.setattr(trend, "vertices", lambda _: one)
        return trend.drift(quick)

    assert "**the runs and the law go opposite ways**, and the law's 95 % interval holds one of the three" in found(
        (10, 15, 20), (10, 8, 7))
    assert "opposite" not in found((10, 15, 20), (10, 10, 10)) and "holds all three" in found((10, 15, 20), (10, 15, 20))
    assert "no trend" in found((10,), (10,))


def test_a_rule_that_loses_by_little_is_not_told_apart(quick: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    least = 200 * np.sqrt(2) * noise.seed_sd(quick)[0]
    for gains, count in (([-0.9 * least, -1.1 * least], "one of two by less"), ([-1.1 * least, -2 * least], "")):
        monkeypatch.setattr(sweep, "verification", lambda _, gains=gains: pd.DataFrame({"gain": gains}))
        said = findings.ruled(quick)
        assert "neither half nor twice" in said and count in said and ("tell them apart" in said) is bool(count)


@pytest.mark.parametrize(("shift", "said"), [(-0.1, "of the largest, 4 lie below it**: there the loss falls faster"),
                                             (0.1, "of the largest, 4 lie above it**: there the loss falls more slowly")])
def test_a_budget_on_one_side_of_the_law_is_told(quick: Analysis, shift: float, said: str) -> None:
    study = replace(quick)
    law, rows = study.posterior.draws, quick.fit
    middle = np.exp(np.median(np.log(law.loss(rows["N"].to_numpy()[:, None], rows["D"].to_numpy()[:, None])), axis=1))
    largest = (rows["budget"] == rows["budget"].max()).to_numpy()
    study.__dict__["fit"] = rows.assign(loss=middle * np.exp(np.where(largest, shift, 0.001 * (-1.0) ** np.arange(len(rows)))))
    assert largest.sum() == 4
    found = misfit.by_budget(study)
    assert found["mean"].iloc[-1] == pytest.approx(100 * shift) and abs(found["mean"].iloc[0]) < 0.2
    assert said in misfit.missed(study)
    study = replace(quick)
    study.__dict__["fit"] = rows.assign(loss=middle * np.exp(0.01 * (-1.0) ** np.arange(len(rows))))
    assert "lie on both sides of it" in misfit.missed(study)


def test_a_noise_scale_that_grows_is_said_to_cover_misfit(quick: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = 5.0 * np.asarray(quick.posterior.draws.D_opt_at(TARGET_N))
    constant = sensitivity.Variant(sensitivity.CONSTANT, tokens, np.ones(3), IMPORTANCE)
    monkeypatch.setattr(sensitivity, "variants", lambda _: ((constant,), ()))
    size = len(quick.posterior.parameters)
    study = replace(quick)
    study.__dict__["headline"] = Fitted(replace(quick.posterior, parameters=replace(quick.posterior.parameters, g=np.ones(size))),
                                        IMPORTANCE, "planted")
    said = misfit._covered(study)
    assert "grows 2.7 times a decade of compute to cover this" in said and "the answer is 5.0 times as large" in said
    seeds = {True: (0.03, 2), False: (0.01, 4)}
    monkeypatch.setattr(noise, "seed_sd", lambda _, budgets: seeds[max(budgets) == quick.fit["budget"].max()])
    assert "as noise between seeds does, from 1 % of the loss below the largest budget to 3 % at it" in misfit._covered(study)
    study = replace(quick)
    study.__dict__["headline"] = Fitted(replace(quick.posterior, parameters=replace(quick.posterior.parameters, g=np.zeros(size))),
                                        IMPORTANCE, "planted")
    assert misfit._covered(study) == ""


@pytest.mark.slow
def test_recorded_calibrations_are_shown(quick: Analysis, tmp_path: Path) -> None:
    from study.figures import calibration
    from study.inference.calibration.runs import run_calibration, run_coverage

    run_calibration("quick", "A", "fast", 20, tmp_path / "calibration", workers=1)
    run_coverage("quick", 2, tmp_path / "calibration", workers=1)
    study = replace(quick, runs=tmp_path)
    table = calibration.studies(study).data.replace("$D_{opt}(N)$", "")
    assert "20" in table and "{" not in table and "worst" not in table
    assert calibration.ranks(study).axes and calibration.coverage(study).axes
    assert "20 truths drawn from the prior on the design `quick`" in verdicts.calibrated(study)
    assert "holds the truth" in verdicts.covered(study)


def test_a_calibration_without_ranks_is_in_the_table_and_tests_nothing(quick: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"design": "three", "target": "headline", "fitted_by": {"failed": 20}, "draws": 20, "tests": []}
    monkeypatch.setattr(verdicts.calibration, "recorded", lambda *_: (SimpleNamespace(body=body),))
    assert "20 failed" in verdicts.calibration.studies(quick).data
    assert "No simulation-based calibration" in verdicts.calibrated(quick)


def test_calibration_names_the_quantity_that_departs(quick: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(p: float) -> SimpleNamespace:
        tests = [{"quantity": "E", "holm": 0.9}, {"quantity": "s", "holm": p}]
        return SimpleNamespace(body={"draws": 1000, "design": "quick", "tests": tests})

    monkeypatch.setattr(verdicts.calibration, "headline_ranks", lambda _: body(0.4))
    assert "no departure from uniform ranks" in verdicts.calibrated(quick)
    monkeypatch.setattr(verdicts.calibration, "headline_ranks", lambda _: body(0.001))
    assert "ranks of s that are not uniform" in verdicts.calibrated(quick)
