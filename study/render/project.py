"""Render the documents of a project: read, execute, lower, set; only a render that went through reaches the output."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from study.record import write_atomic
from study.render import documents
from study.render.config import SUFFIXES, Project, document_options, kernel_options, metadata, read_project
from study.render.execute import Progress, execute
from study.render.lower import lower
from study.render.source import Line, Place, RenderError, read_document

WRITERS = {"html": documents.html, "typst": documents.pdf}
TARGETS = {suffix: target for target, suffix in SUFFIXES.items()}


def render(root: Path, formats: Sequence[str] = ("html", "pdf"), out: Path | None = None,
           env: Mapping[str, str] | None = None, progress: Progress | None = None) -> list[Path]:
    """Render every document that root/_quarto.yml lists, with the embedded renderer.

    The cells run once, in one kernel of this interpreter, with `root` as working directory. Rendered twice from the
    same sources and records, the files have the same bytes.

    Args:
        root: the project's root.
        formats: "html", "pdf" or both.
        out: output folder in place of `output-dir`; report/index.qmd becomes out/report/index.html and .pdf.
        env: environment variables for the cells, on top of this process's (STUDY_GRID, STUDY_RUNS, ...).
        progress: called before each cell with (done, in all, what).

    Returns:
        The files written.

    Raises:
        RenderError: with file and line. The output folder then holds no copy of the document, not even an older one.
    """
    root = root.resolve()
    project = read_project(root)
    if not formats or any(name not in TARGETS for name in formats):
        raise RenderError(f"unknown format in {','.join(formats) or 'an empty list'}: html, pdf or both")
    written: list[Path] = []
    for path in project.documents:
        clear(project, path, out, formats)
        try:
            pages = _render(project, path, [TARGETS[name] for name in formats], env or {}, progress)
        except BaseException:
            clear(project, path, out, TARGETS)
            raise
        for suffix, page in pages.items():
            target = output_path(project, path, out, suffix)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(target, page)
            written.append(target)
    return written


def output_path(project: Project, document: Path, out: Path | None, suffix: str) -> Path:
    """Where a document goes, here and in Quarto alike: the output folder, then its path in the project."""
    return (out or project.output) / document.relative_to(project.root).with_suffix(f".{suffix}")


def clear(project: Project, document: Path, out: Path | None, suffixes: Sequence[str] | Mapping[str, str]) -> None:
    """Remove earlier copies of a document, so that none outlives a failed render."""
    for suffix in suffixes:
        output_path(project, document, out, suffix).unlink(missing_ok=True)


def _render(project: Project, path: Path, targets: list[str], env: Mapping[str, str],
            progress: Progress | None) -> dict[str, bytes]:
    document = read_document(path, project.root)
    top = Place(path.relative_to(project.root).as_posix(), 1)
    options = {target: document_options(project, document, target) for target in targets}
    epoch = env.get("SOURCE_DATE_EPOCH", os.environ.get("SOURCE_DATE_EPOCH", "0"))
    kernel = kernel_options(list(options.values()), top)
    results = execute(document, project.root, kernel, {**env, "SOURCE_DATE_EPOCH": epoch}, progress)
    pages: dict[str, bytes] = {}
    for target in targets:
        with tempfile.TemporaryDirectory(prefix="study-") as name:
            work = Path(name).resolve()
            lines = [Line("", top), *lower(results, options[target], target, work)]
            job = documents.Job(lines, options[target], metadata(options[target], top), path.parent, work, int(epoch))
            pages[SUFFIXES[target]] = WRITERS[target](job)
    return pages
