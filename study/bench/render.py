"""How long the report takes to render, by the embedded renderer and by Quarto where it is installed."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.bench.machine import BenchError, machine


def bench_render(root: Path, *, repeats: int = 3, progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Median seconds of `study render` to HTML and to HTML and PDF, each a fresh process and an output folder of its own.

    Raises:
        BenchError: the report does not render.
    """
    if not (root / "_quarto.yml").exists():
        raise BenchError(f"{root.resolve()} holds no _quarto.yml: run this in the project's root")
    facts = machine("nbclient", "pypandoc_binary", "typst", "quarto")
    ways = {"html": ["--embedded", "--to", "html"], "html_pdf": ["--embedded", "--to", "html,pdf"]}
    if shutil.which("quarto"):
        ways["quarto_html"] = ["--to", "html"]
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats):
        for name, arguments in ways.items():
            progress(f"{name}: {turn + 1} of {repeats}")
            measured[name].append(_seconds(root, arguments))
    return {"seconds": {name: statistics.median(values) for name, values in measured.items()}, "turns": measured,
            "quarto": "measured" if "quarto_html" in ways else "not on this machine", "machine": facts,
            "about": " ".join((bench_render.__doc__ or "").split("Raises")[0].split())}


def _seconds(root: Path, arguments: list[str]) -> float:
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-W", "ignore", "-m", "study.cli", "render", *arguments, "--out", out]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"the report does not render: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
        return time.perf_counter() - start
