"""Pack a kit: one folder with the runs to train, the part of their text that they read, and the code."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from study.data.stream import STREAMS, TokenSet
from study.grids.design import Cell, Grid, language_config
from study.kit.streams import KitError, compress, describe, needed
from study.provenance import ROOT, git_state
from study.record import run_directory

LIMIT = 48 * 2**20  # bytes of a kit: 64 MiB less the checkout that travels beside it
ENTRY = '''"""Train the runs of this kit: python3 run.py --out FOLDER --minutes 9"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

if __name__ == "__main__":
    from study.kit.there import main

    code = main(Path(__file__).resolve().parent, sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # at once: a thread that was left behind must not hold the process
'''


def pack(grids: Sequence[Grid], folder: Path, tokens_of: Callable[[str], TokenSet], *, runs: Path, limit: int = LIMIT,
         workers: int = 1) -> dict[str, Any]:
    """Write the kit of the cells of `grids` that have no record under `runs` to `folder`; returns what its kit.json holds.

    The folder is whole or absent. The cells keep the designs' order, which is that of their value: time may end.

    Raises:
        KitError: the folder is there already, nothing is left to train, a run is evaluated on more than its corpus, the disk
            is full, or the kit is larger than `limit`.
        GridError: a cell is no language model's.
    """
    if folder.exists():
        raise KitError(f"{folder} is there already: delete it, or choose another with --folder")
    chosen = [(grid.name, cell) for grid in grids for cell in grid.cells
              if not (run_directory(runs, grid.name, cell.config.run_id) / "record.json").exists()]
    if not chosen:
        raise KitError("every run is recorded: there is nothing to pack")
    for _, cell in chosen:  # there a run is trained and evaluated on one corpus, and no more
        if cell.arm == "parts" or language_config(cell.config).ood_corpus:
            raise KitError(f"{cell.config.run_id} is evaluated on more than its corpus, which a kit cannot do: train it with "
                           "`study run`")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise KitError(f"cannot write {folder.parent}: {error.strerror or error}; choose another with --folder") from None
    try:
        body = _write(chosen, temporary, tokens_of, workers)
        if (size := bytes_of(temporary)) > limit:
            raise KitError(f"the kit would be {size / 2**20:.1f} MiB, more than {limit / 2**20:.1f}: pack fewer grids, "
                           "or let the runs see less text")
        temporary.chmod(0o755)
        temporary.rename(folder)
    except OSError as error:
        raise KitError(f"cannot write {folder}: {error.strerror or error}; nothing was kept") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return body


def bytes_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _write(chosen: Sequence[tuple[str, Cell]], folder: Path, tokens_of: Callable[[str], TokenSet], workers: int) -> dict[str, Any]:
    configs = [language_config(cell.config) for _, cell in chosen]
    corpora = {}
    for name in sorted({config.corpus for config in configs}):
        of_it = [config for config in configs if config.corpus == name]
        tokens = tokens_of(name)
        train = max(config.unique_tokens or len(tokens.train) for config in of_it)
        streams = needed(tokens, train, max(config.eval_tokens for config in of_it), max(config.context for config in of_it))
        packed = {each: compress(stream, folder / f"{name}.{each}.xz", STREAMS[each], workers) for each, stream in streams.items()}
        corpora[name] = {"facts": describe(tokens), "streams": {each: asdict(one) for each, one in packed.items()}}
    shutil.copytree(ROOT / "study", folder / "study", ignore=lambda _, names: {
        name for name in names if name == "__pycache__" or ("." in name and not name.endswith(".py"))})
    (folder / "run.py").write_text(ENTRY)
    commit, dirty = git_state()
    body = {"made": datetime.now(UTC).isoformat(timespec="seconds"), "git_commit": commit, "git_dirty": dirty,
            "cells": [{"grid": grid, "config": config.to_dict()}
                      for (grid, _), config in zip(chosen, configs, strict=True)], "corpora": corpora}
    (folder / "kit.json").write_text(json.dumps(body, indent=1) + "\n")
    return body
