"""What a design is made of: cells, the split into fit and held-out, and the grid that holds them."""

from dataclasses import dataclass

from study.config import Config, RunConfig
from study.errors import StudyError

SPLITS = ("fit", "held-out", "tuning")


class GridError(StudyError):
    """An unknown grid, or a design that cannot be run."""


@dataclass(frozen=True)
class Cell:
    """One run of a design and the part it plays. The split belongs here, never to a record.

    Raises:
        GridError: the split is none of `SPLITS`.
    """

    config: Config
    arm: str  # the part of the design: isoflop, off-path, sweep, check, allocation ...
    split: str = "fit"  # fit | held-out | tuning
    budget: float = float("nan")  # the exact FLOPs the cell was designed for, where it was designed for a budget
    factor: str = ""  # what differs from the other cells of the arm, where that is not a size or a budget

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise GridError(f"unknown split {self.split!r}: one of {', '.join(SPLITS)}")

    @property
    def role(self) -> str:
        """For tables: "held-out", "seed" for a repeat among the fitted cells, else the arm."""
        if self.split == "held-out":
            return "held-out"
        return "seed" if self.split == "fit" and self.config.seed > 0 else self.arm


@dataclass(frozen=True)
class Grid:
    """A design: which runs, and which of them are fitted.

    Raises:
        GridError: two cells are the same run, or a cell of another corpus.
    """

    name: str
    corpus: str
    cells: tuple[Cell, ...]
    file: str = ""  # that it was read from, where it is none of the named ones

    def __post_init__(self) -> None:
        ids = [cell.config.run_id for cell in self.cells]
        if len(set(ids)) != len(ids):
            raise GridError(f"grid {self.name} holds a run twice")
        if any(cell.config.corpus != self.corpus for cell in self.cells):
            raise GridError(f"grid {self.name} mixes corpora")

    def of(self, *splits: str) -> tuple[Cell, ...]:
        """The cells of the given splits, in the design's order."""
        return tuple(cell for cell in self.cells if cell.split in splits)

    @property
    def source(self) -> str:
        """What `grids.grid` builds it from again: its file or its name."""
        return self.file or self.name

    @property
    def planned(self) -> tuple[Cell, ...]:
        """The cells that are no tuning."""
        return self.of("fit", "held-out")

    def cell(self, run_id: str) -> Cell:
        """The cell of a run_id.

        Raises:
            GridError: the grid has no such run.
        """
        for cell in self.cells:
            if cell.config.run_id == run_id:
                return cell
        raise GridError(f"grid {self.name} has no run {run_id!r}: its {len(self.cells)} runs have names like "
                        f"{self.cells[0].config.run_id}")


def language_config(config: Config) -> RunConfig:
    """The config as that of a language run.

    Raises:
        GridError: it is none.
    """
    if not isinstance(config, RunConfig):
        raise GridError(f"{config.run_id} is no run of a language model")
    return config
