"""The article on limited data: every claim has a verdict that follows planted runs, or says which grid it waits for."""

import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from study.analysis import go
from study.articles.claims import claims_of
from study.articles.limited import (
    accuracy,
    best,
    data,
    frontier,
    labels,
    memorised,
    more,
    overfitting,
    question,
    repeated,
    verdicts,
)
from study.config import Config
from study.counts import config_counts
from study.grids import grid
from study.predictions import MIXTURE
from tests import planted_go
from tests.articles.readable import values
from tests.conftest import ROOT

SECTIONS = (accuracy, best, frontier, labels, memorised, more, overfitting, question, repeated, verdicts)
PAGES = [ROOT / "report" / "data-limited.qmd", *sorted((ROOT / "report" / "data-limited").glob("_*.qmd"))]
LAWS = ("repeated data", "early-stopped L(N, D)")
TEXT_RISE = 0.02


def predicted(off: float = 0.0) -> dict[str, Any]:
    """A prediction of the doubled runs, within one percent of the planted law, or so far off."""
    def around(config: Config) -> dict[str, Any]:
        middle = (1 + off) * planted_go.best_loss(config)
        return {"median": middle, **{level: [middle * (1 - w), middle * (1 + w)]
                                     for level, w in (("50", 0.003), ("80", 0.007), ("95", 0.01))}}

    configs = [cell.config for cell in grid("go").of("held-out")]
    runs = {config.run_id: {"N": config_counts(config).multiplying, "D": config.tokens, "budget": None,
                            **{model: around(config) for model in (*LAWS, MIXTURE)}} for config in configs}
    return {"grid": "go", "made": "2026-01-01T00:00:00+00:00", "response": "best_loss", "models": {law: {} for law in LAWS},
            "runs": runs}


def planted(folder: Path, *, text: bool, **shape: Callable[[Config], float]) -> data.Limited:
    planted_go.write(grid("go"), folder, **shape)
    if text:
        for name in data.TEXTS:
            planted_go.write(grid(name), folder, rise=lambda _: TEXT_RISE)
    return replace(data.load(folder), prediction=predicted())


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> data.Limited:
    return data.load(tmp_path_factory.mktemp("nothing"))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> data.Limited:
    """Runs that follow the law of repeated data, and overfit the more the larger they are."""
    return planted(tmp_path_factory.mktemp("runs"), text=True)


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> data.Limited:
    """What the document says of its best losses, and the reverse of what it says of overfitting."""
    return planted(tmp_path_factory.mktemp("flat"), text=False,
                   best=lambda config: 2.46 + 0.0015 * math.log(config_counts(config).multiplying / 9e3),
                   rise=lambda config: 0.05 + 0.2 / math.log(config_counts(config).multiplying))


@pytest.mark.parametrize("given", ["empty", "study"])
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__.rpartition(".")[2])
def test_every_function_shows_something(section: ModuleType, given: str, request: pytest.FixtureRequest) -> None:
    records = request.getfixturevalue(given)
    found = values(section, records)
    assert len(found) >= 2
    for name, value in found.items():
        if isinstance(value, Figure):
            notes = [text.get_text() for ax in value.axes for text in ax.texts]
            assert any("not recorded" in note for note in notes) <= (given == "empty"), name
        elif isinstance(said := getattr(value, "data", value), str):
            assert ("not on this page" in said) <= (given == "empty"), name


def test_the_claims_are_the_document_s_and_each_waits_for_a_grid(empty: data.Limited) -> None:
    found = verdicts.verdicts(empty)
    assert [row.claim for row in found] == [claim.key for claim in claims_of("limited")] == list(verdicts.VERDICTS)
    assert all(row.word == "not tested yet" and row.runs == "`go`" and row.claimed for row in found)
    assert verdicts.tested(empty) == "none" and verdicts.total() == "eight"


@pytest.mark.parametrize(("claim", "grows", "same"), [
    ("go-best", "contradicted", "reproduced"), ("go-overfitting", "reproduced", "contradicted"),
    ("go-earlier", "reproduced", "reproduced"),
    ("go-frontier", "contradicted", "undecided"), ("go-accuracy", "reproduced", "reproduced"),
    ("go-floor", "contradicted", "reproduced"), ("go-more", "reproduced", "contradicted"),
    ("go-tables", "reproduced", "reproduced")])
def test_verdicts_follow_planted_runs(claim: str, grows: str, same: str, study: data.Limited, flat: data.Limited) -> None:
    for records, word in ((study, grows), (flat, same)):
        found = verdicts.VERDICTS[claim](records)
        assert found.word == word and math.isfinite(found.number), found


