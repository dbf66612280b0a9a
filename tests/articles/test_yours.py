"""The article on a user's own runs: every number of it is had from committed records, and each word follows its condition."""

import inspect
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.figure import Figure

from study.analysis.your_runs import UserRecordError, YourRuns
from study.articles.yours import doubts, fitted, following, proof, serving
from tests.conftest import ROOT

SECTIONS = (doubts, fitted, following, proof, serving)
PAGES = [ROOT / "report" / "your-runs.qmd", *sorted((ROOT / "report" / "your-runs").glob("_*.qmd"))]


@pytest.fixture(scope="module")
def runs() -> YourRuns:
    return YourRuns(ROOT / "runs")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__.rpartition(".")[2])
def test_every_function_shows_something(section: ModuleType, runs: YourRuns) -> None:
    own = [function for _, function in inspect.getmembers(section, inspect.isfunction)
           if function.__module__ == section.__name__ and not function.__name__.startswith("_")]
    assert len(own) >= 5
    for function in own:
        found = function(runs) if inspect.signature(function).parameters else function()
        if isinstance(found, Figure):
            assert found.axes
        else:
            assert str(getattr(found, "data", found)).strip(), function.__name__


def test_the_page_asks_for_all_that_there_is() -> None:
    names = {section.__name__.rpartition(".")[2]: section for section in SECTIONS}
    asked = {pair for page in PAGES for pair in re.findall(r"\b(\w+)\.(\w+)\b", page.read_text()) if pair[0] in names}
    assert len(asked) > 25 and [pair for pair in asked if pair[1] != "qmd" and not hasattr(names[pair[0]], pair[1])] == []
    assert {table["source"] for table in YourRuns(ROOT / "runs").replays.values()} >= {"the grid cpu", "the open table misfitting"}


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
                                        "to": {"1": {"median_share_of_own_order": 0.51, "quartiles_of_share": None}}}}}
    (tmp_path / "bench" / "next-run-x.json").write_text(json.dumps(replay))
    planted = YourRuns(tmp_path)
    assert (fitted.trusted(planted), doubts.forecast_word(planted), doubts.count(planted)) == ("does", "passes", "none")
    assert doubts.drift(planted) == "show no clear drift"
    assert fitted.widened(planted) == fitted.tokens(planted) and "none" in doubts.listing(planted).data
    assert proof.within_half(planted) == "none of one" and proof.starts(planted) == "7"
    assert (proof.never_held(planted), proof.worse(planted)) == ("x", "none")
    replay["rules"]["information"]["to"]["1"]["median_share_of_own_order"] = 0.49
    (tmp_path / "bench" / "next-run-x.json").write_text(json.dumps(replay))
    assert proof.within_half(YourRuns(tmp_path)) == "one of one" and "0.49" in proof.listed(YourRuns(tmp_path))
    body["trends"][1]["ci95"] = [0.1, 0.3]
    (folder / "fit.json").write_text(json.dumps(body))
    assert doubts.drift(YourRuns(tmp_path)) == "drift with ln N"
    with pytest.raises(UserRecordError, match="study next TABLE"):
        following.budget(planted)
