"""A Quarto document as text: includes expanded, split into prose and cells, every line with the place it came from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from study.errors import StudyError

INLINE = re.compile(r"(?<!`)`\{python\}[ \t]([^`]+)`")
INCLUDE = re.compile(r"\{\{< include (\S+) >\}\}\s*$")
SHORTCODE = re.compile(r"\{\{\{?<.*")
FENCE = re.compile(r"( *)(`{3,}|~{3,})[ \t]*(.*?)\s*$")
LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*$")
RESERVED = re.compile(r"(eq|sec|lst|thm|lem|cor|prp|cnj|def|exm|exr|rem|sol|alg|vid|dia|prf|nte|tip|wrn|imp|cau)-")

CELL_OPTIONS: dict[str, tuple[type, ...]] = {
    "label": (str,), "echo": (bool,), "eval": (bool,), "output": (bool, str), "include": (bool,), "warning": (bool,),
    "error": (bool,), "code-fold": (bool, str), "code-summary": (str,), "fig-cap": (str,), "fig-subcap": (list,),
    "fig-alt": (str, list), "layout-ncol": (int,), "tbl-cap": (str,),
}
WORDS = {"output": "asis", "code-fold": "show"}  # the one string each of these takes


class RenderError(StudyError):
    """The report cannot be rendered. The message begins with the file and line where the reason is."""


@dataclass(frozen=True)
class Place:
    """A line of a source file, the file named from the project's root."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def error(self, message: str) -> RenderError:
        return RenderError(f"{self}: {message}")


@dataclass(frozen=True)
class Line:
    """One line of Markdown and where it comes from."""

    text: str
    place: Place


