"""The grids on Go: when a fixed set of positions is gone through four times, does size help?

After a document that trains networks of 8.0 M to 964 M parameters so. `go` spans as wide a range of sizes at a scale that a
CPU trains, and varies the data beside; `go-gpu` has the document's own sizes.
"""

from dataclasses import replace
from typing import Any

from study.config import GoConfig
from study.grids.design import Cell, Grid

BASE = GoConfig(width=64, layers=4, positions=65_536)  # the document's recipe is the default: four epochs, 3e-3, batch 64
SIZES = {14: 2, 32: 3, 64: 4, 112: 5}  # width -> blocks: 9.3 k, 62 k, 313 k and 1.18 M parameters, 127 times
DATA = {"quarter": 0.25, "half": 0.5, "double": 2.0}  # of the base's positions
EPOCHS = {"all, one epoch": (1.0, 1), "a quarter, sixteen epochs": (0.25, 16)}  # of its positions, and times gone through
MEMORISED = ("a quarter, sixteen epochs, never turned", (0.25, 16))
GPU_SIZES = {192: 12, 512: 20, 1024: 25, 1408: 27}  # 8.0 M, 95 M, 474 M, 967 M: two 3x3 convolutions a block give the document's


def go() -> Grid:
    """Four sizes of three seeds on one set of positions; then on less and on more of them, gone through once and sixteen times,
    and without symmetries; and of three seeds again on few positions that are gone through often and never turned, where the
    largest size has as few of its own a parameter as the document's third model.

    The doubled data are held out: what they give is predicted from the others before it is seen. They come last, for they are
    trained after the prediction is committed.
    """
    sizes = [replace(BASE, width=width, layers=layers) for width, layers in SIZES.items()]

    def on(share: float, epochs: int = BASE.epochs, **other: Any) -> list[GoConfig]:
        return [replace(config, positions=round(BASE.positions * share), epochs=epochs, **other) for config in sizes]

    cells = [Cell(replace(config, seed=seed), "size") for seed in (0, 1, 2) for config in sizes]
    cells += [Cell(config, "data", factor=name) for name, share in DATA.items() if share < 1 for config in on(share)]
    cells += [Cell(config, "epochs", factor=name) for name, (share, epochs) in EPOCHS.items() for config in on(share, epochs)]
    cells += [Cell(replace(config, symmetries=False), "symmetries", factor="without") for config in sizes]
    name, (share, epochs) = MEMORISED
    cells += [Cell(config, "overfitting", factor=name) for seed in (0, 1, 2)
              for config in on(share, epochs, symmetries=False, seed=seed)]
    cells += [Cell(config, "data", "held-out", factor=name) for name, share in DATA.items() if share > 1 for config in on(share)]
    return Grid("go", BASE.corpus, tuple(cells))


def go_gpu() -> Grid:
    """The document's four sizes, on all the positions that `go` uses, in bfloat16."""
    largest = replace(BASE, positions=round(BASE.positions * max(DATA.values())), precision="bfloat16", compiled=True)
    return Grid("go-gpu", BASE.corpus,
                tuple(Cell(replace(largest, width=width, layers=layers), "size") for width, layers in GPU_SIZES.items()))
