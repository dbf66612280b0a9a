"""The atlas: its tables, what each says alone, and who is left out."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from study.atlas import records, target
from study.atlas.alone import describe, fit_alone, forecast, parabolas, stage_one
from study.atlas.leave_out import coverage, predict
from study.atlas.tables import AtlasTable, gather, own, ratio_of, smallest_budgets, top_budget
from study.atlas.target import ALL, LAB, NONE, THREE, at_target
from study.atlas.together import PopulationError, members, new_study, place
from study.cli import app
from study.inference.pooled.coordinates import REFERENCE
from study.inference.pooled.informed import Informed
from study.inference.pooled.population import COVARIATES, Population, as_json
from study.inference.pooled.prior import atlas_prior, atlas_record
from study.inference.pooled.two_stage import StudyDraws
from study.inference.posterior import KHAT
from study.laws.errata import TARGET_N
from study.laws.hoffmann import LossSurface
from study.laws.published import BESIROGLU
from study.published.entry import RELATIVE, Entry, runs
from tests.conftest import ROOT, Load

ENTRY = Entry(name="theirs", laboratory="Them", N_convention="multiplying", corpus="text", bytes_per_token=4.3, decayed=True,
              tuned=True)


def planted(noise: float = 0.003, law: LossSurface = BESIROGLU, **changes: object) -> AtlasTable:
    """Five budgets of seven sizes on a known law."""
    C = np.repeat(np.geomspace(1e18, 1e21, 5), 7)
    N = np.sqrt(C / 120) * np.tile(np.geomspace(0.2, 5.0, 7), 5)
    loss = law.loss(N, C / 6 / N) * np.exp(noise * np.random.default_rng(0).standard_normal(35))
    entry = replace(ENTRY, **changes)  # type: ignore[arg-type]
    return AtlasTable(entry, runs(entry, pd.DataFrame({"N": N, "D": C / 6 / N, "C": C, "loss": loss}), 32_000, "cosine"))


def test_a_planted_law_alone() -> None:
    found = describe(planted(), "them", seed=0)
    for name in ("alpha", "beta", "a", "E"):
        low, high = getattr(found, name)["ci95"]
        assert low < getattr(BESIROGLU, name) < high, name
    truth = float(ratio_of(BESIROGLU, 1e21))
    assert found.ratio_large["ci95"][0] < truth < found.ratio_large["ci95"][1]
    assert found.ratio_large["point"] == pytest.approx(found.ratio_own["point"], rel=1e-6)  # its largest budget is 1e21
    assert found.parabolas == pytest.approx(BESIROGLU.a, abs=0.03)
    assert found.forecast is not None and found.forecast.predicted == 7 and found.forecast.inside["95"] >= 5


def test_the_forecast_sees_a_law_that_bends() -> None:
    table = planted()
    top = top_budget(table.rows)
    assert top.sum() == 7 and table.rows.loc[top, "C"].min() == table.rows["C"].max()
    bent = replace(table, rows=table.rows.assign(loss=np.where(top, 1.05 * table.rows["loss"], table.rows["loss"])))
    found = forecast(bent, seed=0)
    assert found is not None and found.inside["95"] <= 1 and found.mean_error > 2
    assert forecast(replace(table, rows=table.rows.head(6)), seed=0) is None
    assert parabolas(replace(table, rows=table.rows.head(6))) is None


def test_the_first_runs_are_the_cheapest_of_different_sizes() -> None:
    rows = pd.DataFrame({"N": [1.0, 1, 1, 2, 2, 4], "D": [1.0, 2, 3, 1, 9, 1], "run": list("abcdef")})
    assert smallest_budgets(rows, 3)["run"].tolist() == ["a", "d", "f"]
    assert smallest_budgets(rows, 5)["run"].tolist() == ["a", "d", "f", "b", "e"]


def test_a_relative_loss_has_no_nats() -> None:
    table = planted(unit=RELATIVE)
    assert table.relative and table.bytes_per_token < 4.3
    assert describe(table, "them", seed=0).E_per_byte is None
    assert stage_one(table, seed=0, draws=200).relative


def population() -> Population:
    mean = np.vstack([[-1.05, -1.0, 2.9, -0.85, -1.9], np.zeros((len(COVARIATES), 5))])
    cov = np.diag([0.1, 0.1, 0.3, 0.03, 0.2])
    return Population(mean[None], cov[None] / 2, cov[None] / 2)


def test_three_runs_and_the_others_say_more_than_three_runs() -> None:
    table = planted()
    rows = predict(table, fit_alone(table, seed=0), population(), seed=0)
    by = {(row.prior, row.runs): row for row in rows}
    assert set(by) == {(prior, count) for prior in ("atlas", "atlas x 1.5", "atlas x 2", "default") for count in (3, 5, 10)}
    assert by["atlas", 3].log_width < by["atlas x 2", 3].log_width < by["default", 3].log_width
    assert by["atlas", 3].covered["95"] and by["atlas", 3].log_width < 0.6 * by["default", 3].log_width
    assert by["atlas", 10].log_width < by["atlas", 3].log_width + 0.2
    assert by["atlas", 3].losses == 7 and table.largest_C == by["atlas", 3].C
    assert coverage([vars(row) for row in rows], "atlas", 3, "95") == (1, 1)


def test_the_target_from_none_three_and_all_runs_and_from_the_lab() -> None:
    table = planted()
    rows = at_target([(table, table.rows.assign(width=table.rows["N"]))], population(), seed=0)
    found = {(row.runs, row.taken, row.prior): row for row in rows}
    assert len(found) == 3 + 4 + 3 + 4 and {name for name, *_ in found} == {"theirs", LAB}
    for name in ("theirs", LAB):
        assert found[name, THREE, "atlas"].decades < found[name, THREE, "atlas x 2"].decades < found[name, THREE, "default"].decades
    assert found["theirs", ALL, "atlas"].decades < found["theirs", THREE, "atlas"].decades < found["theirs", NONE, "atlas"].decades
    assert [found["theirs", taken, "atlas"].count for taken in (NONE, THREE, ALL)] == [0, 3, len(table.rows)]
    truth = float(BESIROGLU.D_opt_at(TARGET_N))
    for taken in (NONE, THREE, ALL):
        low, high = found["theirs", taken, "atlas"].tokens["ci95"]
        assert low < truth < high


def test_without_a_run_the_population_answers() -> None:
    table = planted()
    none = target._unseen(table, "atlas", Informed(population(), table.c), seed=0)
    x = population().new_study(table.c, np.random.default_rng(1), 4000)
    alpha, beta = np.exp(x[:, 0]), np.exp(x[:, 1])
    a = beta / (alpha + beta)
    # N_opt = N_ref (C / C_ref)^a, with D/N = R at the reference: solved for N_opt = the target
    ln_N_ref = (np.log(REFERENCE / 6) - x[:, 2]) / 2
    ln_C = np.log(REFERENCE) + (np.log(TARGET_N) - ln_N_ref) / a
    expected = np.quantile(ln_C - np.log(6 * TARGET_N), [0.025, 0.5, 0.975])
    got = np.log([none.tokens["ci95"][0], none.tokens["point"], none.tokens["ci95"][1]])
    np.testing.assert_allclose(got, expected, atol=0.12)
    assert none.khat is None and none.C is None


def test_a_new_study_is_extrapolated_by_its_own_exponents() -> None:
    draws = new_study(population(), seed=0, count=4000)
    slope = (np.log(draws["R at 1e+22"]) - np.log(draws["R at 1e+20"])) / np.log(100)
    np.testing.assert_allclose(slope, 1 - 2 * draws["a"], atol=1e-9)
    assert np.median(draws["R at 1e+20"]) == pytest.approx(np.exp(2.9), rel=0.05)


def test_the_place_of_a_study() -> None:
    x = np.tile([-1.05, -1.0, 2.9 + 3 * 0.3**0.5, -0.85, -1.9], (50, 1))
    study = StudyDraws("s", "l", np.array([1.0] + [0.0] * len(COVARIATES)), x)
    found = place(study, population(), seed=0)
    assert found["R"] > 0.99 and 0.4 < found["alpha"] < 0.6
    assert set(place(replace(study, relative=True), population(), seed=0)) == {"alpha", "beta", "R"}


def test_this_study_s_own_grid() -> None:
    table = own("own-quick", "quick1", "sotu", ROOT / "runs")
    assert len(table.rows) >= 10 and table.entry.bytes_per_token == pytest.approx(2.24, abs=0.01)
    assert not table.entry.pooled and table.c[-1] < -0.5


def test_a_changed_table_is_left_out_by_name(published: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    published("olmo-ladder")
    shutil.copytree(os.environ["STUDY_PUBLISHED"], tmp_path / "tables")
    path = next((tmp_path / "tables").glob("*/derived/ladder_final.csv"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"\n")
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path / "tables"))
    tables, left_out = gather(tmp_path)
    assert "olmo-ladder" not in tables and "restore the original" in left_out["olmo-ladder"]
    assert "cannot be converted" in left_out["llama-3-exp"] and "own-cpu" in left_out
    result = CliRunner().invoke(app, ["atlas", "tables", "--runs", str(tmp_path)])
    assert result.exit_code == 0 and "left out olmo-ladder: " in result.output


def test_a_column_that_vanished_leaves_the_table_out_by_name(published: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    from study import published as module

    published("olmo-ladder")
    table, whole = module.entries()["olmo-ladder"][0], module.read
    monkeypatch.setattr(module, "read", lambda of: whole(of).drop(columns="D") if of.name == table.name else whole(of))
    tables, left_out = gather(ROOT / "runs")
    assert "olmo-ladder" not in tables and "lacks the column 'D'" in left_out["olmo-ladder"]
    assert "chinchilla" in tables and "own-cpu" in tables


@pytest.mark.usefixtures("offline")
def test_without_tables_there_is_no_population(tmp_path: Path) -> None:
    with pytest.raises(PopulationError, match="set STUDY_PUBLISHED"):
        records.record_together(tmp_path, ROOT / "runs", lambda _: None)
    assert not list(tmp_path.iterdir())


def test_the_members(published: Load) -> None:
    published("gadre")
    chosen = members(gather(ROOT / "runs")[0])
    assert len(chosen) >= 14 and len({table.entry.laboratory for table in chosen.values()}) >= 10
    assert {"chinchilla", "own-cpu"} <= set(chosen) and not {"chinchilla-takano", "gemstones-hot"} & set(chosen)


def test_the_recorded_prior() -> None:
    prior, body = atlas_prior(), atlas_record()
    tables = body["provenance"]["tables"]
    assert len(tables) >= 14 and len({table["laboratory"] for table in tables.values()}) >= 9
    assert len(prior) == records.RECORDED and (np.linalg.eigvalsh(prior.spread) > 0).all()
    ratio = new_study(prior, seed=0)["R at 1e+20"]
    assert np.quantile(ratio, 0.1) > 2 and np.quantile(ratio, 0.9) < 60


def test_the_target_is_recorded_from_the_recorded_population(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {"own-cpu": own("own-cpu", "cpu", "python-source", ROOT / "runs")}
    asked: dict[str, int] = {}

    def stages(*_: object) -> object:
        raise PopulationError("the population is fitted again")

    def answer(given: list[tuple[AtlasTable, pd.DataFrame]], others: Population, *, seed: int) -> list[object]:
        asked.update({table.name: len(rows) for table, rows in given}, draws=len(others), seed=seed)
        return []

    for name, stand_in in (("gather", lambda _: (tables, {})), ("members", lambda found: found), ("first_stages", stages),
                           ("at_target", answer)):
        monkeypatch.setattr(records, name, stand_in)
    body = {"provenance": records._plain(records._provenance(tables, ROOT / "runs")), **as_json(population())}
    (tmp_path / "others.json").write_text(json.dumps(body))
    records.record_target(tmp_path, ROOT / "runs", lambda _: None)
    assert asked == {"own-cpu": len(tables["own-cpu"].rows), "own-cpu3": 74, "draws": 1, "seed": records.SEED}
    assert set(json.loads((tmp_path / "target.json").read_text())["runs"]) == {"own-cpu", "own-cpu3"}
    (tmp_path / "others.json").write_text(json.dumps({**body, "provenance": {"tables": {}}}))
    with pytest.raises(PopulationError, match="fitted again"):
        records.record_target(tmp_path, ROOT / "runs", lambda _: None)


def test_the_recorded_answers_at_the_target_are_of_the_recorded_runs() -> None:
    folder = ROOT / "runs" / "published" / "atlas"
    body, others = (json.loads((folder / f"{name}.json").read_text()) for name in ("target", "others"))
    assert body["provenance"] == others["provenance"] == json.loads((folder / "leave-out.json").read_text())["provenance"]
    counts = {(row["runs"], row["taken"]): row["count"] for row in body["rows"]}
    assert counts["own-cpu3", ALL] == len(own("own-cpu3", "cpu3", "python-dedup", ROOT / "runs").rows)
    used = [row for row in body["rows"] if row["taken"] != NONE and row["prior"] in ("default", "atlas", "atlas x 1.5")]
    assert all(row["khat"] <= KHAT for row in used)
