"""Executed cells as Markdown for pandoc: code blocks, outputs, and Quarto's divs for figures and tables."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.render.execute import ANSI, Result
from study.render.source import Cell, Line, Text
from study.render.svg import compact

IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}
CELL_FILE = re.compile(r"\S*ipykernel_\d+/\d+\.py")  # a warning names it, and it differs on every run
RAW_HTML = re.compile(r"(?m)^(`{3,}|~{3,})[ \t]*\{=html\}[ \t]*$")


def lower(results: Sequence[Text | Result], options: Mapping[str, Any], target: str, files: Path) -> list[Line]:
    """The whole document as lines of Markdown, each with the place it comes from (for an output: its cell's).

    Args:
        results: what `execute` gave back.
        options: of this format (see `config.document_options`): echo, warning, ... and code-fold.
        target: "html" or "typst"; only HTML folds code.
        files: an existing folder that takes the images; the Markdown names them by absolute path.

    Raises:
        RenderError: images without alternative text, sub-captions that do not match, an object's repr as output.
    """
    lines: list[Line] = []
    for number, result in enumerate(results):
        if isinstance(result, Text):
            lines += result.lines
            continue
        cell, merged = result.cell, {**options["execute"], **result.cell.options}
        blocks = []
        if merged.get("include", True):
            if merged.get("echo", True) and cell.code.strip():
                blocks.append(_code(cell, merged, options, target))
            if merged.get("output", True):
                blocks += _shown(result, merged, files, cell.label or f"cell-{number}")
        text = "\n" + "\n\n".join(blocks) + "\n"
        lines += [Line(part, cell.place) for part in text.split("\n")]
    return lines


def _code(cell: Cell, merged: Mapping[str, Any], options: Mapping[str, Any], target: str) -> str:
    fold = merged.get("code-fold", options.get("code-fold", False))
    attributes = ""
    if target == "html" and fold:
        summary = merged.get("code-summary", options.get("code-summary", "Code"))
        attributes = f' code-fold="{str(fold).lower()}" code-summary={_quoted(summary)}'
    return _fenced(cell.code.strip("\n"), f".python .cell-code{attributes}")


def _shown(result: Result, merged: Mapping[str, Any], files: Path, stem: str) -> list[str]:
    cell = result.cell
    texts: list[str] = []
    images: list[Path] = []
    for output in result.outputs:
        data = output.get("data", {})
        kind = next((kind for kind in IMAGES if kind in data), None)
        if output.output_type == "stream":
            if merged.get("output") == "asis" and output.name == "stdout":
                texts.append(RAW_HTML.sub(r"\1{=study-html}", output.text))
            elif output.name == "stdout" or merged.get("warning", True):
                text = CELL_FILE.sub("cell", ANSI.sub("", output.text))
                texts.append(_fenced(text.rstrip(), ".cell-output"))
        elif output.output_type == "error":
            texts.append(_fenced(f"{output.ename}: {ANSI.sub('', output.evalue)}", ".cell-output"))
        elif kind:
            path = files / f"{stem}-{len(images) + 1}.{IMAGES[kind]}"
            path.write_bytes(compact(data[kind]).encode() if kind == "image/svg+xml" else base64.b64decode(data[kind]))
            images.append(path)
        elif "text/markdown" in data:
            texts.append(data["text/markdown"])
        elif "text/plain" in data:
            _check_repr(data["text/plain"], cell)
            texts.append(_fenced(data["text/plain"], ".cell-output"))
    figures = _figures(images, cell, result.ran)
    if cell.label.startswith("fig-") and figures:
        columns = f' layout-ncol="{cell.options["layout-ncol"]}"' if "layout-ncol" in cell.options else ""
        return [*texts, f"::::: {{#{cell.label}{columns}}}", *figures, cell.options["fig-cap"].strip(), ":::::"]
    if cell.label.startswith("tbl-") and texts:
        return [f"::::: {{#{cell.label}}}", *texts, cell.options["tbl-cap"].strip(), ":::::"]
    return [*texts, *figures]


def _figures(images: list[Path], cell: Cell, ran: bool) -> list[str]:
    given = cell.options.get("fig-alt", [])
    alts = [given] if isinstance(given, str) else given
    subcaptions = cell.options.get("fig-subcap", [])
    if cell.label.startswith("fig-") and ran and not images:
        raise cell.place.error(f"{cell.label} shows no figure")
    if len(images) > len(alts):
        raise cell.place.error(f"the cell shows {len(images)} image(s) and has {len(alts)} fig-alt: each needs its own "
                               "alternative text (a figure that is returned and still open in pyplot shows twice)")
    if ran and len(alts) > len(images):
        raise cell.place.error(f"the cell has {len(alts)} fig-alt and shows {len(images)} image(s)")
    if images and subcaptions and len(subcaptions) != len(images):
        raise cell.place.error(f"the cell has {len(subcaptions)} fig-subcap and shows {len(images)} image(s)")
    out = []
    for number, (image, alt) in enumerate(zip(images, alts, strict=False), 1):
        if subcaptions:
            out.append(f"![{subcaptions[number - 1]}](<{image}>){{#{cell.label}-{number} fig-alt={_quoted(alt)}}}")
        else:
            out.append(f"![](<{image}>){{fig-alt={_quoted(alt)}}}")
    return out


def _check_repr(text: str, cell: Cell) -> None:
    # an object's repr may hold an address, which differs on every run; Quarto hides some of them
    if re.match(r"\[?<\w", text) or re.search(r"\bat 0x[0-9a-f]+>", text):
        raise cell.place.error(f"the cell shows the repr {text.strip().splitlines()[0][:60]}: end its last line with ;")


def _fenced(text: str, attributes: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{{{attributes}}}\n{text}\n{fence}"


def _quoted(text: str) -> str:
    escaped = " ".join(str(text).split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
