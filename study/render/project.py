"""Render the articles of a project: read, execute, lower, set; only a render that went through reaches the output."""

import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from study.inference import shared
from study.record import write_atomic
from study.render import documents, links
from study.render.config import SUFFIXES, Project, chosen, document_options, kernel_options, metadata, read_project
from study.render.execute import execute
from study.render.lower import lower
from study.render.source import Document, Line, Place, RenderError, read_document

WRITERS = {"html": documents.html, "typst": documents.pdf}
TARGETS = {suffix: target for target, suffix in SUFFIXES.items()}
KERNELS = 2  # articles whose cells run at the same time
Progress = Callable[[str, int, int, str], None]  # article, cells done, cells in all, what runs now


class StoppedError(RenderError):
    """Another article did not render, so this one was stopped."""


@dataclass(frozen=True)
class Work:
    """What the articles of one render share."""

    project: Project
    targets: tuple[str, ...]
    env: Mapping[str, str]
    progress: Progress | None
    known: Mapping[str, Mapping[str, bool]]
    stop: threading.Event


def render(root: Path, formats: Sequence[str] = ("html", "pdf"), out: Path | None = None, env: Mapping[str, str] | None = None,
           progress: Progress | None = None, articles: Sequence[str] = ()) -> list[Path]:
    """Render articles that root/_quarto.yml lists with the embedded renderer, two at a time.

    The cells of an article run once, in one kernel of this interpreter, with `root` as working directory. Rendered twice
    from the same sources and records, the files have the same bytes.

    Args:
        root: the project's root.
        formats: "html", "pdf" or both.
        out: output folder in place of `output-dir`; report/index.qmd becomes out/report/index.html and .pdf.
        env: environment variables for the cells, on top of this process's (STUDY_GRID, STUDY_RUNS, ...).
        progress: called before each cell with (article, done, in all, what), from a thread of the article's own.
        articles: names as "kaplan" or "report/kaplan.qmd"; all where none is given.

    Returns:
        The files written.

    Raises:
        RenderError: with file and line. The output folder then holds no copy of these articles, not even an older one.
        StudyError: there is no such article.
    """
    root = root.resolve()
    project = read_project(root)
    paths = chosen(project, articles)
    if not formats or any(name not in TARGETS for name in formats):
        raise RenderError(f"unknown format in {','.join(formats) or 'an empty list'}: html, pdf or both")
    for path in paths:
        clear(project, path, out, formats)
    try:
        read = {path: read_document(path, project.root) for path in project.documents}
        with tempfile.TemporaryDirectory(prefix="study-fits-", ignore_cleanup_errors=True) as fits:
            work = Work(project, tuple(TARGETS[name] for name in formats), {shared.VARIABLE: fits, **(env or {})}, progress,
                        links.known(read.values()), threading.Event())
            pages = _all(work, [read[path] for path in paths])
        return [_written(output_path(project, path, out, suffix), page)
                for path in paths for suffix, page in pages[path].items()]
    except BaseException:
        for path in paths:
            clear(project, path, out, TARGETS)
        raise


def _written(target: Path, page: bytes) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, page)
    return target


def output_path(project: Project, document: Path, out: Path | None, suffix: str) -> Path:
    """Where a document goes, here and in Quarto alike: the output folder, then its path in the project."""
    return (out or project.output) / document.relative_to(project.root).with_suffix(f".{suffix}")


def clear(project: Project, document: Path, out: Path | None, suffixes: Sequence[str] | Mapping[str, str]) -> None:
    """Remove earlier copies of a document, so that none outlives a failed render."""
    for suffix in suffixes:
        output_path(project, document, out, suffix).unlink(missing_ok=True)


def _all(work: Work, articles: Sequence[Document]) -> dict[Path, dict[str, bytes]]:
    """The pages of each article by suffix; the first that fails stops the others before their next cell."""
    with ThreadPoolExecutor(KERNELS) as pool:
        longest_first = sorted(articles, key=lambda article: -article.computed)
        begun = {pool.submit(_render, work, article): article for article in longest_first}
        try:
            return {begun[done].path: done.result() for done in as_completed(begun)}
        except BaseException:
            work.stop.set()
            for one in begun:
                one.cancel()
            raise


def _render(work: Work, document: Document) -> dict[str, bytes]:
    project, path = work.project, document.path
    top = Place(path.relative_to(project.root).as_posix(), 1)
    options = {target: document_options(project, document, target) for target in work.targets}
    epoch = work.env.get("SOURCE_DATE_EPOCH", os.environ.get("SOURCE_DATE_EPOCH", "0"))
    kernel = kernel_options(list(options.values()), top)

    def progress(done: int, total: int, what: str) -> None:
        if work.stop.is_set():
            raise StoppedError(f"{top.file}: stopped, since another article does not render")
        if work.progress:
            work.progress(path.stem, done, total, what)

    results = execute(document, project.root, kernel, {**work.env, "SOURCE_DATE_EPOCH": epoch}, progress)
    pages: dict[str, bytes] = {}
    for target in work.targets:
        with tempfile.TemporaryDirectory(prefix="study-") as name:
            folder = Path(name).resolve()
            lines = [Line("", top), *lower(results, options[target], target, folder)]
            job = documents.Job(lines, options[target], metadata(options[target], top), path.parent, folder, int(epoch), path.stem,
                                work.known)
            pages[SUFFIXES[target]] = WRITERS[target](job)
    return pages
