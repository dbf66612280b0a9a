"""`study render`: which renderer, exit codes, and the kernel it starts."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from study.render.external import quarto_path, render_with_quarto
from study.render.project import render
from study.render.source import RenderError

QUARTO = """#!/bin/sh
echo "$@ | $QUARTO_PYTHON" >> called.txt
{body}
"""
WRITES = "mkdir -p {out}/report && echo page > {out}/report/index.html && echo paper > {out}/report/index.pdf"


def study(root: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "study.cli", "render", *arguments], cwd=root, env={**os.environ, **env},
                          text=True, capture_output=True, check=False)


def install_quarto(folder: Path, body: str) -> Path:
    folder.mkdir()
    path = folder / "quarto"
    path.write_text(QUARTO.format(body=body))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_success_prints_what_was_written(project: Callable[..., Path]) -> None:
    root = project("Text, and @hoffmann2022.\n")
    ran = study(root, "--embedded")
    assert (ran.returncode, ran.stdout.split()) == (0, ["_site/report/index.html", "_site/report/index.pdf"])
    assert (root / "_site/report/index.pdf").read_bytes().startswith(b"%PDF-")


def test_one_format_elsewhere(project: Callable[..., Path], tmp_path: Path) -> None:
    root = project("Text.\n")
    ran = study(root, "--embedded", "--to", "html", "--out", str(tmp_path / "out"))
    assert ran.returncode == 0
    assert [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "out").rglob("*.*")] == ["out/report/index.html"]
    assert not (root / "_site").exists()


def test_failure_is_one_line_and_exit_code_1(project: Callable[..., Path]) -> None:
    ran = study(project("See @fig-none.\n"), "--embedded")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.strip().splitlines() == ["study: report/index.qmd:6: unresolved cross reference @fig-none"]


@pytest.mark.parametrize("to", ["docx", "html,docx", ","])
def test_unknown_format_is_exit_code_2(to: str, project: Callable[..., Path]) -> None:
    ran = study(project("Text.\n"), "--to", to)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "html,pdf" in ran.stderr


def test_outside_a_project_is_exit_code_1(tmp_path: Path) -> None:
    ran = study(tmp_path, "--embedded")
    assert ran.returncode == 1
    assert "_quarto.yml" in ran.stderr


def test_quarto_is_used_when_on_path(project: Callable[..., Path], tmp_path: Path) -> None:
    root = project("Text.\n")
    install_quarto(tmp_path / "bin", WRITES.format(out="_site"))
    ran = study(root, PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert (ran.returncode, ran.stdout.split()) == (0, ["_site/report/index.html", "_site/report/index.pdf"])
    assert (root / "called.txt").read_text() == f"render report | {sys.executable}\n"
    assert (root / "_site/report/index.html").read_text() == "page\n"


def test_quarto_gets_the_format_and_the_folder(
        project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project("Text.\n")
    monkeypatch.setenv("QUARTO_PATH", str(install_quarto(tmp_path / "bin", WRITES.format(out="../out"))))
    found = quarto_path()
    assert found is not None
    assert render_with_quarto(found, root, ("pdf",), tmp_path / "out") == [tmp_path / "out/report/index.pdf"]
    assert (root / "called.txt").read_text() == f"render report --to typst --output-dir ../out | {sys.executable}\n"


def test_a_quarto_that_is_not_there_is_said_and_deletes_nothing(project: Callable[..., Path], tmp_path: Path) -> None:
    root = project("Text.\n")
    (root / "_site/report").mkdir(parents=True)
    (page := root / "_site/report/index.html").write_text("from an earlier render")
    ran = study(root, QUARTO_PATH=str(tmp_path / "absent"))
    assert ran.returncode == 1 and "QUARTO_PATH" in ran.stderr and len(ran.stderr.strip().splitlines()) == 1
    assert page.read_text() == "from an earlier render"


FAILURES = [(WRITES.format(out="_site") + "; exit 3", "exit code 3"), ("true", "was not written")]


@pytest.mark.parametrize(("body", "says"), FAILURES)
def test_a_failed_quarto_leaves_nothing(body: str, says: str, project: Callable[..., Path], tmp_path: Path) -> None:
    root = project("Text.\n")
    (root / "_site/report").mkdir(parents=True)
    (root / "_site/report/index.html").write_text("from an earlier render")
    with pytest.raises(RenderError, match=says):
        render_with_quarto(str(install_quarto(tmp_path / "bin", body)), root)
    assert not list((root / "_site/report").iterdir())


def test_cells_run_in_this_interpreter_without_the_users_settings(
        project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str]) -> None:
    kernel = tmp_path / "jupyter/kernels/python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "another", "language": "python"}')
    startup = tmp_path / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("print = None")
    settings = tmp_path / "matplotlibrc"
    settings.write_text("lines.linewidth: 40")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MATPLOTLIBRC", str(settings))
    monkeypatch.setenv("STUDY_RUNS", "from the environment")
    cell = ("```{python}\nimport sys, matplotlib\nfrom os import environ\n"
            "print(sys.executable, environ['STUDY_RUNS'], environ['STUDY_GRID'],\n"
            "      matplotlib.rcParams['lines.linewidth'], environ['SOURCE_DATE_EPOCH'])\n```\n")
    written = render(project(cell), ("html",), env={"STUDY_GRID": "from the caller"})
    assert f"{sys.executable} from the environment from the caller 1.5 0" in written[0].read_text()
    assert capfd.readouterr() == ("", "")