def test_larger_models_at_their_best_later_contradict(study: data.Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    step = data.means(study, "best_step", "overfitting")
    assert step is not None
    monkeypatch.setattr(overfitting, "means", lambda *_: replace(step, draws=step.draws[:, ::-1]))
    assert overfitting.earlier(study).word == "contradicted"


def test_a_gap_is_never_negative(study: data.Limited) -> None:
    rng = np.random.default_rng(1)
    noisy = study.runs.assign(gap=np.abs(0.1 * rng.standard_normal(len(study.runs))))
    found = go.means(noisy, "gap")
    loose = go.means(noisy.rename(columns={"gap": "other"}), "other")
    assert found is not None and loose is not None
    assert found.draws.min() >= 0 > loose.draws.min() and np.all(np.median(found.draws, axis=0) > 0)
    none = go.means(noisy.assign(gap=0.0), "gap")
    assert none is not None and np.ptp(none.draws) < 1e-9


def test_the_noise_between_seeds_is_part_of_a_gain(study: data.Limited) -> None:
    plain = accuracy.found(study, accuracy.VALUE)
    small = list(study.sizes.query("N == N.min()")["run_id"])
    metric, off = f"validation_{accuracy.VALUE}", (0.0, 0.0, 0.3)
    moved = {run_id: replace(study.records[run_id], metrics={**study.records[run_id].metrics, metric: replace(
        study.records[run_id].metrics[metric], value=study.records[run_id].metrics[metric].value - by)})
        for run_id, by in zip(small, off, strict=True)}
    wide = go.accuracy({**study.records, **moved}, study.runs, accuracy.VALUE)
    assert plain is not None and wide is not None and wide.gain.std() > 5 * plain.gain.std()


def test_the_smallest_at_every_budget_is_reproduced(flat: data.Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal sizes are undecided: the noise between seeds makes another one the best now and then."""
    reached = frontier.found(flat)
    assert reached is not None and 0.5 < float(np.mean(reached.won == 1)) < 0.975
    monkeypatch.setattr(frontier, "found", lambda _: replace(reached, won=np.ones(100)))
    assert frontier.verdict(flat).word == "reproduced"


def test_no_accuracy_of_the_winner_is_no_gain(flat: data.Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = accuracy.found(flat, accuracy.POLICY)
    monkeypatch.setattr(accuracy, "found", lambda *_: policy)
    assert accuracy.verdict(flat).word == "undecided"  # both gains are about nought


def test_runs_that_never_learn_the_winner_are_counted(study: data.Limited, empty: data.Limited) -> None:
    smallest = study.runs.sort_values("N").iloc[0]["run_id"]
    metrics = study.records[smallest].metrics
    guess = {**metrics, "validation_value_loss": replace(metrics["validation_value_loss"], value=math.log(2))}
    known = {run_id: replace(record, metrics={**record.metrics, "validation_value_loss": replace(
        record.metrics["validation_value_loss"], value=0.4)}) for run_id, record in study.records.items()}
    told = best.never_learned(replace(study, records={**known, smallest: replace(study.records[smallest], metrics=guess)}))
    assert told == "one of twelve"  # seeds, amounts, epochs, symmetries, often, doubled
    assert best.never_learned(replace(study, records=known)).startswith("none of") and best.never_learned(empty) == "—"


def test_planted_numbers_come_back(study: data.Limited) -> None:
    found = data.means(study, "gap")
    assert found is not None
    assert found.mean == pytest.approx([planted_go.gap(cell.config) for cell in grid("go").cells[:4]], abs=0.01)
    often = data.means(study, "gap", "overfitting")
    assert often is not None and often.mean == pytest.approx([planted_go.gap(cell.config) for cell in grid("go").cells
                                                              if cell.arm == "overfitting" and cell.config.seed == 0], abs=0.02)
    law = data.law(study)
    assert law is not None and len(law.rows) == 28
    low, high = (float(x) for x in law.posterior.mean({"N": 3e5, "D": 262_144, "unique": 65_536})[:, 0][:2])
    truth = float(planted_go.LAW.loss(3e5, 262_144, 65_536))
    assert low == pytest.approx(truth, rel=0.02) and high == pytest.approx(truth, rel=0.02)
    assert repeated.same_law(study) == "cannot be told apart"
    assert repeated.tokens_of_windows(study) .startswith("3")  # of text, read as windows of all of it and as its first tokens


@pytest.mark.parametrize(("half_life", "place"), [(0.5, "below"), (10.0, "inside"), (1.3, "mostly below"), (1.5, "partly outside"),
                                                 (500.0, "above")])
def test_a_half_life_is_placed_beside_its_prior(half_life: float, place: str, study: data.Limited,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    draws = half_life * np.exp(0.1 * np.random.default_rng(0).standard_normal(1000))
    monkeypatch.setattr(repeated, "law_of_text", lambda _: SimpleNamespace(theta={"R_D": draws}))
    assert repeated.beside_the_prior(study) == place


def test_the_prediction_is_scored(study: data.Limited, empty: data.Limited) -> None:
    assert more.hits(study) == "four of four"
    assert more.prediction(study).data.count("| yes") == 4
    off = replace(study, prediction=predicted(0.05))
    assert more.hits(off) == "none of four" and more.prediction(off).data.count("| no") == 4
    assert more.when(empty) == "is not made yet" and "none is recorded" in more.hits(empty)


def test_what_is_missing_is_said(study: data.Limited, empty: data.Limited, capsys: pytest.CaptureFixture[str]) -> None:
    question.missing(empty)
    said = capsys.readouterr().out
    for grid_missing in ("48 of 48 runs of `go`", "64 of 64 runs of `factors`", "28 of 28 runs of `epochs`", "the prediction"):
        assert grid_missing in said
    question.missing(study)
    assert "runs of" not in capsys.readouterr().out


def test_the_page_needs_no_torch() -> None:
    imports = "\n".join(line for line in re.findall(r"```\{python\}\n(.*?)```", PAGES[0].read_text(), re.S)[0].splitlines()
                        if line.startswith(("from", "import")))
    code = f"import sys\n{imports}\nquestion.missing(load())\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
def test_the_pdf_has_at_most_fourteen_pages(tmp_path: Path) -> None:
    from pypdf import PdfReader

    from study.render.project import render

    planted_go.write(grid("go"), tmp_path / "runs")
    for name in data.TEXTS:
        planted_go.write(grid(name), tmp_path / "runs", rise=lambda _: TEXT_RISE)
    (page,) = render(ROOT, ("pdf",), tmp_path / "_site", {"STUDY_RUNS": str(tmp_path / "runs")}, articles=("data-limited",))
    assert len(PdfReader(page).pages) <= 14
