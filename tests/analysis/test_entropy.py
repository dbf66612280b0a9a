"""Texts of known entropy: a planted law whose E is the entropy is found, and one whose E is not is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from study.analysis import entropy, foretold
from study.analysis.study import Study
from study.articles.appendix import entropy as section
from study.articles.main import verdicts
from study.articles.shared.text import PENDING
from study.counts import config_counts
from study.grids import grid
from study.inference.observations import grid_reference
from study.inference.spec import HEADLINE
from study.laws.hoffmann import LossSurface
from study.record import write_record
from study.table import table
from tests.given import given
from tests.makers import record

H = 2.8
LAW = LossSurface(E=H, A=40.0, B=300.0, alpha=0.42, beta=0.42)


def recorded(folder: Path, *, law: LossSurface = LAW, largest: float = 1e14) -> Path:
    """Runs of `markov-2` by a planted law with noise of 0.1 %, and the corpus's summary."""
    rng = np.random.default_rng(3)
    for cell in grid("markov-2").of("fit"):
        loss = float(law.loss(config_counts(cell.config).multiplying, cell.config.tokens) * np.exp(1e-3 * rng.standard_normal()))
        if cell.budget <= largest:
            write_record(folder / "markov-2" / cell.config.run_id, record(cell.config, loss))
    (folder / "corpora").mkdir(parents=True)
    (folder / "corpora" / "markov-2.json").write_text(json.dumps({"markov": {"entropy": H, "contexts": 290_000}}))
    return folder


def study(quick: Study, folder: Path) -> Study:
    return given(quick, {}, folders=(folder,))


def test_a_floor_that_is_the_entropy_is_found(quick: Study, tmp_path: Path) -> None:
    planted = study(quick, recorded(tmp_path))
    ((source, floors),) = entropy.floors(planted)
    assert source.entropy == H and len(source.rows) == source.planned == 25 and source.scores.empty
    found = {(floor.form, floor.largest): floor for floor in floors}
    last = found["hoffmann", 3e13]
    assert last.low < H < last.high and last.high - last.low < 0.5
    assert found["hoffmann", 3e12].high - found["hoffmann", 3e12].low > last.high - last.low
    assert abs(found["huber", 3e13].E / H - 1) < 0.1 and np.isnan(found["huber", 3e13].low)
    assert found["nesting", 3e13].runs == 25
    assert verdicts.lab_entropy(planted).word == "reproduced"
    assert section.held(planted) == "one of one" and section.inside(planted) == PENDING
    assert section.recorded(planted) == "`markov-2` (25 of 25)"
    assert section.contexts(planted) == "290\N{NO-BREAK SPACE}k (`markov-2`)" and section.largest(planted).endswith("M")
    assert section.held_nesting(planted) == "one of one" and section.misfit(planted) == PENDING  # no cell is shared
    assert section.off(planted).endswith("on `markov-2`") and section.worth(planted).endswith("on `markov-2`")
    rows = str(section.table(planted).data).splitlines()
    assert len(rows) == 2 + len(floors) and sum("| yes" in row for row in rows) >= 3
    (axes,) = section.by_range(planted).axes
    assert axes.get_lines()[-1].get_ydata()[0] == H
    few, all_rows = (source.fitted("hoffmann", up_to=largest) for largest in (3e12, 3e13))
    for fit in (few, all_rows):  # tA is the term at N0: one reference, so one prior
        N0 = (fit.draws.A / fit.parameters.tA) ** (1 / fit.parameters.alpha)
        assert np.allclose(N0, grid_reference(grid("markov-2"), HEADLINE)[0])
    worth = entropy.worth(source)
    assert worth is not None
    assert worth.given.ci95[1] / worth.given.ci95[0] < worth.free.ci95[1] / worth.free.ci95[0]  # a given E leaves less open


def test_another_floor_is_not_taken_for_the_entropy(quick: Study, tmp_path: Path) -> None:
    lower = LossSurface(E=1.9, A=LAW.A, B=LAW.B, alpha=LAW.alpha, beta=LAW.beta)
    planted = study(quick, recorded(tmp_path, law=lower))
    ((source, floor),) = entropy.last(planted)
    assert floor.high < source.entropy == H
    assert verdicts.lab_entropy(planted).word == "contradicted"


def test_the_misfit_of_the_same_cells_on_both_texts(quick: Study, tmp_path: Path) -> None:
    rng, own = np.random.default_rng(5), grid("cpu3")
    records = {}
    for cell in own.of("fit"):
        bent = LAW.loss(config_counts(cell.config).multiplying, cell.config.tokens) * (1 + 0.05 * rng.standard_normal())
        records[cell.config.run_id] = record(cell.config, float(bent))
    planted = given(quick, {}, grid=own, frame=table(own, records), folders=(recorded(tmp_path),))
    (found,) = entropy.beside(planted)
    assert (found.source, found.cells) == ("markov-2", 25)
    assert found.misfit[0] < 0.3 and 2.0 < found.misfit[1] < 8.0
    assert section.misfit(planted).endswith("(`markov-2`, 25 cells)") and section.lead(planted).endswith("(`markov-2`)")
    ((_, plain),), ((_, nesting),) = (entropy.last(planted, form) for form in entropy.FORMS)
    nearer = abs(nesting.E - H) < abs(plain.E - H)
    assert entropy.truer(planted) == [(found.lead[0] > 0) == nearer]
    assert section.truer(planted) == ("one" if entropy.truer(planted)[0] else "none") + " of one"


@pytest.mark.parametrize(("off", "runs", "inside", "whose"), [
    (0.0, 3, "three of three", "the text's more than the method's"), (0.02, 3, "none of three", "no less the method's"),
    (0.0, 2, "two of two", "an open question")])
def test_predicted_runs_tell_the_text_s_errors_from_the_method_s(
        off: float, runs: int, inside: str, whose: str, quick: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tmp_path)
    held_out = grid("markov-2").of("held-out")
    predicted = {cell.config.run_id: {"hoffmann": {"median": 3.0, "50": [2.99, 3.01], "80": [2.98, 3.02], "95": [2.97, 3.03]}}
                 for cell in held_out}
    for cell in held_out[:runs]:
        write_record(tmp_path / "markov-2" / cell.config.run_id, record(cell.config, 3.0 * np.exp(off)))
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "markov-2.json").write_text(json.dumps({"runs": predicted}))
    monkeypatch.setattr(foretold, "rows", lambda _: [None] * 4)
    monkeypatch.setattr(foretold, "coverage", lambda _: {0.5: 2})
    planted = study(quick, tmp_path)
    assert section.inside_half(planted) == section.inside(planted) == inside and section.whose(planted) == whose
    assert (section.texts(planted), section.orders(planted)) == ("a text", "two")
    monkeypatch.setattr(section, "_tested", lambda _: ["markov-2", "markov-3"])
    assert (section.texts(planted), section.orders(planted)) == ("texts", "two and three")


@pytest.mark.parametrize("largest", [0.0, 1e12])
def test_texts_without_enough_budgets_are_left_out(largest: float, quick: Study, tmp_path: Path) -> None:
    planted = study(quick, recorded(tmp_path, largest=largest))
    assert entropy.sources(planted) == [] and section.recorded(planted) == "none"
    assert section.held(planted) == section.off(planted) == section.worth(planted) == section.inside(planted) == PENDING
    assert verdicts.lab_entropy(planted).word == "not tested yet"