@dataclass(frozen=True)
class Text:
    """A run of lines between two cells, plain code fences included."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Cell:
    """A code cell. `code` starts on line `first` of the file, after the `#|` options; `place` is its opening fence."""

    code: str
    options: dict[str, Any]
    place: Place
    first: int

    @property
    def label(self) -> str:
        return str(self.options.get("label", ""))


@dataclass(frozen=True)
class Document:
    """A parsed .qmd: `path`, its front matter (with the place of each top-level key) and its blocks in order."""

    path: Path
    header: dict[str, Any]
    header_places: dict[str, Place]
    blocks: tuple[Text | Cell, ...]

    @property
    def computed(self) -> int:
        """How many cells and inline values it has."""
        lines = [line for block in self.blocks if isinstance(block, Text) for line in block.lines]
        return sum(isinstance(block, Cell) for block in self.blocks) + sum(len(inline_values(line)) for line in lines)


def read_document(path: Path, root: Path) -> Document:
    """Parse a .qmd and everything it includes.

    Raises:
        RenderError: a missing include, or text outside the common subset (shortcodes, other languages' cells,
            unknown or malformed cell options, duplicate labels, inline values in headings or the front matter).
    """
    lines = _lines(path, root)
    header, places, rest = _front_matter(lines)
    blocks = tuple(_blocks(rest))
    seen: dict[str, Place] = {}
    for cell in blocks:
        if isinstance(cell, Cell) and cell.label:
            if cell.label in seen:
                raise cell.place.error(f"label {cell.label} is defined twice, first at {seen[cell.label]}")
            seen[cell.label] = cell.place
    return Document(path, header, places, blocks)


def inline_values(line: Line) -> list[str]:
    """The Python expressions of the inline values `{python} expression` on a line, in order."""
    return INLINE.findall(line.text)


def _lines(path: Path, root: Path, parents: tuple[Path, ...] = ()) -> list[Line]:
    name = path.relative_to(root).as_posix()
    out: list[Line] = []
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RenderError(f"{name}:1: cannot be read: {error}") from None
    for number, text in enumerate(texts, 1):
        place = Place(name, number)
        if number == 1 and parents and text.rstrip() == "---":
            raise place.error("an included file has no front matter of its own")
        if match := INCLUDE.match(text):
            target = path.parent / match[1]
            if match[1].startswith(("/", ".")) or ".." in match[1]:
                raise place.error(f"outside the common subset: include {match[1]} from another folder than the document's own")
            if parents and "/" in match[1]:
                raise place.error(f"outside the common subset: include {match[1]} from a folder inside an included file")
            if not target.is_file():
                raise place.error(f"included file not found: {match[1]}")
            if target in (path, *parents):
                raise place.error(f"{match[1]} includes itself")
            out += [Line("", place), *_lines(target, root, (path, *parents)), Line("", place)]
        elif match := SHORTCODE.search(text):
            raise place.error(f"outside the common subset: shortcode {match[0].strip()}")
        else:
            out.append(Line(text, place))
    return out


def _front_matter(lines: list[Line]) -> tuple[dict[str, Any], dict[str, Place], list[Line]]:
    if not lines or lines[0].text.rstrip() != "---":
        return {}, {}, lines
    end = next((i for i, line in enumerate(lines[1:], 1) if line.text.rstrip() in ("---", "...")), None)
    if end is None:
        raise lines[0].place.error("the front matter is not closed by ---")
    for line in lines[1:end]:
        if "`{python}" in line.text:
            raise line.place.error("outside the common subset: an inline value in the front matter")
    header = load_yaml("\n".join(line.text for line in lines[1:end]), lines[1].place)
    places = {key: line.place for line in reversed(lines[1:end]) for key in header if line.text.startswith(f"{key}:")}
    return header, places, lines[end + 1:]


def load_yaml(text: str, first: Place) -> dict[str, Any]:
    """A YAML mapping whose first line is at `first`; errors name the line of the file.

    Raises:
        RenderError: not valid YAML, or not a mapping.
    """
    try:
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        raise Place(first.file, first.line + line).error(f"not valid YAML: {error.problem}") from None
    if not isinstance(value, dict | None):
        raise first.error("expected `key: value` lines")
    return value or {}


def _blocks(lines: list[Line]) -> Iterator[Text | Cell]:
    text: list[Line] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        fence = FENCE.match(line.text)
        if not fence or (fence[2][0] == "`" and "`" in fence[3]):
            _check_prose(line, text[-1].text if text else "")
            text.append(line)
            position += 1
            continue
        end = _closing(lines, position, fence[2])
        info = fence[3]
        if info == "{python}" and not fence[1]:
            if text:
                yield Text(tuple(text))
            text = []
            yield _cell(lines[position:end])
        elif info.startswith("{") and not info.startswith("{."):
            raise line.place.error(f"outside the common subset: {fence[2]}{info}" + _why_fence(info))
        else:
            text += lines[position:end + 1]
        position = end + 1
    if text:
        yield Text(tuple(text))


def _closing(lines: list[Line], start: int, fence: str) -> int:
    closing = re.compile(rf" *{fence[0]}{{{len(fence)},}}\s*$")
    for position in range(start + 1, len(lines)):
        if lines[position].place.file == lines[start].place.file and closing.match(lines[position].text):
            return position
    raise lines[start].place.error(f"the fence {fence} is not closed")


def _why_fence(info: str) -> str:
    if info.startswith("{python"):
        return " (a cell begins with ```{python} at the start of a line, its options are `#|` lines)"
    if info.startswith("{="):
        return " (print raw HTML from a cell with `output: asis`)"
    return ""


def _check_prose(line: Line, previous: str) -> None:
    found = inline_values(line)
    if line.text.count("`{python}") != len(found):
        raise line.place.error("an inline value must stand on one line, as `{python} expression`")
    underlined = re.match(r"(=+|-+)\s*$", line.text) and "`{python}" in previous
    if (found and line.text.startswith("#")) or underlined:
        raise line.place.error("outside the common subset: an inline value in a heading")


def _cell(lines: list[Line]) -> Cell:
    place = lines[0].place
    head = 1
    while head < len(lines) and lines[head].text.startswith("#|"):
        head += 1
    for line in lines[head:]:
        if line.text.startswith("#|"):
            raise line.place.error("`#|` options come before the code of a cell")
    raw = [line.text.removeprefix("#|").removeprefix(" ") for line in lines[1:head]]
    options = load_yaml("\n".join(raw), Place(place.file, place.line + 1))
    where = {text.partition(":")[0]: line.place for line, text in zip(lines[1:head], raw, strict=True)}
    for key, value in options.items():
        _check_option(key, value, where.get(key, place))
    cell = Cell("\n".join(line.text for line in lines[head:]), options, place, place.line + head)
    _check_caption(cell, where)
    return cell


def _check_option(key: str, value: Any, place: Place) -> None:
    if key not in CELL_OPTIONS:
        raise place.error(f"outside the common subset: cell option {key} (known: {', '.join(CELL_OPTIONS)})")
    types = CELL_OPTIONS[key]
    good = isinstance(value, types) and (types != (int,) or str(value) in "123456789")
    if isinstance(value, str) and bool in types:
        good = value == WORDS.get(key)
    if isinstance(value, list):
        good = good and bool(value) and all(isinstance(item, str) and item.strip() for item in value)
    if not good:
        raise place.error(f"outside the common subset: {key}: {value!r}")
    if any("`{python}" in part for part in (value if isinstance(value, list) else [str(value)])):
        raise place.error(f"outside the common subset: an inline value in {key} (put the cell in a ::: {{#fig-...}} div "
                          "that ends with the caption as a paragraph)")
    if key == "label" and (not LABEL.match(value) or RESERVED.match(value)):
        raise place.error(f"outside the common subset: label {value} (a cell's label begins with fig- or tbl-)")
    if key in ("fig-cap", "tbl-cap") and "\n\n" in value.strip():
        raise place.error(f"{key} is one paragraph")


def _check_caption(cell: Cell, where: dict[str, Place]) -> None:
    for kind in ("fig", "tbl"):
        caption, labelled = f"{kind}-cap" in cell.options, cell.label.startswith(f"{kind}-")
        if caption and not labelled:
            raise where[f"{kind}-cap"].error(f"{kind}-cap needs a label that begins with {kind}-")
        if labelled and not caption:
            raise where["label"].error(f"{cell.label} needs a {kind}-cap")
    if "fig-subcap" in cell.options and "fig-cap" not in cell.options:
        raise where["fig-subcap"].error("fig-subcap needs a fig-cap")
    if "layout-ncol" in cell.options and "fig-cap" not in cell.options:
        raise where["layout-ncol"].error("layout-ncol needs a fig-cap")
