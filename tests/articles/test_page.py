"""How a page reaches its sections; a new section is a module, a chapter, and a line in its article."""

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from study.analysis.study import Study
from study.articles.shared.page import callout, sections
from study.render.project import render

ROOT = Path(__file__).resolve().parents[2]

MODULE = '''"""A toy section."""

from study.analysis.study import Study
from study.articles.shared import style


def runs(study: Study) -> str:
    """Its runs."""
    return f"{len(study.fit)} runs"


def clause(study: Study) -> str:
    """Said of a grid with a held-out budget alone."""
    return "and a test" if study.held_out_budgets else ""


@style.drawn
def sizes(study: Study):
    """A figure."""
    figure, ax = style.canvas(4, 2)
    ax.plot(study.fit["N"], study.fit["loss"], "o")
    return figure
'''
CHAPTER = """# Toy {#sec-toy}

Here are `{python} toy.runs` `{python} toy.clause` to look at (@fig-toy).

::: {#fig-toy}

```{python}
#| fig-alt: "Dots of loss against size."
toy.sizes
```

What they reach.
:::
"""
ARTICLE = """---
title: "A toy article"
jupyter: python3
---

```{python}
#| include: false
import toy
from study.analysis.study import load
from study.articles.shared.page import sections

study = load()
(toy,) = sections(study, toy)
```

{{< include toy/_01-toy.qmd >}}
"""


def module(**functions: object) -> ModuleType:
    made = ModuleType("made")
    made.__dict__.update(functions)
    return made


def test_text_becomes_markdown_and_all_else_stays(quick: Study) -> None:
    (section,) = sections(quick, module(name=lambda study: study.grid.name, none=lambda _: "", fixed=lambda: "5 %",
                                        rows=lambda study: study.fit))
    assert section.name.data == "quick" and section.none.data == "[]{}" and section.fixed.data == "5\N{NO-BREAK SPACE}%"
    assert section.rows is quick.fit


def test_what_a_section_has_not_is_an_error(quick: Study) -> None:
    (section,) = sections(quick, module())
    with pytest.raises(AttributeError, match="missing"):
        _ = section.missing
    assert not hasattr(section, "_repr_html_")


def test_a_callout_is_a_div(capsys: pytest.CaptureFixture[str]) -> None:
    callout("note", "Title", "Body.")
    assert capsys.readouterr().out == "::: {.callout-note}\n## Title\n\nBody.\n:::\n\n"


@pytest.mark.slow
def test_a_section_is_a_module_a_chapter_and_a_line_in_its_article(tmp_path: Path) -> None:
    (tmp_path / "report" / "toy").mkdir(parents=True)
    shutil.copy(ROOT / "report" / "references.bib", tmp_path / "report")
    text = (ROOT / "_quarto.yml").read_text()
    start, end = text.index("    include-before-body:"), text.index("  typst:")
    (tmp_path / "_quarto.yml").write_text(text[:start] + text[end:])  # no bar: there is one article
    for name, said in (("toy.py", MODULE), ("report/toy/_01-toy.qmd", CHAPTER), ("report/toy.qmd", ARTICLE)):
        (tmp_path / name).write_text(said)
    environment = {"STUDY_GRID": "quick", "STUDY_RUNS": str(ROOT / "runs"), "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    (page,) = render(tmp_path, ("html",), env=environment)
    found = page.read_text()
    assert "14 runs" in " ".join(found.split()) and "and a test" not in found
    assert "Figure\N{NO-BREAK SPACE}1" in found and "data:image/svg+xml" in found
