"""Which documents are rendered, and how their options are merged."""

from collections.abc import Callable
from pathlib import Path

from study.render.config import document_options, read_project
from study.render.project import render
from study.render.source import read_document

HEADER = """---
title: "T"
toc-depth: 4
code-summary: "of the document"
execute:
  echo: true
format:
  html:
    toc-depth: 5
    warning: true
  typst: default
---
"""


def test_front_matter_goes_over_the_project_and_a_format_over_the_rest(project: Callable[..., Path]) -> None:
    root = project(header=HEADER)
    text = (root / "_quarto.yml").read_text()
    (root / "_quarto.yml").write_text(text.replace("    code-fold: true\n", "    code-fold: true\n    code-summary: x\n"))
    settings = read_project(root)
    document = read_document(root / "report/index.qmd", root)
    html, typst = (document_options(settings, document, target) for target in ("html", "typst"))
    assert (html["toc-depth"], typst["toc-depth"]) == (5, 4)  # 2 in the project
    assert (html["execute"]["warning"], typst["execute"]["warning"]) == (True, False)
    assert typst["execute"]["echo"] is True  # false for typst in the project
    assert (html["code-summary"], html["code-fold"]) == ("of the document", True)
    assert "code-fold" not in typst
    assert html["bibliography"] == [str(root / "report/references.bib")]


def test_only_listed_documents_are_rendered(project: Callable[..., Path]) -> None:
    root = project("One.\n", report__other='---\ntitle: "U"\n---\n\nTwo.\n', report__draft="Not even valid: @nobody.\n")
    text = (root / "_quarto.yml").read_text()
    (root / "_quarto.yml").write_text(text.replace("    - report/index.qmd\n", "    - report/other.qmd\n    - report/index.qmd\n"))
    assert [path.relative_to(root).as_posix() for path in render(root, ("html",))] == [
        "_site/report/other.html", "_site/report/index.html"]
    assert "Two." in (root / "_site/report/other.html").read_text()
