"""A small project to render, and the whole test document rendered once."""

import html
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest

from study.render.project import render

PROJECT = Path(__file__).parent / "project"
HEADER = '---\ntitle: "T"\njupyter: python3\n---\n\n'


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Make a project whose report/index.qmd has the given body; other files by name."""

    def make(body: str = "", header: str = HEADER, **files: str) -> Path:
        root = tmp_path / "project"
        (root / "report").mkdir(parents=True)
        for name in ("_quarto.yml", "report/references.bib", "report/left.png", "report/right.png"):
            shutil.copy(PROJECT / name, root / name)
        (root / "report/index.qmd").write_text(header + body)
        for name, text in files.items():
            (root / name.replace("__", "/")).with_suffix(".qmd").write_text(text)
        return root

    return make


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with index.html and index.pdf of the test document."""
    root = tmp_path_factory.mktemp("rendered") / "project"
    shutil.copytree(PROJECT, root)
    render(root, env={"STUDY_GRID": "quick"})
    return root / "_site" / "report"


@pytest.fixture(scope="session")
def page(rendered: Path) -> str:
    """The source of the page."""
    return (rendered / "index.html").read_text()


@pytest.fixture(scope="session")
def page_text(page: str) -> str:
    """What the page says, white space collapsed."""
    body = re.sub(r"<(script|style|annotation)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", body)).split())


@pytest.fixture(scope="session")
def paper(rendered: Path) -> pypdf.PdfReader:
    """The PDF."""
    return pypdf.PdfReader(rendered / "index.pdf")


@pytest.fixture(scope="session")
def paper_text(paper: pypdf.PdfReader) -> str:
    """What the PDF says, white space collapsed."""
    return " ".join(" ".join(page.extract_text() for page in paper.pages).split())
