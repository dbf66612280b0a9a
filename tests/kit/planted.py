"""A grid small enough to be packed and trained in seconds, its text, and archives that no kit wrote."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from study.config import RunConfig
from study.data.stream import TokenSet
from study.grids.design import Cell, Grid
from tests.makers import token_stream

SHA = "0123abcd"
CONFIG = RunConfig(corpus="python-dedup", vocabulary=64, width=16, layers=1, heads=1, tokens=40_960, batch_tokens=512,
                   learning_rate=0.02, context=64, eval_tokens=8192, curve_tokens=1024, curve_points=4, token_shift=True,
                   optimiser="muon", unique_tokens=1_100_000)
CELLS = [Cell(CONFIG, "isoflop", "fit", 1e15), Cell(replace(CONFIG, width=32, layers=2), "isoflop", "held-out", 3e15),
         Cell(replace(CONFIG, width=24, seed=1), "isoflop", "fit", 1e15)]
GRID = Grid("gpu-mini", "python-dedup", tuple(CELLS))
LESS = Grid("gpu-mini", "python-dedup", tuple(replace(cell, config=replace(cell.config, unique_tokens=50_000)) for cell in CELLS))


def tokens(name: str = "python-dedup") -> TokenSet:
    train, held = token_stream(1_200_000, 63, 0), token_stream(30_000, 63, 1)
    groups = [(np.arange(size) // 4096 % 128).astype(np.uint8) for size in (100_000, 30_000)]
    return TokenSet(name, Path(), 64, 2.5, 2.4, SHA, train, held, *groups)


def forged(path: Path, members: dict[str, bytes], **entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, body in members.items():
            entry = entries.get("link") or tarfile.TarInfo(name)
            entry.name, entry.size = name, len(body)
            tar.addfile(entry, io.BytesIO(body))
    return path
