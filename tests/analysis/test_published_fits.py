"""Fits of published tables: recorded and read back, and the fallback says that it is one."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from study.analysis import published_fits, repeated
from study.analysis.published_fits import Forecast, PublishedFit, PublishedStudy, huber, published_study
from study.analysis.study import Study
from study.articles.appendix import chinchilla
from study.commands import published as command
from tests.given import given

ROOT = Path(__file__).resolve().parents[2]


def study(recorded: bool = False) -> PublishedStudy:
    def fit(method: str, data: str, ratio: float, span: tuple[float, float] | None = None) -> PublishedFit:
        return PublishedFit(method, data, 240, 1.82, 480.0, 2090.0, 0.348, 0.366, 0.51, ratio, 2e10, ratio_interval=span)

    fits = (fit("Huber, 4,500 starts", "240 points", 18.0), fit("Huber, bootstrap by row", "240 points", 18.0, (7.5, 36.0)),
            fit("Huber, 4,500 starts", "all 245 points", 6.8))
    return PublishedStudy(fits, recorded, "", "abc", Forecast(180, 60, 3e20, {"50": 1, "80": 2, "95": 3}))


@pytest.fixture
def no_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path / "empty"))


def elsewhere(quick: Study, *folders: Path) -> Study:
    return given(quick, {}, folders=folders)


def test_what_was_recorded_is_read_back_and_marked(quick: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(published_fits, "fit_chinchilla", study)
    law = repeated.recorded(ROOT / "runs")
    assert law is not None
    monkeypatch.setattr(repeated, "fit_published", lambda: law)
    command.command(tmp_path)
    assert repeated.recorded(tmp_path) == law
    monkeypatch.undo()
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path / "empty"))
    found = published_study(elsewhere(quick, tmp_path))
    assert found is not None and found.recorded and "STUDY_PUBLISHED" in found.reason
    assert (found.fits, found.forecast) == (study().fits, study().forecast)


@pytest.mark.usefixtures("no_table")
def test_without_table_or_record_there_is_nothing(quick: Study, tmp_path: Path) -> None:
    assert published_study(elsewhere(quick, tmp_path)) is None


@pytest.mark.usefixtures("no_table")
def test_the_committed_record_holds_the_known_refit(quick: Study, tmp_path: Path) -> None:
    found = published_study(elsewhere(quick, tmp_path, ROOT / "runs"))
    assert found is not None
    kept, every = huber(found)
    assert pytest.approx((477.8, 2143.0, 1.8172), rel=1e-3) == (kept.A, kept.B, kept.E)
    assert (kept.alpha, kept.beta, kept.ratio) == pytest.approx((0.3473, 0.3672, 17.9), rel=2e-3)
    assert kept.objective == pytest.approx(0.00101827, rel=1e-4)
    assert (every.A, every.B, every.ratio) == pytest.approx((496, 12_846, 6.8), rel=5e-3)


@pytest.mark.usefixtures("offline")
def test_the_record_stands_in_where_no_host_answers_and_each_is_asked_once(quick: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    head, asked = requests.head, []

    def counted(url: str, **options: Any) -> requests.Response:
        asked.append(url)
        return head(url, **options)

    monkeypatch.setattr(requests, "head", counted)
    found = published_study(elsewhere(quick, ROOT / "runs"))
    assert published_study(elsewhere(quick, ROOT / "runs")) == found
    assert asked == ["https://raw.githubusercontent.com"]
    assert found is not None and found.recorded and "raw.githubusercontent.com cannot be reached" in found.reason


def test_the_page_marks_a_recorded_summary(quick: Study, capsys: pytest.CaptureFixture[str]) -> None:
    chinchilla.source(given(quick, {published_study: study(recorded=True)}))
    assert "recorded earlier, not made for this page" in capsys.readouterr().out
    nothing = given(quick, {published_study: None})
    chinchilla.source(nothing)
    assert chinchilla.MISSING in capsys.readouterr().out
    assert chinchilla.MISSING in chinchilla.table(nothing).data
    assert chinchilla.recovers(nothing) == "cannot be compared with" and chinchilla.huber_moves(nothing) == "— to —"


def test_words_follow_the_fits(quick: Study) -> None:
    here = given(quick, {published_study: study()})
    assert chinchilla.forecast_verdict(here) == "fewer than promised" and chinchilla.huber_moves(here) == "18.0 to 6.80"


def test_the_committed_record_names_the_table_it_is_of() -> None:
    from study.published import published_table

    body = json.loads((ROOT / "runs" / "published" / "chinchilla.json").read_text())
    assert body["table_sha256"] == published_table("chinchilla").folder.sha256
