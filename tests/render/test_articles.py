"""Several articles: which are rendered, the links between them, the bar that names them all, and what a failure leaves."""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest

from study.errors import StudyError
from study.render import project as rendering
from study.render.project import render
from study.render.source import RenderError
from tests.render.conftest import HEADER

FIRST = HEADER.count("\n") + 1
OTHER = HEADER + "# Beside {#sec-beside}\n\nBack to [the start](index.qmd), or [its section](index.qmd#sec-first).\n"
BODY = "# First {#sec-first}\n\nSee [the other section](other.qmd#sec-beside).\n\n{{< include parts/_01.qmd >}}\n"
BAR = """  html:
    include-before-body:
      text: |
        <nav class="articles"><a href="index.html">Main</a> <a href="other.html">Other</a></nav>
"""


@pytest.fixture
def two(project: Callable[..., Path]) -> Path:
    """A project of two articles that link to each other, and a navigation bar."""
    root = project(BODY, report__other=OTHER)
    (root / "report" / "parts").mkdir()
    (root / "report" / "parts" / "_01.qmd").write_text("A part in a folder of its own.\n")
    (root / "report" / "_draft.qmd").write_text("Not even valid: @nobody.\n")
    text = (root / "_quarto.yml").read_text()
    (root / "_quarto.yml").write_text(text.replace("report/index.qmd", "report/*.qmd").replace("  html:\n", BAR))
    return root


def test_a_pattern_finds_the_articles_and_links_join_them(two: Path) -> None:
    written = render(two)
    assert [path.name for path in written] == ["index.html", "index.pdf", "other.html", "other.pdf"]
    pages = {path.name: path.read_text() for path in written if path.suffix == ".html"}
    assert 'href="other.html#sec-beside"' in pages["index.html"] and "A part in a folder of its own." in pages["index.html"]
    assert 'href="index.html"' in pages["other.html"] and 'href="index.html#sec-first"' in pages["other.html"]
    targets = [note.get_object().get("/A", {}).get("/URI") for page in pypdf.PdfReader(two / "_site/report/index.pdf").pages
               for note in page.get("/Annots", [])]
    assert "other.pdf" in targets


def test_each_page_has_the_bar_with_its_own_place_marked(two: Path) -> None:
    for path in render(two, ("html",)):
        (bar,) = re.findall(r'<nav class="articles">.*?</nav>', path.read_text(), re.DOTALL)
        assert re.findall(r'href="([\w.]+)" aria-current', bar) == [path.name]
        assert bar.count("<a ") == 2


@pytest.mark.parametrize("name", ["other", "other.qmd", "report/other.qmd"])
def test_one_article_is_rendered_by_name_and_the_others_are_left(two: Path, name: str) -> None:
    (two / "_site" / "report").mkdir(parents=True)
    (kept := two / "_site" / "report" / "index.html").write_text("from an earlier render")
    assert [path.name for path in render(two, ("html",), articles=[name])] == ["other.html"]
    assert kept.read_text() == "from an earlier render"


def test_the_article_with_most_to_compute_begins_first(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores are then busy to the end: the last to begin is the shortest."""
    (two / "report" / "other.qmd").write_text(OTHER + "\n`{python} 1` and `{python} 2`.\n")
    monkeypatch.setattr(rendering, "KERNELS", 1)
    begun: list[str] = []
    render(two, ("html",), progress=lambda article, *_: begun.append(article))
    assert list(dict.fromkeys(begun)) == ["other"], "the main article has no cell, so no kernel"
    (two / "report" / "index.qmd").write_text(HEADER + BODY + "".join(f"\n`{{python}} {k}`\n" for k in range(3)))
    begun.clear()
    render(two, ("html",), progress=lambda article, *_: begun.append(article))
    assert list(dict.fromkeys(begun)) == ["index", "other"]
    (two / "report" / "other.qmd").write_text(OTHER + "".join(f"\n`{{python}} {k}`\n" for k in range(4)))
    begun.clear()
    render(two, ("html",), progress=lambda article, *_: begun.append(article))
    assert list(dict.fromkeys(begun)) == ["other", "index"]


def test_an_article_that_does_not_exist_is_refused_by_name(two: Path) -> None:
    with pytest.raises(StudyError, match=r"^no article none: there are index, other$"):
        render(two, articles=["none"])


@pytest.mark.parametrize(("link", "says"), [("none.qmd", "no article of the project"), ("other.qmd#sec-none", "no label sec-none"),
                                            ("_draft.qmd", "no article of the project"), ("../other.qmd", "no article")])
def test_an_unresolved_link_stops_the_render_with_its_place(two: Path, link: str, says: str) -> None:
    (two / "report" / "index.qmd").write_text(f"{HEADER}# First {{#sec-first}}\n\nSee [it]({link}).\n")
    with pytest.raises(RenderError, match=rf"^report/index.qmd:{FIRST + 2}: link to {re.escape(link)[:8]}.*{says}"):
        render(two, ("html",))
    assert not list((two / "_site" / "report").glob("*"))


def test_one_failure_leaves_no_article_and_stops_the_others(two: Path) -> None:
    cells = "".join(f"```{{python}}\nimport time; time.sleep(0.3)\n{k};\n```\n\n" for k in range(40))
    (two / "report" / "other.qmd").write_text(OTHER + cells)
    (two / "report" / "index.qmd").write_text(f"{HEADER}# First {{#sec-first}}\n\nSee @fig-none.\n")
    seen = []
    with pytest.raises(RenderError, match="@fig-none"):
        render(two, ("html",), progress=lambda *step: seen.append(step))
    assert max((done for article, done, _, _ in seen if article == "other"), default=0) < 30
    assert not list((two / "_site" / "report").glob("*"))


def test_two_articles_run_at_a_time(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=20)
    real = rendering.execute

    def meet(*arguments: object) -> object:
        both.wait()  # broken after 20 seconds if one article waits for the other
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rendering, "execute", meet)
    assert len(render(two, ("html",))) == 2


@pytest.mark.parametrize(("old", "new", "says"), [
    ('<a href="other.html">Other</a>', "", "must link once to other.html"),
    ('href="other.html"', 'href="none.html"', "links to none.html, and there is no none.qmd"),
    ("report/*.qmd", "report/*.md", "must list the documents"),
    ("lang: en", "lang: en\nfilters: [report/a.lua]", "filters other than"),
])
def test_a_bar_or_pattern_that_does_not_fit_the_articles_is_refused(two: Path, old: str, new: str, says: str) -> None:
    text = (two / "_quarto.yml").read_text()
    assert old in text
    (two / "_quarto.yml").write_text(text.replace(old, new))
    with pytest.raises(RenderError, match=rf"^_quarto.yml:\d+: .*{says}"):
        render(two)


NOTE = """
```{python}
#| echo: false
import os
from pathlib import Path
folder = Path(os.environ["STUDY_FITS"])
(folder / Path("%s")).write_text(str(folder.is_dir()))
with open("%s", "a") as log:
    log.write(f"{folder}\\n")
```
"""


def test_the_articles_of_a_render_share_a_folder_of_fits_that_ends_with_it(two: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for name in ("index", "other"):
        with (two / "report" / f"{name}.qmd").open("a") as page:
            page.write(NOTE % (name, log))
    folders = []
    for _ in range(2):
        render(two, ("html",))
        (folder,) = set(log.read_text().splitlines())
        folders.append(folder)
        assert not Path(folder).exists()
        log.unlink()
    assert folders[0] != folders[1], "the next render fits anew"
