"""The article on a user's own runs: every number of it is had from committed records, and each word follows its condition."""

import json
from pathlib import Path
from types import ModuleType

import pytest

from study.analysis.your_runs import UserRecordError, YourRuns
from study.articles.yours import doubts, fitted, following, proof, serving
from tests.articles.readable import values
from tests.conftest import ROOT

SECTIONS = (doubts, fitted, following, proof, serving)
PAGES = [ROOT / "report" / "your-runs.qmd", *sorted((ROOT / "report" / "your-runs").glob("_*.qmd"))]


@pytest.fixture(scope="module")
def runs() -> YourRuns:
    return YourRuns(ROOT / "runs")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__.rpartition(".")[2])
def test_every_function_shows_something(section: ModuleType, runs: YourRuns) -> None:
    assert len(values(section, runs)) >= 5


def test_a_grid_and_an_open_table_are_replayed(runs: YourRuns) -> None:
    assert {table["source"] for table in runs.replays.values()} >= {"the grid cpu", "the open table misfitting"}


def test_words_follow_their_conditions(tmp_path: Path, runs: YourRuns) -> None:
    folder = tmp_path / "published" / "your-runs"
    folder.mkdir(parents=True)
    (tmp_path / "bench").mkdir()
    body = json.loads(json.dumps(runs.fit))
    body["trusted"], body["forecast"]["passed"], body["doubts"] = True, True, []
    body["answers"]["at_N"]["D_opt_widened"] = None
    body["trends"] = [{"axis": "C", "slope": 0.0, "ci95": [-0.1, 0.1]}, {"axis": "N", "slope": 0.2, "ci95": [-0.1, 0.5]}]
    (folder / "fit.json").write_text(json.dumps(body))
    replay = {"source": "x", "rows": 9, "known_law": {"1.1": 0.4},
              "rules": {"information": {"starts": 7, "held_at_width": 0.0,
                                        "to": {"1": {"median_share_of_own_order": 0.51, "quartiles_of_share": None},
                                               "1.1": {"median_share_of_own_order": 0.3}}}}}
    (tmp_path / "bench" / "next-run-x.json").write_text(json.dumps(replay))
    planted = YourRuns(tmp_path)
    assert (fitted.trusted(planted), doubts.forecast_word(planted), doubts.count(planted)) == ("does", "passes", "none")
    assert doubts.drift(planted) == "show no clear drift"
    assert fitted.widened(planted) == fitted.tokens(planted) and "none" in doubts.listing(planted).data
    assert proof.within_half(planted) == "none of one" and proof.starts(planted) == "7"
    assert (proof.never_held(planted), proof.worse(planted), proof.beyond_known(planted)) == ("x", "none", "1 of 1")
    replay["rules"]["information"]["to"]["1"]["median_share_of_own_order"] = 0.49
    (tmp_path / "bench" / "next-run-x.json").write_text(json.dumps(replay))
    assert proof.within_half(YourRuns(tmp_path)) == "one of one" and "0.49" in proof.listed(YourRuns(tmp_path))
    body["trends"][1]["ci95"] = [0.1, 0.3]
    (folder / "fit.json").write_text(json.dumps(body))
    assert doubts.drift(YourRuns(tmp_path)) == "drift with ln N"
    with pytest.raises(UserRecordError, match="study next TABLE"):
        following.budget(planted)
