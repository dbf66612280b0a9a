"""`study reproduce`: the whole study from scratch."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from study.reproduce import Step

FRESH = Path("build") / "reproduce"


def command(
    grid: Annotated[str, typer.Option(help="The grid to reproduce: quick takes minutes, cpu hours.")] = "quick",
    workers: Annotated[int, typer.Option(min=1, help="Worker processes (default: one a core).")] = os.cpu_count() or 1,
) -> None:
    """Train a grid from scratch, compare it with the committed records, fit it and render the report from it.

    Everything goes into build/reproduce/, which is deleted first; committed records are compared with, never used.
    The first step that fails ends it, with that step's exit code.

    Example: `study reproduce --grid quick --workers 2`
    """
    import time

    from rich.console import Console

    from study.grids import grid as named
    from study.launch.show import duration
    from study.reproduce import answer, start_afresh, steps

    console = Console(highlight=False, soft_wrap=True, markup=False)
    root = Path.cwd()
    fresh = root / FRESH
    todo = steps(grid, root, fresh, workers)
    start_afresh(fresh)
    began = time.monotonic()
    for number, step in enumerate(todo, 1):
        console.print(f"\n[{number}/{len(todo)}] {step.line}", style="bold")
        start = time.monotonic()
        if code := _run(step, root):
            Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(
                f"study: step {number} of {len(todo)} failed with exit code {code}: {step.line}")
            raise typer.Exit(code if code > 0 else 128 - code)
        console.print(f"[{number}/{len(todo)}] done in {duration(time.monotonic() - start)}", style="dim")
    console.print(f"\nreproduced in {duration(time.monotonic() - began)}", style="bold")
    if not any(step.arguments[0] == "verify" for step in todo):
        console.print(f"there are no committed records in runs/{named(grid).name}: nothing to compare with")
    console.print(answer(fresh / "fit" / "fit.json"))
    for page in sorted((fresh / "_site" / "report").glob("index.*")):
        console.print(f"report: {page.relative_to(root)}")


def _run(step: "Step", root: Path) -> int:
    return subprocess.run([sys.executable, "-m", "study.cli", *step.arguments], cwd=root, check=False,
                          env={**os.environ, **step.environment}).returncode
