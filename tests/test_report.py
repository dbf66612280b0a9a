"""The report: no number typed by hand, no cell that computes, every part of it runs on whatever is recorded."""

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.figures.analysis import Analysis, AnalysisError, load
from study.figures.values import Values
from study.record import Loss, RunRecord
from study.render.source import INLINE, Cell, Document, Text, read_document

ROOT = Path(__file__).resolve().parent.parent
LEVELS = {"50", "80", "95"}  # of intervals: definitions, not results


ARTICLES = sorted(path.stem for path in (ROOT / "report").glob("[!_]*.qmd"))


@pytest.fixture(scope="module", params=ARTICLES)
def document(request: pytest.FixtureRequest) -> Document:
    return read_document(ROOT / "report" / f"{request.param}.qmd", ROOT)


@pytest.fixture(scope="module")
def quick() -> Analysis:
    return load("quick", ROOT / "runs", nuts=False)


def cells(document: Document) -> list[Cell]:
    return [block for block in document.blocks if isinstance(block, Cell)]


def prose(document: Document) -> Iterator[tuple[str, str]]:
    """(place, text) of each line of prose without what is no prose: math, inline values and code, citations, links, labels."""
    display = False
    for block in document.blocks:
        for line in block.lines if isinstance(block, Text) else ():
            text = line.text
            if text.strip().startswith("$$") or display:
                display ^= text.count("$$") % 2 == 1
                continue
            for pattern in (r"`[^`]*`", r"\$[^$]+\$", r"@[\w-]+", r"\]\([^)]*\)", r"\{[^}]*\}", r"^:::.*"):
                text = re.sub(pattern, " ", text)
            yield str(line.place), text


def test_no_number_is_typed_into_the_prose(document: Document) -> None:
    typed = [(place, number) for place, text in prose(document) for number in re.findall(r"\d[\d.,]*", text)
             if number.strip(".,") not in LEVELS]
    assert typed == []


def test_the_scan_for_numbers_sees_them() -> None:
    document = read_document(ROOT / "report" / "index.qmd", ROOT)
    assert any(LEVELS & set(re.findall(r"\d+", text)) for _, text in prose(document))


def test_cells_call_and_define_nothing(document: Document) -> None:
    setup, *others = cells(document)
    allowed = (ast.ImportFrom, ast.Assign)
    assert all(isinstance(node, allowed) for node in ast.parse(setup.code).body)
    for cell in others:
        (statement,) = ast.parse(cell.code).body
        assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call), f"{cell.place}: {cell.code}"
        name = ast.unparse(statement.value.func)
        assert not any(part.startswith("_") for part in name.split(".")), f"{cell.place}: {name} is private"


def test_every_figure_says_what_it_shows_to_those_who_cannot_see_it(document: Document) -> None:
    figures = [cell for cell in cells(document) if "fig-alt" in cell.options]
    assert len(figures) >= 8
    assert all(len(cell.options["fig-alt"]) > 20 for cell in figures)
    assert len({cell.options["fig-alt"] for cell in figures}) == len(figures)


SECTIONS = {
    "index": ["Abstract", "Question", "Runs", "Answer", "Test", "Three runs", "What a wrong size costs", "Limits", "References"],
    "appendix": ["Design", "Recipe", "Every run", "Fit", "More answers", "Calibration and coverage", "Sensitivity",
                 "What the runs identify", "Published fits", "Provenance", "References"],
}


@pytest.mark.parametrize("name", SECTIONS)
def test_an_article_has_its_sections_in_order(name: str) -> None:
    document = read_document(ROOT / "report" / f"{name}.qmd", ROOT)
    lines = [line.text for block in document.blocks if isinstance(block, Text) for line in block.lines]
    assert [text.removeprefix("# ").split(" {")[0] for text in lines if re.match(r"# \w", text)] == SECTIONS[name]


