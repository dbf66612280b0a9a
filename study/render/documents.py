"""Markdown lines to HTML and PDF: pandoc with the Lua filters, then typst for the PDF."""

import datetime
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypandoc
import typst

from study.render.config import bar
from study.render.source import Line, Place, RenderError

HERE = Path(__file__).parent
# MathML has no space after a named operator, TeX has one unless a bracket follows: "log p", "log(p)"
OPERATOR = re.compile(r"((?<!<msub>)(?<!<msup>)(?<!<munder>)(?<!<msubsup>)<mrow><mi[^>]*>\w+</mi><mo>\u2061</mo>)(</mrow>)"
                      r"(?!(?:<mrow>)?<mo[^>]*>[(\[{|])")
FILTERS = ("subset.lua", "articles.lua", "callouts.lua", "quarto.lua")
LINE, UNBROKEN = 72, 10_000  # characters of a row from which on a table's columns are as wide as their dashes: of a PDF, of a page
REASON = re.compile(r"@@(\d+)@@(.*?)@@(.*?)@@", re.DOTALL)


@dataclass(frozen=True)
class Job:
    """One document for one format.

    `lines` is the lowered Markdown, `options` the format's (see `config.document_options`), `meta` title, author, date,
    abstract and lang; images and links are relative to `folder`; `work` is an existing scratch folder; `epoch` is
    SOURCE_DATE_EPOCH in seconds; `name` is the article's, without a suffix; `articles` holds the labels of every article of
    the project (see `links.known`).
    """

    lines: Sequence[Line]
    options: Mapping[str, Any]
    meta: Mapping[str, Any]
    folder: Path
    work: Path
    epoch: int
    name: str
    articles: Mapping[str, Mapping[str, bool]]


def html(job: Job) -> bytes:
    """One self-contained HTML page: style, figures and MathML inside, nothing loaded when it is read.

    Raises:
        RenderError: what pandoc or a filter objects to, with the line it stands on.
    """
    before = job.work / "bar.html"
    before.write_text(bar(dict(job.options), job.name), encoding="utf-8")
    _pandoc(job, "html5", job.work / "page.html", {}, [f"--columns={UNBROKEN}", "--embed-resources", "--mathml", "--section-divs",
            "--css", str(HERE / "report.css"), "--template", str(HERE / "report.html"), "--include-before-body", str(before)])
    return OPERATOR.sub(r"\1<mspace width=\"0.167em\"></mspace>\2", (job.work / "page.html").read_text("utf-8")).encode()


def pdf(job: Job) -> bytes:
    """A tagged PDF with an outline, set from typst's embedded fonts alone: the same bytes everywhere.

    Raises:
        RenderError: as for `html`; a warning of typst is an error too.
    """
    layout = {key: job.options[key] for key in ("papersize", "section-numbering") if key in job.options}
    if isinstance(margin := job.options.get("margin"), dict):
        layout["margin-typst"] = ", ".join(f"{side}: {size}" for side, size in margin.items())
    page, header = job.work / "page.typ", job.work / "header.typ"
    header.write_text(job.options.get("include-in-header", {}).get("text", ""), encoding="utf-8")
    # -smart: quotes as they are, since typst takes the one of "al.'s" for an opening quote
    _pandoc(job, "typst-smart", page, layout, [
        f"--columns={LINE}", "--syntax-highlighting=idiomatic", "--template", str(HERE / "report.typ"),
        "--include-in-header", str(header)])
    stamp = datetime.datetime.fromtimestamp(job.epoch, datetime.UTC)
    try:
        compiler = typst.Compiler(str(page), root="/", ignore_system_fonts=True)
        out, warnings = compiler.compile_with_warnings(format="pdf", timestamp=stamp)
    except typst.TypstError as error:
        raise job.lines[0].place.error(f"typst cannot set the PDF: {error}") from None
    if warnings or not isinstance(out, bytes):
        raise job.lines[0].place.error(f"typst warns: {warnings[:1]}")
    return out


def _pandoc(job: Job, target: str, out: Path, layout: Mapping[str, Any], extra: Sequence[str]) -> None:
    source, metadata, options = job.work / "page.md", job.work / "meta.json", job.options
    source.write_text("\n".join(line.text for line in job.lines) + "\n", encoding="utf-8")
    number = bool(options.get("number-sections"))
    metadata.write_text(json.dumps({
        "link-citations": True, "number-sections": number, "toc-title": options.get("toc-title", "Contents"),
        **job.meta, **layout, **{key: options[key] for key in ("bibliography", "csl") if key in options},
    }), encoding="utf-8")
    command = [
        pandoc_path(), "--data-dir", str(job.work), "-f", "markdown", "-t", target, "-s", "-o", str(out),
        "--wrap=preserve", "--fail-if-warnings", "--metadata-file", str(metadata),
        *(f"--lua-filter={HERE / name}" for name in FILTERS),
        *(["--citeproc"] if "bibliography" in options else []), *(["--number-sections"] if number else []),
        *(["--toc", "--toc-depth", str(options.get("toc-depth", 3))] if options.get("toc") else []), *extra, str(source),
    ]
    environment = {"SOURCE_DATE_EPOCH": str(job.epoch), "LC_ALL": "C.UTF-8", "STUDY_ARTICLES": json.dumps(job.articles)}
    ran = subprocess.run(command, cwd=job.folder, env=environment, capture_output=True, check=False)
    if ran.returncode:
        raise _explain(ran.stderr.decode(errors="replace"), job.lines)


def pandoc_path() -> str:
    """The pandoc inside the pypandoc_binary wheel, before any other on the machine: another version, other bytes."""
    packaged = Path(pypandoc.__file__).parent / "files" / "pandoc"
    return str(packaged) if packaged.is_file() else str(pypandoc.get_pandoc_path())


def _explain(stderr: str, lines: Sequence[Line]) -> RenderError:
    top = lines[0].place if lines else Place("report", 1)
    if match := REASON.search(stderr):
        return (_locate(lines, match[2], int(match[1])) or top).error(match[3])
    if match := re.search(r"citation (\S+) not found", stderr):
        return (_locate(lines, f"@{match[1]}") or top).error(f"unknown citation @{match[1]}")
    warnings = [line for line in stderr.splitlines() if line.strip() and "Failing because" not in line]
    message = " ".join(part.strip() for part in warnings[:3]) or "pandoc failed"
    if match := re.search(r"TeX math (.*?)(, rendering as TeX|\n|$)", stderr):
        return (_locate(lines, match[1].strip("'\"")) or top).error(message)
    if match := re.search(r"line (\d+)", stderr):
        return lines[min(int(match[1]), len(lines)) - 1].place.error(message)
    return top.error(message)


def _locate(lines: Sequence[Line], token: str, nth: int = 1) -> Place | None:
    """The place of the n-th line that holds `token`, as a whole word where it is one."""
    for candidate in (token, token.lstrip(".#@")):
        exact = re.escape(candidate)
        pattern = rf"(?<![\w-]){exact}(?![\w-])" if re.search(r"\w$", candidate) else exact
        found = [line.place for line in lines if re.search(pattern, line.text)]
        if candidate and found:
            return found[min(nth, len(found)) - 1]
    return None
