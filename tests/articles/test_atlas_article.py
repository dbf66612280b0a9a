"""The atlas's article: every number of it is had from the committed records, and its claims are those that are its to answer."""

import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from study.articles.atlas import alone, corrections, leave_out, notices, question, shown, three, together, verdicts
from study.articles.claims import claims_of
from study.articles.shared.words import number_word
from study.atlas.read import Atlas
from study.inference.pooled.two_stage import MODEL
from tests.articles.readable import values
from tests.conftest import ROOT

NUMBERS = ["none", *(number_word(count) for count in range(1, 40))]
SECTIONS = (alone, corrections, leave_out, question, three, together, verdicts)
PAGES = [ROOT / "report" / "atlas.qmd", *sorted((ROOT / "report" / "atlas").glob("_*.qmd"))]


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return Atlas(ROOT / "runs" / "published" / "atlas")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__.rpartition(".")[2])
def test_every_function_shows_something(section: ModuleType, atlas: Atlas) -> None:
    assert len(values(section, atlas)) >= 2


def test_the_claims_are_the_atlas_s(atlas: Atlas) -> None:
    assert [row.claim for row in verdicts.verdicts(atlas)] == [claim.key for claim in claims_of("atlas")]


def test_what_is_not_finished_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], atlas: Atlas) -> None:
    shutil.copytree(atlas.folder, tmp_path / "atlas")
    planted = Atlas(tmp_path / "atlas")
    current = {"provenance": {**atlas.population["provenance"], "model": MODEL}}
    seen = {"rhat": 1.02, "ess_bulk": 900.0, "ess_tail": 900.0, "divergences": 0}
    (tmp_path / "atlas" / "population.json").write_text(json.dumps({**atlas.population, **current, "diagnostics": seen}))
    (tmp_path / "atlas" / "leave-out.json").write_text(json.dumps({**atlas.left_out, **current, "new_study_without": {}}))
    for name in ("joint", "sbc"):
        (tmp_path / "atlas" / f"{name}.json").unlink(missing_ok=True)
    said = notices.lacking(planted)
    assert len(said) == 4 and "1.020" in said[0] and said[1].startswith("0 of ") and "atlas calibrate" in said[3]
    notices.unfinished(planted)
    assert "callout-warning" in capsys.readouterr().out


def test_a_part_of_an_earlier_model_is_said(tmp_path: Path, atlas: Atlas) -> None:
    shutil.copytree(atlas.folder, tmp_path / "atlas")
    for name, body, model in (("leave-out", atlas.left_out, "another"), ("population", atlas.population, MODEL)):
        planted = {**body, "provenance": {**body["provenance"], "model": model}}
        (tmp_path / "atlas" / f"{name}.json").write_text(json.dumps(planted))
    said = notices.lacking(Atlas(tmp_path / "atlas"))
    assert any(line.startswith("leave-out.json is of an earlier model") for line in said)
    assert not any(line.startswith("population.json is of an earlier model") for line in said)


def test_what_was_left_out_stands_on_the_page_by_name(tmp_path: Path, atlas: Atlas) -> None:
    shutil.copytree(atlas.folder, tmp_path / "atlas")
    planted = {"olmo-ladder": "the table 'olmo-ladder' lacks the column 'D'", "theirs": "the entry 'theirs' is left out: no unit"}
    (tmp_path / "atlas" / "population.json").write_text(json.dumps({**atlas.population, "left_out": planted}))
    page = alone.left_out(Atlas(tmp_path / "atlas")).data
    assert "olmo-ladder" in page and "lacks the column" in page and "theirs" in page and "no unit" in page
    assert alone.left_out_count(Atlas(tmp_path / "atlas")) == "2"


@pytest.mark.parametrize(("ends", "word", "does"), [
    ([3.1, 62.0], "holds", "neither support nor exclude"), ([12.0, 18.0], "does not hold", "support"),
    ([3.0, 9.0], "does not hold", "exclude")])
def test_words_on_twenty_follow_the_interval(ends: list[float], word: str, does: str, tmp_path: Path, atlas: Atlas) -> None:
    ratio = {"total parameters": {"R at 1e+21": {"point": 14.0, "ci95": ends}}}
    (tmp_path / "population.json").write_text(json.dumps({**atlas.population, "new_study": ratio}))
    planted = Atlas(tmp_path)
    assert (question.holds_rule(planted), question.support(planted)) == (word, does)


@pytest.mark.parametrize(("total", "words"), [(6.0, "lower one"), (9.0, "higher one, so the contrast is not of the counts alone")])
def test_a_count_of_more_parameters_lowers_the_ratio_of_one_model(total: float, words: str, tmp_path: Path, atlas: Atlas) -> None:
    ratio = {"total parameters": {"R at 1e+21": {"point": total}}, "base": {"R at 1e+21": {"point": 8.0}}}
    (tmp_path / "population.json").write_text(json.dumps({**atlas.population, "new_study": ratio}))
    assert together.by_total(Atlas(tmp_path)) == words


def test_a_table_that_excludes_the_rule_may_fail_its_forecast(tmp_path: Path, atlas: Atlas) -> None:
    shutil.copytree(atlas.folder, tmp_path / "atlas")
    name = next(iter(atlas.pooled))
    shown_as = {}
    for inside in (0, 3):
        row = {**atlas.alone[name], "forecast": {"inside": {"95": inside}, "predicted": 3, "mean_error": 0.0}}
        row["ratio_own"] = {**row["ratio_own"], "ci95": [1.0, 2.0]}
        (tmp_path / "atlas" / f"{name}.json").write_text(json.dumps(row))
        planted = Atlas(tmp_path / "atlas")
        shown_as[inside] = tuple(NUMBERS.index(found(planted)) for found in (question.excluding_failing, alone.forecasts_small))
    assert shown_as[0] == (shown_as[3][0] + 1, shown_as[3][1] - 1)


def test_words_on_the_corrections_follow_the_records(tmp_path: Path, atlas: Atlas) -> None:
    exponents = {"kaplan": 0.835, "head": 0.706, "warmup": 0.602, "decay": 0.571, "tuned": 0.497}
    for inside, word in ((21, "does not explain"), (3, "may explain")):
        for step, exponent in exponents.items():
            name = f"porian-refinedweb-{step}"
            row = {**atlas.alone[name], "parabolas": exponent + (0.05 if step == "head" else -0.01),
                   "known": {"a": {"stated": exponent, "inside": step in ("kaplan", "warmup")}},
                   "forecast": {"inside": {"95": inside if step == "tuned" else 3}, "predicted": 21, "mean_error": -4.0}}
            (tmp_path / f"{name}.json").write_text(json.dumps(row))
        planted = Atlas(tmp_path)
        assert corrections.near_steps(planted) == "kaplan, warmup, decay and tuned"
        assert corrections.far_steps(planted) == "head (+0.05)" and corrections.outside_steps(planted) == "head, decay and tuned"
        assert corrections.explained(planted) == word


def test_intervals_as_text() -> None:
    summary = {"point": 20.0, "ci95": [5.0, 81.0], "ci50": [12.0, 30.0]}
    assert shown.both(summary).replace("\u00a0", " ") == "20 [5.0, 81]"
