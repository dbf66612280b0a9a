"""The grids of one factor, recorded with planted losses: every verdict that waits for them is decided, and decided right."""

from dataclasses import replace
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest

from study.analysis.runs import load as load_runs
from study.articles.kaplan import batch, blog, data, overfitting, shape, steps, verdicts
from study.config import RunConfig
from study.counts import config_counts
from study.grids import grid
from study.record import CurvePoint, run_directory, write_record
from tests.makers import record

ROOT = Path(__file__).resolve().parents[2]
ALPHA_B, B_0, ALPHA_S, S_c = 0.21, 1500.0, 0.6, 120.0
POINTS = 24


def size_term(config: RunConfig) -> float:
    return 0.6 * (config_counts(config).multiplying / 1e5) ** -0.3


def seen(config: RunConfig) -> int:
    return min(config.unique_tokens, config.tokens) or config.tokens


def curve(config: RunConfig, loss: np.ndarray, step: np.ndarray) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(int(s), int(s * config.batch_tokens), 1e6 * s, 0.01, float(y), float(y), 0.5, 0.01, 30.0)
                 for s, y in zip(step, loss, strict=True))


def falling(config: RunConfig, final: float) -> tuple[CurvePoint, ...]:
    step = np.unique(np.geomspace(2, config.steps, POINTS).round())
    return curve(config, final + 2.0 * ((step / config.steps) ** -0.3 - 1), step)


def one_factor_loss(config: RunConfig) -> float:
    """Size, unique text and text seen each bind: what is fixed leaves a plateau in the others."""
    return 1.3 + size_term(config) + 0.25 * (seen(config) / 1e6) ** -0.4 + 0.5 * (config.tokens / 1e6) ** -0.35


def shape_loss(config: RunConfig) -> float:
    return 2.5 * (1 + 0.004 * np.log(config.width / config.layers / 25) ** 2 + 0.002 * (config.heads - 2) ** 2 / 4)


def in_steps(config: RunConfig) -> tuple[CurvePoint, ...]:
    """L(N, S_min) at a constant rate with B_crit = B_0 (L / 3)^(-1/alpha_B); rates off the best need more steps."""
    floor = 1.3 + size_term(config)
    level = floor + np.geomspace(6.0, 0.02, 4000)
    # the best of the three rates that a batch is run at is the middle one
    rates = sorted(cell.config.learning_rate for cell in grid("batches").cells
                   if (cell.config.width, cell.config.batch_tokens) == (config.width, config.batch_tokens))
    off = 1.0 + 0.4 * (len(rates) == 3 and config.learning_rate != rates[1])
    S = off * S_c * (level - floor) ** (-1 / ALPHA_S) * (1 + B_0 * (level / 3.0) ** (-1 / ALPHA_B) / config.batch_tokens)
    step = np.unique(np.geomspace(max(2.0, S[0]), config.steps, 40).round())
    return curve(config, np.interp(np.log(step), np.log(S), level), step)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> data.Kaplan:
    folder, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    for name in ("factors", "shapes", "batches"):
        for cell in grid(name).cells:
            config = cell.config
            if name == "batches":
                points = in_steps(config)
                loss = points[-1].validation_loss
            else:
                loss = (one_factor_loss if name == "factors" else shape_loss)(config) * float(np.exp(1e-3 * rng.standard_normal()))
                points = falling(config, loss)
            write_record(run_directory(folder, name, config.run_id), record(config, loss, curve=points))
    quick = data.load("quick", ROOT / "runs")
    factors, shapes = (load_runs([name], folder)[0] for name in ("factors", "shapes"))
    batches, curves = load_runs(["batches"], folder)
    return replace(quick, factors=factors, shapes=shapes, batches=batches, batch_curves=curves)


def test_every_waiting_claim_is_decided(study: data.Kaplan) -> None:
    waiting = [found.claim for found in verdicts.verdicts(study) if found.word == "not tested yet"]
    assert set(waiting) <= {"toy"}, "its record is not a grid's"


@pytest.mark.parametrize(("claim", "word"), [
    ("figure-10", "reproduced"), ("figure-11", "reproduced"), ("blog-compute", "reproduced"),
    ("blog-data", "reproduced"), ("figure-5", "reproduced"), ("hestness-exponent", "undecided")])
def test_planted_truths_decide(study: data.Kaplan, claim: str, word: str) -> None:
    assert verdicts.verdict(study, claim).word == word, verdicts.verdict(study, claim)


def test_planted_numbers_come_back(study: data.Kaplan) -> None:
    found = batch.critical(study)
    assert found is not None
    assert float(np.median(found.at(3.0))) == pytest.approx(B_0, rel=0.05)
    law = steps.fitted(study)
    assert law is not None
    assert float(np.median(law.theta["alpha_S"])) == pytest.approx(ALPHA_S, rel=0.02)
    assert float(np.median(found.alpha_B)) == pytest.approx(ALPHA_B, rel=0.02)


@pytest.mark.parametrize("draw", [overfitting.by_text, overfitting.collapse, blog.removed, blog.sizes, shape.figure, steps.figure,
                                  batch.figure, batch.steps_and_tokens])
def test_every_waiting_figure_draws(study: data.Kaplan, draw) -> None:  # type: ignore[no-untyped-def]
    figure = draw(study)
    assert isinstance(figure, matplotlib.figure.Figure)
    assert not any("not recorded" in text.get_text() for ax in figure.axes for text in ax.texts)


def test_tables_hold_numbers(study: data.Kaplan) -> None:
    for table in (blog.slopes(study), steps.table(study)):
        assert "not on this page" not in table.data  # type: ignore[attr-defined]
