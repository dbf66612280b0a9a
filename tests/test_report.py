"""The report: no number typed by hand, no cell that computes, every part of it runs on whatever is recorded."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.analysis.study import AnalysisError, Study, load
from study.render.source import INLINE, Cell, Document, Text, read_document
from study.table import table
from tests.given import given

ROOT = Path(__file__).resolve().parent.parent
LEVELS = {"50", "80", "95"}  # of intervals: definitions, not results


OF_ONE_GRID = ("index", "appendix")  # articles that show the study of one grid, whichever it is
ARTICLES = sorted(path.stem for path in (ROOT / "report").glob("[!_]*.qmd"))


@pytest.fixture(scope="module", params=ARTICLES)
def document(request: pytest.FixtureRequest) -> Document:
    return read_document(ROOT / "report" / f"{request.param}.qmd", ROOT)


@pytest.mark.parametrize("name", ARTICLES)
def test_an_article_includes_every_chapter_in_order(name: str) -> None:
    included = re.findall(rf"include ({name}/\S+)", (ROOT / "report" / f"{name}.qmd").read_text())
    assert included == [f"{name}/{path.name}" for path in sorted((ROOT / "report" / name).glob("*.qmd"))] and included


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


def used(document: Document) -> dict[str, str]:
    """Every expression of the prose and of the cells but the first, with its place."""
    _, *others = cells(document)
    out = {cell.code.strip(): str(cell.place) for cell in others}
    return out | {expression.strip(): str(line.place) for block in document.blocks if isinstance(block, Text)
                  for line in block.lines for expression in INLINE.findall(line.text)}


CALLS = (ast.Attribute, ast.Call, ast.Name, ast.Constant, ast.keyword, ast.Load)


def test_cells_define_nothing_and_name_public_functions_of_their_sections(document: Document) -> None:
    setup, *_ = cells(document)
    assert all(isinstance(node, ast.ImportFrom | ast.Assign) for node in ast.parse(setup.code).body)
    names: dict[str, Any] = {}
    exec("\n".join(ast.unparse(node) for node in ast.parse(setup.code).body if isinstance(node, ast.ImportFrom)), names)
    for expression, place in used(document).items():
        tree = ast.parse(expression, mode="eval").body
        assert all(isinstance(node, CALLS) for node in ast.walk(tree)), f"{place}: {expression} computes"
        named = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        assert named, f"{place}: {expression} names no section"
        for node in named:
            function = getattr(names[ast.unparse(node.value)], node.attr, None)
            assert callable(function) and not node.attr.startswith("_"), f"{place}: {expression}"
            assert node is not tree or len(inspect.signature(function).parameters) <= 1, f"{place}: {expression} needs arguments"


def test_every_figure_says_what_it_shows_to_those_who_cannot_see_it(document: Document) -> None:
    figures = [cell for cell in cells(document) if "fig-alt" in cell.options]
    assert len(figures) >= 5
    assert all(len(cell.options["fig-alt"]) > 20 for cell in figures)
    assert len({cell.options["fig-alt"] for cell in figures}) == len(figures)


SECTIONS = {
    "index": ["Abstract", "In short", "Question", "Runs", "Answer", "Test", "Three runs", "What a wrong size costs", "Limits",
              "Verdicts", "References"],
    "appendix": ["Design", "Recipe", "Three grids", "Every run", "Fit", "More answers", "Calibration and coverage", "Sensitivity",
                 "What the runs identify", "A text whose entropy is known", "Published fits", "Provenance", "References"],
}


@pytest.mark.parametrize("name", SECTIONS)
def test_an_article_has_its_sections_in_order(name: str) -> None:
    document = read_document(ROOT / "report" / f"{name}.qmd", ROOT)
    lines = [line.text for block in document.blocks if isinstance(block, Text) for line in block.lines]
    assert [text.removeprefix("# ").split(" {")[0] for text in lines if re.match(r"# \w", text)] == SECTIONS[name]


def run_everything(document: Document, study: Study, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every cell and inline value in order, as the kernel would, of a given study. Expression -> what it gave."""
    setup, *_ = cells(document)
    names: dict[str, Any] = {}
    monkeypatch.setattr("study.analysis.study.load", lambda **_: study)
    exec(setup.code, names)
    assert names["study"] is study
    return {expression: eval(expression, names) for expression in used(document)}


@pytest.mark.slow
@pytest.mark.parametrize("document", OF_ONE_GRID, indirect=True)
def test_every_cell_runs_on_the_quick_grid(document: Document, quick: Study, capsys: pytest.CaptureFixture[str],
                                           monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))  # no table at hand: the recorded summary has to do
    out = run_everything(document, given(quick, {}), monkeypatch)
    prose = {expression for block in document.blocks if isinstance(block, Text) for line in block.lines
             for expression in INLINE.findall(line.text)}
    for expression, value in out.items():
        shown = getattr(value, "data", value)
        assert shown is not None or expression not in prose, expression
        if isinstance(shown, str):
            assert shown.strip() and "nan" not in re.findall(r"\w+", shown), (expression, shown)
    printed = capsys.readouterr().out
    assert "A rehearsal, not the study" in printed
    said = {"index": ("No held-out budget", '<script type="application/json" id="answer-data">'),
            "appendix": ("recorded earlier, not made for this page", "No sweep")}
    assert all(text in printed for text in said[document.path.stem])


@pytest.mark.slow
@pytest.mark.parametrize("document", OF_ONE_GRID, indirect=True)
def test_every_cell_runs_while_the_grid_is_half_done(document: Document, quick: Study, capsys: pytest.CaptureFixture[str],
                                                     monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))
    some = dict(list(quick.records.items())[:7])
    run_everything(document, given(quick, {}, records=some, frame=table(quick.grid, some)), monkeypatch)
    assert "7 of 14 planned runs are not recorded yet" in capsys.readouterr().out


def test_too_few_runs_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="study run --grid quick"):
        load("quick", tmp_path)
