"""`_quarto.yml` and a document's front matter, merged for one output format the way Quarto merges them."""

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.render.source import Document, Place, load_yaml

SUFFIXES = {"html": "html", "typst": "pdf"}  # Quarto's format -> what it writes

EXECUTE = {"echo", "eval", "output", "include", "warning", "error"}
FIGURES = {"fig-width", "fig-height", "fig-format", "fig-dpi"}
SHARED = {"lang", "bibliography", "csl", "number-sections", "toc", "toc-depth", "toc-title", "code-fold", "code-summary",
          *FIGURES}
FORMATS = {
    "html": {"embed-resources", "html-math-method", "theme", "include-before-body", "execute", *EXECUTE, *SHARED},
    "typst": {"citeproc", "section-numbering", "papersize", "margin", "include-in-header", "execute", *EXECUTE, *SHARED},
}
PROJECT = {"type", "render", "output-dir", "execute-dir"}
QUARTO_YML = {"project", "execute", "format", "filters", *SHARED}
FRONT_MATTER = {"title", "subtitle", "author", "date", "abstract", "keywords", "jupyter", "execute", "format", *SHARED}
FIXED: dict[str, dict[str, Any]] = {  # the one value each of these may have, where it is given at all
    "project": {"type": "default", "execute-dir": "project"},
    "html": {"embed-resources": True, "html-math-method": "mathml"},
    "typst": {"citeproc": True},
    "execute": {"freeze": False},
}
FILTERS = ["study/render/articles.lua"]  # what Quarto needs of this renderer's own: the links between articles
TEXTS = {"include-in-header", "include-before-body"}  # options whose value is `text:`
REQUIRED = {"html": ("embed-resources", "html-math-method"), "typst": ("citeproc",)}
WHOLE = ("eval", "error")  # a cell runs once for both formats, so these cannot differ between them
Where = Callable[[str], Place]  # the place of a key
FORMAT_NAMES = ("svg", "png")
BAR_LINK = re.compile(r'href="([\w-]+)\.html"')


@dataclass(frozen=True)
class Project:
    """`_quarto.yml`: the documents to render, where the output goes, and the options below every document's own."""

    root: Path
    documents: tuple[Path, ...]
    output: Path
    options: dict[str, Any]


def read_project(root: Path) -> Project:
    """Read root/_quarto.yml.

    Raises:
        RenderError: missing, malformed, or asking for something outside the common subset.
    """
    path, top = root / "_quarto.yml", Place("_quarto.yml", 1)
    if not path.is_file():
        raise top.error(f"not found in {root}: run from the project's root")
    text = path.read_text(encoding="utf-8")
    options = load_yaml(text, top)

    def where(key: str) -> Place:
        lines = text.splitlines()
        return Place("_quarto.yml", next((n for n, line in enumerate(lines, 1) if line.strip().startswith(f"{key}:")), 1))

    _check(options, QUARTO_YML, where)
    project = options.pop("project", None) or {}
    for key in sorted(set(project) - PROJECT):
        raise where(key).error(f"outside the common subset: project option {key}")
    _check_fixed("project", project, where)
    documents = tuple(dict.fromkeys(path for name in project.get("render") or () for path in _matching(root, str(name))))
    if not documents:
        raise where("project").error("project: render: must list the documents, as report/index.qmd or report/*.qmd")
    if project.get("execute-dir") != "project":
        raise where("project").error("project: execute-dir: project is required, cells run in the project's root")
    for document in documents:
        if not document.is_file() or document.suffix != ".qmd":
            raise where("render").error(f"{document.relative_to(root)} is not a .qmd file")
    if options.pop("filters", FILTERS) != FILTERS:
        raise where("filters").error(f"outside the common subset: filters other than {FILTERS[0]}")
    found = Project(root, documents, root / project.get("output-dir", "_site"), options)
    _check_bar(found, where)
    return found


def _matching(root: Path, name: str) -> list[Path]:
    # as in Quarto, a pattern leaves out what begins with _ or .
    return sorted(path for path in root.glob(name) if path.name[0] not in "_.") if "*" in name else [root / name]


def chosen(project: Project, articles: Sequence[str]) -> tuple[Path, ...]:
    """The documents that `articles` name, as "kaplan" or "report/kaplan.qmd"; all of the project where none is named.

    Raises:
        StudyError: there is no such article.
    """
    names = {name: path for path in project.documents
             for name in (path.relative_to(project.root).as_posix(), path.name, path.stem)}
    if missing := [name for name in articles if name not in names]:
        known = ", ".join(sorted(path.stem for path in project.documents))
        raise StudyError(f"no article {missing[0]}: there are {known}")
    return tuple(dict.fromkeys(names[name] for name in articles)) or project.documents


def bar(options: dict[str, Any], article: str) -> str:
    """The navigation bar of an article's page, its own link marked as the current one; empty where _quarto.yml has none."""
    text = str(options.get("include-before-body", {}).get("text", ""))
    return text.replace(f'href="{article}.html"', f'href="{article}.html" aria-current="page"')


def _check_bar(project: Project, where: Where) -> None:
    text = bar(_formats(project.options).get("html", {}), "")
    linked, articles = BAR_LINK.findall(text), [path.stem for path in project.documents]
    for name in dict.fromkeys([*linked, *(articles if text else [])]):
        if name not in articles:
            raise where("include-before-body").error(f"the navigation bar links to {name}.html, and there is no {name}.qmd")
        if linked.count(name) != 1:
            raise where("include-before-body").error(f"the navigation bar must link once to {name}.html")


