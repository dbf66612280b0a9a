"""The test document, which holds every construct of the common subset, as a page and as a PDF."""

import re
import shutil
from pathlib import Path

import pypdf
import pytest

from study.render.project import render
from tests.render.conftest import PROJECT

BOTH = [
    "Hoffmann et al. (2022), one in brackets (see Kaplan and McCandlish 2020, 7), and two (Hoffmann et al. 2022; Kaplan",
    "There are 24 runs and a share of 0.46, emphasised 24.",
    "Section 2, Section 1.1, Equation 1, Equation 2, Table 1, Figure 1, and together Section 1.1, Table 1.",
    "Numbers alone: Equations 1 and 2; a prefix of one’s own: Chapter 2.1",
    "The law of Hoffmann et al. (2022) is written as Equation 1.",
    "A footnote with emphasis and a reference to Table 1.",
    "Table 1: The parameters of Equation 1, as printed.",
    "A title of its own",
    "A caution, after Equation 3.",
    "Figure 1: The loss falls with size for",
    "(a) Residuals.", "(b) Their histogram.", "Figure 2: Two panels from one cell.",
    "Figure 2 has Figure 2 (a) and Figure 2 (b); Figure 4 has Figure 4 (a); Figure 3, Figure 5 and Figure 6 stand alone.",
    "Figure 3: The line ends at 24, computed where the caption is written.",
    "(a) The left panel.", "(b) The right panel.", "Figure 4: Two files in one figure.",
    "Figure 5: One file with a caption.",
    "Table 2: A table from a cell, with emphasis.", "Table 3: A wide table of 14 columns.", "See Table 2 and Table 3.",
    "printed ```with``` backticks 2",
    "ZeroDivisionError: division by zero",
    "cell:1: UserWarning: a warning that is shown",
    "hidden output",
    "the first item, made by code, see Figure 1",
    "cwd ['_quarto.yml'] quick None",
    "References Hoffmann, Jordan,",
]
PAGE_ONLY = ["Only in the page. In the page too.", "How <the curve> is drawn N = np.geomspace(1e7, 1e10, 24)",
             'Code never("run")', "Interactive answer"]
PAPER_ONLY = ["Only on paper. On paper too."]


@pytest.mark.parametrize("said", BOTH)
def test_both_formats_say_the_same(said: str, page_text: str, paper_text: str) -> None:
    assert said in page_text
    assert said in paper_text


@pytest.mark.parametrize("said", PAGE_ONLY)
def test_page_alone(said: str, page_text: str, paper_text: str) -> None:
    assert said in page_text
    assert said not in paper_text


@pytest.mark.parametrize("said", PAPER_ONLY)
def test_paper_alone(said: str, page_text: str, paper_text: str) -> None:
    assert said not in page_text
    assert said in paper_text


HIDDEN = ["never seen ", "a warning that is not ", "a comment", "import matplotlib", "{python}", ":::", "{#"]


@pytest.mark.parametrize("unsaid", HIDDEN)
def test_hidden_things_stay_hidden(unsaid: str, page_text: str, paper_text: str) -> None:
    assert unsaid not in page_text
    assert unsaid not in paper_text


def test_page_links_every_reference_to_its_target(page: str) -> None:
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    links = re.findall(r'<a\s+href="#([^"]+)"\s+class="xref"', page)
    assert {"fig-loss", "fig-pair-2", "fig-left", "tbl-cell", "eq-law", "sec-law"} <= set(links)
    assert len(links) > 20 and "eq-inside" in ids
    assert set(links) <= ids


def test_page_loads_nothing(page: str) -> None:
    assert not re.findall(r'(?:src|srcset|data)="(?!data:)[^"]*"', page)
    assert not re.findall(r'<link\b|@import|url\((?!data:)', page)
    assert re.findall(r'href="(?!#)([^"]+)"', page) == ["https://example.org/"]


def test_page_has_alternative_text_and_mathml(page: str) -> None:
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 9
    assert all(re.search(r'\balt="[^"]+"', image) for image in images)
    assert "rises &quot;a little&quot;." in page
    assert page.count("<math ") == 8
    assert "MathJax" not in page


def test_page_folds_code(page: str) -> None:
    assert page.count('<details class="code-fold">') == 5
    assert '<details class="code-fold" open><summary>How &lt;the curve&gt; is drawn</summary>' in page
    assert re.search(r'<details class="callout callout-tip"><summary[^>]*>A folded tip', page)
    assert re.search(r'<details class="callout callout-warning" open>', page)
    assert '<div class="callout callout-note"><p class="callout-title">A title <em>of its own</em></p>' in page


def test_page_keeps_raw_html_of_asis_cells(page: str) -> None:
    assert '<p id="live">Interactive <b>answer</b></p>' in page
    assert "window.answer = 42;" in page


def test_page_has_contents_title_and_language(page: str) -> None:
    contents = re.search(r'<nav id="TOC".*?</nav>', page, re.DOTALL)
    assert contents is not None
    assert "What is here" in contents[0]
    assert [re.sub("<[^>]+>", "", item) for item in re.findall(r"<a [^>]*>(.*?)</a>", contents[0])] == [
        "1 Text", "1.1 A law", "Not numbered", "2 Cells", "References"]
    assert "<title>Every construct of the common subset</title>" in page
    assert '<html lang="en">' in page


def test_wide_things_scroll_in_their_own_box(page: str) -> None:
    assert len(re.findall(r'<div class="table-scroll">\s*<table', page)) == page.count("<table") == 4
    assert page.count('class="math-scroll"') == 4
    assert page.count('class="layout" style="--columns: 2"') == 3


def test_paper_has_outline_metadata_and_embedded_fonts_alone(paper: pypdf.PdfReader) -> None:
    assert paper.metadata is not None
    assert paper.metadata.title == "Every construct of the common subset"
    assert paper.metadata.author == "Ada Example, Bob Sample"
    assert paper.metadata["/Keywords"] == "by the header"
    titles = [[inner.title for inner in item] if isinstance(item, list) else item.title for item in paper.outline]
    assert titles == ["1 Text", ["1.1 A law", "Not numbered"], "2 Cells", "References"]
    fonts = {str(font.get_object()["/BaseFont"]).split("+")[-1] for page in paper.pages
             for font in page["/Resources"].get_object().get("/Font", {}).values()}
    assert {name.split("-")[0] for name in fonts} == {"LibertinusSerif", "NewCMMath", "DejaVuSansMono"}
    assert (round(paper.pages[0].mediabox.width), round(paper.pages[0].mediabox.height)) == (595, 842)


def test_a_second_render_has_the_same_bytes(rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "another scratch folder"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    shutil.copytree(PROJECT, tmp_path / "elsewhere")
    seen: list[tuple[str, int, int, str]] = []
    written = render(tmp_path / "elsewhere", out=tmp_path / "out", env={"STUDY_GRID": "quick"},
                     progress=lambda *step: seen.append(step))
    assert written == [tmp_path / "out/report/index.html", tmp_path / "out/report/index.pdf"]
    for path in written:
        assert path.read_bytes() == (rendered / path.name).read_bytes()
    assert not (tmp_path / "elsewhere" / "_site").exists()
    assert not list(scratch.iterdir())
    assert [step[1] for step in seen] == list(range(seen[-1][2] + 1)) and {step[0] for step in seen} == {"index"}
    assert any(step[3].startswith("report/_02-cells.qmd:") for step in seen)