def run_everything(document: Document, study: Analysis) -> dict[str, Any]:
    """Every cell and inline value in order, as the kernel would, of a given analysis. Expression -> what it gave."""
    setup, *_ = cells(document)
    names: dict[str, Any] = {}
    code = setup.code
    for line in ("study = load(ahead=sensitivity.BY_NUTS)\n", "v = Values(study)"):  # which would load the committed grid
        assert line.strip() in code, f"the set-up cell no longer holds {line.strip()!r}"
        code = code.replace(line.strip(), "")
    exec(code, names)
    assert "study" not in names, "the set-up cell made a study of its own"
    names |= {"study": study, "v": Values(study)}
    out: dict[str, Any] = {}
    for block in document.blocks:
        if isinstance(block, Cell):
            if block is not setup:
                out[block.code] = eval(block.code, names)
        else:
            for line in block.lines:
                for expression in INLINE.findall(line.text):
                    out[expression] = eval(expression, names)
    return out


@pytest.mark.slow
def test_every_cell_runs_on_the_quick_grid(document: Document, quick: Analysis, capsys: pytest.CaptureFixture[str],
                                           monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))  # no table at hand: the recorded summary has to do
    out = run_everything(document, quick)
    for expression, value in out.items():
        shown = getattr(value, "data", value)
        assert shown is not None or "callouts" in expression or "html" in expression, expression
        if isinstance(shown, str):
            assert shown.strip() and "nan" not in shown.split(), (expression, shown)
    printed = capsys.readouterr().out
    assert "A rehearsal, not the study" in printed and "No held-out budget" in printed
    assert "recorded earlier, not made for this page" in printed
    assert '<script type="application/json" id="answer-data">' in printed


@pytest.mark.slow
def test_every_cell_runs_while_the_grid_is_half_done(document: Document, quick: Analysis, capsys: pytest.CaptureFixture[str],
                                                     monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))
    some = dict(list(quick.records.items())[:7])
    from study.table import table

    run_everything(document, replace(quick, records=some, frame=table(quick.grid, some)))
    assert "7 of 14 planned runs are not recorded yet" in capsys.readouterr().out


def tilted(record: RunRecord) -> RunRecord:
    """The record had every loss been L (N/N0)^0.05 (D/D0)^-0.03."""
    factor = (record.parameters.multiplying / 5e4) ** 0.05 * (record.config.tokens / 1e6) ** -0.03

    def loss(one: Loss) -> Loss:
        return replace(one, nats_per_token=one.nats_per_token * factor, bits_per_byte=one.bits_per_byte * factor,
                       cluster_means=tuple(mean * factor for mean in one.cluster_means))

    curve = tuple(replace(point, train_loss=point.train_loss * factor, validation_loss=point.validation_loss * factor)
                  for point in record.curve)
    return replace(record, losses={name: loss(one) for name, one in record.losses.items()}, curve=curve)


@pytest.mark.slow
def test_a_value_changes_with_the_losses_exactly_when_it_says_so(quick: Analysis) -> None:
    before, after = Values(quick).every(), Values(quick.perturbed(tilted)).every()
    assert before.keys() == after.keys() and len(before) > 50
    wrong = [name for name, value in before.items()
             if value.depends_on_loss == math.isclose(value.number, after[name].number, rel_tol=1e-9, abs_tol=0.0)]
    assert wrong == []
    assert [name for name, value in before.items() if not value.depends_on_loss and value.text != after[name].text] == []


@pytest.mark.slow
def test_every_value_of_the_prose_is_in_the_registry(document: Document, quick: Analysis) -> None:
    named = {match[1] for block in document.blocks if isinstance(block, Text) for line in block.lines
             for expression in INLINE.findall(line.text) if (match := re.fullmatch(r'v\("([\w.]+)"\)', expression))}
    assert named and named <= Values(quick).every().keys()


def test_too_few_runs_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="study run --grid quick"):
        load("quick", tmp_path)