def document_options(project: Project, document: Document, target: str) -> dict[str, Any]:
    """All options of `document` for one format ("html" or "typst"), flat: in each of project and front matter the
    format's own over the general ones, then the front matter's over the project's, as in Quarto. Cell defaults are
    under "execute"; bibliography and csl are absolute paths.

    Raises:
        RenderError: a front matter outside the common subset.
    """
    top = Place(document.path.relative_to(project.root).as_posix(), 1)

    def where(key: str) -> Place:
        return document.header_places.get(key, top)

    _check(document.header, FRONT_MATTER, where)
    if document.header.get("format") and set(document.header["format"]) != set(FORMATS):
        raise where("format").error("a front matter that has format: lists html and typst, Quarto renders no others")
    options = _merge(_flat(project.options, target), _flat(document.header, target))
    for key in REQUIRED[target]:
        if options.get(key) != FIXED[target][key]:
            raise where("format").error(f"format {target} needs {key}: {str(FIXED[target][key]).lower()}")
    return {**options, **_bibliography(options, project.root, document.path, top)}


def _flat(source: dict[str, Any], target: str) -> dict[str, Any]:
    own = _formats(source).get(target, {})
    execute = {**(source.get("execute") or {}), **(own.get("execute") or {})}
    rest = {key: value for key, value in {**source, **own}.items() if key not in EXECUTE | {"execute", "format"}}
    return {**rest, "execute": {**execute, **{key: own[key] for key in sorted(EXECUTE & set(own))}}}


def _formats(source: dict[str, Any]) -> dict[str, dict[str, Any]]:
    # a format without options of its own is written `html: default`
    return {name: {} if own in (None, "default") else own for name, own in (source.get("format") or {}).items()}


def _bibliography(options: dict[str, Any], root: Path, document: Path, top: Place) -> dict[str, list[str]]:
    # Quarto reads a path in _quarto.yml from the root and one in the front matter from the document's folder
    found: dict[str, list[str]] = {}
    for key in ("bibliography", "csl"):
        names = options.get(key) or []
        for name in names if isinstance(names, list) else [names]:
            path = next((folder / str(name) for folder in (root, document.parent) if (folder / str(name)).is_file()), None)
            if path is None:
                raise top.error(f"{key} not found: {name}")
            found.setdefault(key, []).append(str(path))
    return found


def kernel_options(per_format: list[dict[str, Any]], place: Place) -> dict[str, Any]:
    """What decides how cells run: figure sizes, eval and error. One kernel serves both formats.

    Raises:
        RenderError: the formats disagree.
    """
    chosen = [{**{key: options.get(key) for key in FIGURES}, **{key: options["execute"].get(key) for key in WHOLE}}
              for options in per_format]
    for key in chosen[0]:
        if any(other[key] != chosen[0][key] for other in chosen):
            raise place.error(f"{key} differs between the formats: cells run once for both, set it above `format:`")
    return {key: value for key, value in chosen[0].items() if value is not None}


def metadata(options: dict[str, Any], place: Place) -> dict[str, Any]:
    """Title, authors, date, abstract and language, for pandoc. Authors become a list of names, the date is spelt out.

    Raises:
        RenderError: an author or date in a form the common subset has not.
    """
    kept = ("title", "subtitle", "abstract", "keywords", "lang")
    out: dict[str, Any] = {key: options[key] for key in kept if key in options}
    if "title" not in out:
        raise place.error("the front matter needs a title")
    authors = options.get("author") or []
    authors = authors if isinstance(authors, list) else [authors]
    names = [author["name"] if isinstance(author, dict) and set(author) == {"name"} else author for author in authors]
    if not all(isinstance(name, str) for name in names):
        raise place.error("outside the common subset: each author is a name or `name: ...`")
    if names:
        out["author"] = names
    if "date" in options:
        date = options["date"]
        try:
            date = date if isinstance(date, datetime.date) else datetime.date.fromisoformat(str(date))
        except ValueError:
            raise place.error(f"outside the common subset: date {date} (write a fixed date, as 2026-01-31)") from None
        out["date"] = f"{date:%B} {date.day}, {date.year}"
    return out


def _check(options: dict[str, Any], known: set[str], where: Where) -> None:
    for key in options:
        if key not in known:
            raise where(key).error(f"outside the common subset: {key}")
    execute = options.get("execute") or {}
    for key in execute:
        if key not in EXECUTE | {"freeze"}:
            raise where("execute").error(f"outside the common subset: execute option {key}")
    _check_fixed("execute", execute, where)
    if not isinstance(options.get("format") or {}, dict):
        raise where("format").error("format must map html and typst to their options")
    for name, own in _formats(options).items():
        if name not in FORMATS:
            raise where("format").error(f"outside the common subset: format {name} (html and typst)")
        for key in own:
            if key not in FORMATS[name]:
                raise where("format").error(f"outside the common subset: {name} option {key}")
        _check_fixed(name, own, where)
        for key in sorted(TEXTS & set(own)):
            if not (isinstance(own[key], dict) and list(own[key]) == ["text"] and isinstance(own[key]["text"], str)):
                raise where(key).error(f"outside the common subset: {key} other than text:")
        for key in own.get("execute") or {}:
            if key not in EXECUTE:
                raise where("format").error(f"outside the common subset: {name} execute option {key}")
    if options.get("fig-format", "svg") not in FORMAT_NAMES:
        raise where("fig-format").error(f"fig-format is one of {', '.join(FORMAT_NAMES)}")


def _check_fixed(section: str, options: dict[str, Any], where: Where) -> None:
    for key, value in FIXED[section].items():
        if options.get(key, value) != value:
            place = where({"html": "format", "typst": "format", "project": key}.get(section, section))
            raise place.error(f"outside the common subset: {section}: {key}: {options[key]} (only {str(value).lower()})")


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        out[key] = _merge(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out
