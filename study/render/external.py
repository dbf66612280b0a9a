"""Render with Quarto itself, where it is installed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import quarto

from study.inference import shared
from study.render.config import chosen, read_project
from study.render.project import TARGETS, clear, output_path
from study.render.source import RenderError


def quarto_path() -> str | None:
    """The `quarto` executable: QUARTO_PATH if set, else the one on PATH, else None."""
    found: str | None = quarto.path()
    return found


def render_with_quarto(executable: str, root: Path, formats: Sequence[str] = ("html", "pdf"), out: Path | None = None,
                       articles: Sequence[str] = ()) -> list[Path]:
    """`quarto render` for every folder that root/_quarto.yml lists documents of, or for each of `articles`.

    The cells are run by this interpreter. Arguments and output paths as for `project.render`. Quarto only warns about an
    unresolved reference.

    Raises:
        RenderError: quarto cannot be run, fails, or writes a document elsewhere.
        StudyError: there is no such article.
    """
    if shutil.which(executable) is None:
        raise RenderError(f"cannot run {executable}: set QUARTO_PATH to the quarto executable, or leave it unset")
    root = root.resolve()
    project = read_project(root)
    documents = chosen(project, articles)
    inputs = list(documents) if articles else list(dict.fromkeys(document.parent for document in documents))
    for document in documents:
        clear(project, document, out, formats)
    written: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="study-fits-", ignore_cleanup_errors=True) as fits:
        for path in inputs:
            name = path.relative_to(root).as_posix()
            command = [executable, "render", name]
            if set(formats) != set(TARGETS):  # without --to quarto renders every format of _quarto.yml
                command += ["--to", ",".join(TARGETS[suffix] for suffix in formats)]
            if out is not None:
                command += ["--output-dir", os.path.relpath(out.resolve(), root)]
            # quarto.render() of the package drops the exit code, so the executable that it found is run here
            env = {"SOURCE_DATE_EPOCH": "0", shared.VARIABLE: fits, **os.environ, "QUARTO_PYTHON": sys.executable}
            code = subprocess.run(command, cwd=root, env=env, check=False).returncode
            made = [output_path(project, document, out, suffix) for document in documents if path in (document, document.parent)
                    for suffix in formats]
            missing = [one for one in made if not one.is_file()]
            if code or missing:
                for document in documents:
                    clear(project, document, out, TARGETS)
                reason = f"exit code {code}" if code else f"{missing[0]} was not written"
                raise RenderError(f"{name}: quarto render failed ({reason}); its own messages are above")
            written += made
    return written
