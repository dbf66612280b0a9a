"""Run the cells and inline values of a document, in order, in one kernel of the current interpreter."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from study.render.source import INLINE, Cell, Document, Line, Place, Text

Progress = Callable[[int, int, str], None]  # cells done, cells in all, what runs now

SHOWN = ("text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
SETUP = """\
import os, random
random.seed(0)
try:
    import matplotlib, matplotlib.pyplot, matplotlib_inline.backend_inline, numpy
except ImportError:
    pass
else:
    numpy.random.seed(0)
    matplotlib.rcdefaults()
    get_ipython().run_line_magic("matplotlib", "inline")
    matplotlib_inline.backend_inline.set_matplotlib_formats({format!r})
    matplotlib.rcParams.update({params!r})
"""


@dataclass(frozen=True)
class Result:
    """A cell, whether it was evaluated, and what it put out (nbformat output nodes)."""

    cell: Cell
    ran: bool
    outputs: tuple[Any, ...]


def execute(document: Document, root: Path, options: Mapping[str, Any], env: Mapping[str, str] | None = None,
            progress: Progress | None = None) -> list[Text | Result]:
    """Run every cell of `document` with `root` as working directory; prose comes back with its inline values filled in.

    Args:
        document: a parsed document.
        root: the project's root, where cells run.
        options: fig-width and fig-height in inches, fig-format, fig-dpi, eval, error (see `config.kernel_options`).
        env: environment variables set on top of this process's.
        progress: called before each cell and once at the end.

    Raises:
        RenderError: a cell or inline value raises, or puts out what the common subset has not.
    """
    notebook = nbformat.v4.new_notebook()
    places = [Place("_quarto.yml", 1)]
    notebook.cells = [nbformat.v4.new_code_cell(_setup(options))]
    for block in document.blocks:
        for source, place, may_raise in _sources(block, options):
            tags = ["raises-exception"] if may_raise else []
            notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
            places.append(place)
    if len(places) > 1:  # prose alone needs no kernel
        _run(notebook, places, root, env or {}, progress)
    outputs = iter([tuple(cell.outputs) for cell in notebook.cells[1:]])
    results: list[Text | Result] = []
    for block in document.blocks:
        ran = [next(outputs) for _ in _sources(block, options)]
        if isinstance(block, Text):
            values = iter(ran)
            results.append(Text(tuple(_fill(line, values) for line in block.lines)))
        else:
            for output in (output for outs in ran for output in outs):
                _check_output(output, block)
            results.append(Result(block, bool(ran), ran[0] if ran else ()))
    return results


def _setup(options: Mapping[str, Any]) -> str:
    size = (options.get("fig-width", 7), options.get("fig-height", 5))
    params: dict[str, Any] = {"figure.figsize": size, "svg.hashsalt": "study"}
    if "fig-dpi" in options:
        params |= {"figure.dpi": options["fig-dpi"], "savefig.dpi": "figure"}
    return SETUP.format(format=options.get("fig-format", "svg"), params=params)


def _sources(block: Text | Cell, options: Mapping[str, Any]) -> list[tuple[str, Place, bool]]:
    if isinstance(block, Cell):
        if not block.options.get("eval", options.get("eval", True)):
            return []
        return [(block.code, Place(block.place.file, block.first), block.options.get("error", options.get("error", False)))]
    return [(expression, line.place, False) for line in block.lines for expression in INLINE.findall(line.text)]


def _run(notebook: Any, places: list[Place], root: Path, env: Mapping[str, str], progress: Progress | None) -> None:
    # a name without any kernel directory resolves to ipykernel under sys.executable, whatever "python3" is elsewhere;
    # the address of a local socket has about 100 bytes
    folder = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"
    with tempfile.TemporaryDirectory(prefix="study-", dir=folder, ignore_cleanup_errors=True) as scratch:
        manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
                                     transport="ipc", connection_file=f"{scratch}/kernel.json")
        client = NotebookClient(notebook, km=manager, timeout=None, coalesce_streams=True, ipython_hist_file=":memory:")
        total = len(notebook.cells)
        current = 0
        try:
            # a kernel that is told to end may complain of its own closed sockets: cells' outputs come by messages, not from there
            with Path(scratch, "stderr").open("wb") as stderr, client.setup_kernel(
                    cwd=str(root), env={**os.environ, "PYTHONHASHSEED": "0", "IPYTHONDIR": scratch, **env}, cleanup_kc=True,
                    stderr=stderr):
                for current, (cell, place) in enumerate(zip(notebook.cells, places, strict=True)):
                    if progress:
                        progress(current, total, str(place) if current else "starting Python")
                    client.execute_cell(cell, current)
            if progress:
                progress(total, total, "")
        except CellExecutionError as error:
            lines = re.findall(r"Cell In\[\d+\], line (\d+)", ANSI.sub("", error.traceback))
            place = places[current]
            line = place.line + int(lines[-1]) - 1 if lines and "\n" in notebook.cells[current].source else place.line
            raise Place(place.file, line).error(f"{error.ename}: {ANSI.sub('', error.evalue).strip()}") from None
        except DeadKernelError:
            raise places[current].error("the Python that runs the cells died here (out of memory?)") from None
        finally:
            ensure_event_loop().close()  # this thread's own: articles run in several


def _fill(line: Line, values: Any) -> Line:
    def value(match: re.Match[str]) -> str:
        outputs = [output for output in next(values) if output.output_type == "execute_result"]
        data = outputs[-1].data if outputs else {}
        if "text/markdown" in data:
            return str(data["text/markdown"]).strip()
        plain = str(data.get("text/plain", "nothing"))
        if not re.fullmatch(r"-?\d+", plain):
            raise line.place.error(f"inline {match[1]} gives {plain}: write Markdown(f\"...\") for anything but an integer")
        return plain

    return Line(INLINE.sub(value, line.text), line.place)


def _check_output(output: Any, cell: Cell) -> None:
    data = output.get("data", {})
    for kind in data:
        if kind in ("text/html", "text/latex") or kind.startswith("application/"):
            raise cell.place.error(f"outside the common subset: the cell puts out {kind}; show a table as Markdown "
                                   "(df.to_markdown), a figure as an image")
    if data and not any(kind in data for kind in SHOWN):
        raise cell.place.error(f"outside the common subset: the cell puts out {', '.join(data)}")
