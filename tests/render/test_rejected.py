"""Everything outside the common subset stops the render, with file and line, and leaves nothing in the output."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from study.render.project import render
from study.render.source import RenderError
from tests.render.conftest import HEADER

FIRST = HEADER.count("\n") + 1  # the line of the file on which a body begins
CELL = "```{{python}}\n{options}\n1\n```\n"
FIGURE = "#| label: fig-a\n#| fig-cap: A\n#| fig-alt: A"

# what, the body, the line of the body that is to blame, a part of the message
TEXTS = [
    ("tabset", "Text.\n\n::: {.panel-tabset}\n## One\n:::\n", 3, ".panel-tabset"),
    ("margin column", "::: {.column-margin}\nx\n:::\n", 1, ".column-margin"),
    ("columns", ":::: {.columns}\n::: {.column width=50%}\nx\n:::\n::::\n", 1, ".columns"),
    ("aside", "A note [beside]{.aside}.\n", 1, ".aside"),
    ("mermaid", "Text.\n\n```{mermaid}\ngraph LR\n```\n", 3, "{mermaid}"),
    ("ojs", "```{ojs}\nx = 1\n```\n", 1, "{ojs}"),
    ("R", "```{r}\n1\n```\n", 1, "{r}"),
    ("knitr options", "```{python, echo=FALSE}\n1\n```\n", 1, "#|"),
    ("indented cell", "- item\n\n  ```{python}\n  1\n  ```\n", 3, "start of a line"),
    ("cell in a quotation", "> ```{python}\n> 1\n> ```\n", 1, "{python}"),
    ("raw LaTeX line", "Text.\n\n\\newpage\n", 3, "\\newpage"),
    ("raw LaTeX environment", "\\begin{center}\nx\n\\end{center}\n", 1, "\\begin{center}"),
    ("raw LaTeX inline", "A \\textbf{word}.\n", 1, "\\textbf{word}"),
    ("raw block in the source", "```{=html}\n<p>x</p>\n```\n", 1, "output: asis"),
    ("raw typst", "```{=typst}\n#pagebreak()\n```\n", 1, "{=typst}"),
    ("HTML tag", "A line<br>\n", 1, "<br>"),
    ("theorem", "Text.\n\n::: {#thm-line}\nx\n:::\n", 3, "thm-line"),
    ("listing", "``` {.python #lst-a lst-cap=\"A\"}\nx\n```\n", 1, "lst-cap"),
    ("code block attribute", "```{.python filename=\"a.py\"}\nx = 1\n```\n", 1, "filename"),
    ("shortcode", "Text.\n\n{{< pagebreak >}}\n", 3, "pagebreak"),
    ("inline shortcode", "Text {{< meta title >}}.\n", 1, "meta title"),
    ("video", "{{< video https://example.org/a.mp4 >}}\n", 1, "video"),
    ("include from elsewhere", "{{< include ../other.qmd >}}\n", 1, "another folder"),
    ("missing include", "{{< include _none.qmd >}}\n", 1, "_none.qmd"),
    ("indented include", "  {{< include _02.qmd >}}\n", 1, "include _02.qmd"),
    ("unknown div", "::: {.lead}\nx\n:::\n", 1, ".lead"),
    ("unknown callout", "::: {.callout-danger}\nx\n:::\n", 1, ".callout-danger"),
    ("callout attribute", "::: {.callout-note appearance=\"simple\"}\nx\n:::\n", 1, "appearance"),
    ("callout label", "::: {#nte-a .callout-note}\nx\n:::\n", 1, "nte-a"),
    ("other conditions", "::: {.content-visible when-format=\"pdf\"}\nx\n:::\n", 1, 'when-format="pdf"'),
    ("profile conditions", "::: {.content-visible when-profile=\"a\"}\nx\n:::\n", 1, "when-profile"),
    ("no condition", "::: {.content-hidden}\nx\n:::\n", 1, "content-hidden"),
    ("layout", "::: {layout=\"[[1,1],[1]]\"}\nx\n:::\n", 1, "layout"),
    ("open div", "Text.\n\n::: {.callout-note}\nx\n", 3, "unclosed"),
    ("stray fence", "Text.\n\n:::\n", 3, ":::"),
    ("open code", "```python\nx\n", 1, "not closed"),
    ("unresolved reference", "See @fig-none.\n", 1, "@fig-none"),
    ("unresolved section", "See\n@sec-none.\n", 2, "@sec-none"),
    ("reference to an unnumbered section", "# A {#sec-a .unnumbered}\n\nSee @sec-a.\n", 3, "no number"),
    ("unknown citation", "As in @nobody2020.\n", 1, "@nobody2020"),
    ("mixed bracket", "# A {#sec-a}\n\nAs in [@hoffmann2022; @sec-a].\n", 3, "mixes"),
    ("dead link", "See [this](#nowhere).\n", 1, "#nowhere"),
    ("duplicate section", "# A {#sec-a}\n\n# B {#sec-a}\n", 3, "sec-a is defined twice"),
    ("duplicate equation", "$$ a $$ {#eq-a}\n\nx\n\n$$ b $$ {#eq-a}\n", 5, "eq-a is defined twice"),
    ("stray label", "A paragraph. {#eq-a}\n", 1, "attached to nothing"),
    ("missing image", "Text.\n\n![A](none.png){fig-alt=\"A\"}\n", 3, "image not found: none.png"),
    ("image from elsewhere", "![A](https://example.org/a.png){fig-alt=\"A\"}\n", 1, "from elsewhere"),
    ("image without fig-alt", "Text.\n\n![A](left.png){#fig-a}\n", 3, "alternative text"),
    ("image attribute", "![A](left.png){fig-alt=\"A\" .lightbox}\n", 1, ".lightbox"),
    ("figure without caption", "::: {#fig-a}\n![](left.png){fig-alt=\"A\"}\n:::\n", 1, "caption"),
    ("table div without a table", "::: {#tbl-a}\ntext\n\nCaption.\n:::\n", 1, "one Markdown table"),
    ("table attribute", "| a |\n|---|\n| 1 |\n\n: A {#tbl-a tbl-colwidths=\"[100]\"}\n", 5, "tbl-colwidths"),
    ("bad formula", "$$ \\nosuchmacro{a} $$\n", 1, "nosuchmacro"),
    ("inline value in a heading", "# There are `{python} 1` runs\n", 1, "heading"),
    ("inline value in an underlined heading", "There are `{python} 1` runs\n=====\n", 2, "heading"),
    ("inline value over two lines", "There are `{python}\n1` runs\n", 1, "on one line"),
    ("inline R", "There are `{r} 1` runs.\n", 1, "{r}"),
    ("cell option", CELL.format(options="#| label: fig-a\n#| fig-width: 3"), 3, "fig-width"),
    ("cache", CELL.format(options="#| cache: true"), 2, "cache"),
    ("column", CELL.format(options="#| column: page"), 2, "column"),
    ("papermill parameters", CELL.format(options="#| tags: [parameters]"), 2, "tags"),
    ("output value", CELL.format(options="#| output: hide"), 2, "output"),
    ("echo value", CELL.format(options="#| echo: fenced"), 2, "echo"),
    ("layout value", CELL.format(options=FIGURE + "\n#| layout-ncol: two"), 5, "layout-ncol"),
    ("malformed options", CELL.format(options="#| echo: true\n#| label: ["), 3, "not valid YAML"),
    ("late option", "```{python}\nx = 1\n#| echo: false\n```\n", 3, "before the code"),
    ("listing cell", CELL.format(options="#| label: lst-a"), 2, "lst-a"),
    ("label without caption", CELL.format(options="#| label: fig-a"), 2, "needs a fig-cap"),
    ("caption without label", CELL.format(options="#| tbl-cap: A"), 2, "needs a label"),
    ("sub-captions without caption", CELL.format(options="#| fig-subcap: [A, B]"), 2, "needs a fig-cap"),
    ("inline value in a caption", CELL.format(options='#| label: fig-a\n#| fig-cap: "`{python} 1` runs"'), 3, "fig-cap"),
    ("duplicate label", 2 * CELL.format(options=FIGURE), 7, "fig-a is defined twice, first at report/index.qmd:6"),
    ("duplicate label in text", 2 * "![A](left.png){#fig-a fig-alt=\"A\"}\n\n", 3, "fig-a is defined twice"),
]


@pytest.mark.parametrize(("body", "line", "says"), [pytest.param(*case[1:], id=case[0]) for case in TEXTS])
def test_text(body: str, line: int, says: str, project: Callable[..., Path]) -> None:
    check(project(body), f"report/index.qmd:{FIRST + line - 1}:", says)


QUICK = {"raising cell", "HTML output", "inline float", "figure without fig-alt"}  # each of the others starts a kernel too


def kernel_cases(cases: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*case[1:], id=case[0], marks=[] if case[0] in QUICK else pytest.mark.slow) for case in cases]


CELLS = [
    ("raising cell", "```{python}\n#| echo: false\nx = 1\n\n1 / 0\n```\n", 5, "ZeroDivisionError: division by zero"),
    ("syntax error", "```{python}\nx = 1\ny = (\n```\n", 3, "SyntaxError"),
    ("HTML output", "```{python}\nfrom IPython.display import HTML\nHTML('<b>x</b>')\n```\n", 1, "text/html"),
    ("data frame", "```{python}\n#| include: false\nimport pandas as pd\npd.DataFrame({'a': [1]})\n```\n", 1, "to_markdown"),
    ("JavaScript", "```{python}\nfrom IPython.display import Javascript\nJavascript('1')\n```\n", 1, "javascript"),
    ("repr", "```{python}\nobject()\n```\n", 1, "end its last line with ;"),
    ("inline float", "Text.\n\nA share of `{python} 1 / 3`.\n", 3, "gives 0.3333333333333333"),
    ("inline text", "Named `{python} 'a'`.\n", 1, "gives 'a'"),
    ("inline NumPy integer", "```{python}\nimport numpy as np\n```\n\n`{python} np.int64(3)`\n", 5, "np.int64(3)"),
    ("inline nothing", "`{python} print(1)`\n", 1, "gives nothing"),
    ("raising inline", "Text.\n\nThere are `{python} missing` runs.\n", 3, "NameError"),
    ("raw HTML displayed", "```{python}\nfrom IPython.display import Markdown\nMarkdown('a<br>b')\n```\n", 1, "<br>"),
    ("reference in an output", "Text.\n\n```{python}\n#| output: asis\nprint('see @fig-none')\n```\n", 3, "@fig-none"),
    ("table cell without a table", "```{python}\n#| label: tbl-a\n#| tbl-cap: A\nprint(1)\n```\n", 1, "one Markdown table"),
    ("dead kernel", "Text.\n\n```{python}\nimport os\nos._exit(1)\n```\n", 4, "died here"),
]


@pytest.mark.parametrize(("body", "line", "says"), kernel_cases(CELLS))
def test_cells(body: str, line: int, says: str, project: Callable[..., Path]) -> None:
    check(project(body), f"report/index.qmd:{FIRST + line - 1}:", says)


PLOT = "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\n```\n"
FIGURES = [
    ("figure without fig-alt", "```{python}\n#| label: fig-a\n#| fig-cap: A\n" + PLOT, "1 image(s) and has 0 fig-alt"),
    ("more fig-alt than figures", "```{python}\n#| fig-alt: [A, B]\n" + PLOT, "has 2 fig-alt and shows 1"),
    ("figure shown twice", "```{python}\n#| fig-alt: A\n" + PLOT.replace("plt.show()", "plt.gcf()"), "2 image(s)"),
    ("no figure", f"```{{python}}\n{FIGURE}\n1\n```\n", "fig-a shows no figure"),
    ("sub-captions", "```{python}\n" + FIGURE + "\n#| fig-subcap: [A, B]\n" + PLOT, "2 fig-subcap and shows 1"),
]


@pytest.mark.parametrize(("body", "says"), kernel_cases(FIGURES))
def test_figures(body: str, says: str, project: Callable[..., Path]) -> None:
    check(project(body), f"report/index.qmd:{FIRST}:", says)


HEADERS = [
    ("params", "params:\n  a: 1", 3, "params"),
    ("freeze", "execute:\n  freeze: auto", 3, "freeze"),
    ("cache", "execute:\n  cache: true", 3, "cache"),
    ("another format", "format:\n  docx: default", 3, "docx"),
    ("one format alone", "format:\n  html:\n    toc: false", 3, "lists html and typst"),
    ("format option", "format:\n  html:\n    code-tools: true", 3, "code-tools"),
    ("MathJax", "format:\n  html:\n    html-math-method: mathjax", 3, "html-math-method"),
    ("not self-contained", "format:\n  html:\n    embed-resources: false", 3, "embed-resources"),
    ("listing", "listing: posts", 3, "listing"),
    ("filters", "filters: [a.lua]", 3, "filters"),
    ("moving date", "date: today", 1, "today"),
    ("author", "author:\n  - name: A\n    orcid: '1'", 1, "author"),
    ("inline value", "subtitle: \"`{python} 1` runs\"", 3, "inline value"),
    ("not YAML", "subtitle: \"open", 3, "not valid YAML"),
    ("figures differ between the formats", "format:\n  html:\n    fig-width: 3\n  typst: default", 1, "fig-width differs"),
    ("missing bibliography", "bibliography: none.bib", 1, "none.bib"),
]


@pytest.mark.parametrize(("extra", "line", "says"), [pytest.param(*case[1:], id=case[0]) for case in HEADERS])
def test_front_matter(extra: str, line: int, says: str, project: Callable[..., Path]) -> None:
    check(project("Text.\n", header=f'---\ntitle: "T"\n{extra}\n---\n\n'), f"report/index.qmd:{line}:", says)


def test_missing_title(project: Callable[..., Path]) -> None:
    check(project("Text.\n", header="---\nlang: en\n---\n"), "report/index.qmd:1:", "title")


PROJECTS = [
    ("website", "type: default", "type: website", 2, "website"),
    ("another folder", "execute-dir: project", "execute-dir: file", 4, "execute-dir"),
    ("missing document", "- report/index.qmd", "- report/none.qmd", 5, "none.qmd"),
    ("no documents", "  render:\n    - report/index.qmd\n", "", 1, "render"),
    ("book", "lang: en", "book: {}", 8, "book"),
    ("header from a file", "      text: |\n        #set document(keywords: \"by the header\")\n", "      file: a.typ\n", 31,
     "include-in-header"),
    ("references by typst", "    citeproc: true\n", "    papersize: a4\n", 1, "citeproc"),
]


@pytest.mark.parametrize(("old", "new", "line", "says"), [pytest.param(*case[1:], id=case[0]) for case in PROJECTS])
def test_project(old: str, new: str, line: int, says: str, project: Callable[..., Path]) -> None:
    root = project("Text.\n")
    text = (root / "_quarto.yml").read_text()
    assert old in text
    (root / "_quarto.yml").write_text(text.replace(old, new))
    with pytest.raises(RenderError, match=rf"^(_quarto.yml|report/index.qmd):{line}: .*{says}"):
        render(root)


def test_errors_in_an_included_file_name_that_file(project: Callable[..., Path]) -> None:
    root = project("Text.\n\n{{< include _01.qmd >}}\n", report___01="Text.\n\nMore.\n\nSee @fig-none.\n")
    check(root, "report/_01.qmd:5:", "@fig-none")


def test_front_matter_in_an_included_file(project: Callable[..., Path]) -> None:
    check(project("{{< include _01.qmd >}}\n", report___01="---\ntitle: A\n---\n"), "report/_01.qmd:1:", "front matter")


def test_files_that_include_each_other(project: Callable[..., Path]) -> None:
    root = project("{{< include _01.qmd >}}\n", report___01="a\n{{< include _02.qmd >}}\n",
                   report___02="{{< include _01.qmd >}}\n")
    check(root, "report/_02.qmd:1:", "includes itself")


def check(root: Path, place: str, says: str) -> None:
    """The render raises, names the place and the reason, and removes what an earlier render left."""
    out = root / "_site/report"
    out.mkdir(parents=True)
    for name in ("index.html", "index.pdf"):
        (out / name).write_text("from an earlier render")
    with pytest.raises(RenderError) as caught:
        render(root)
    message = str(caught.value)
    assert message.startswith(place), message
    assert says in message
    assert "\n" not in message.strip() or "SyntaxError" in message
    assert list(out.iterdir()) == []
