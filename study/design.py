"""What a design is made of: cells, their roles and the split into fit and held-out, and the grid that holds them."""

from dataclasses import dataclass

from study.config import RunConfig
from study.errors import StudyError

ROLES = ("isoflop", "off-path", "seed", "held-out", "sweep", "check")


class GridError(StudyError):
    """An unknown grid, or a design that cannot be run."""


@dataclass(frozen=True)
class Cell:
    """One run of a design and the part it plays. The split belongs here, never to a record."""

    config: RunConfig
    role: str  # one of ROLES
    budget: float  # the exact-FLOP budget the cell was designed for

    @property
    def split(self) -> str:
        """Whether the cell is for the fit: "fit", "held-out" or "tuning"."""
        return {"held-out": "held-out", "sweep": "tuning", "check": "tuning"}.get(self.role, "fit")


@dataclass(frozen=True)
class Grid:
    """A design: which runs, and which of them are fitted.

    Raises:
        GridError: two cells are the same run, or a cell of another corpus.
    """

    name: str
    corpus: str
    cells: tuple[Cell, ...]

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
        raise GridError(f"grid {self.name} has no run {run_id!r}: see `study status --grid {self.name}`")
