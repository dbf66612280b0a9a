"""The study from scratch: the commands that `study reproduce` runs, in order, and the answer that they end with.

Each step is a command a person can type. Fresh records, fit and page all go under one folder; committed records are only
compared with.
"""

import json
import os
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from study.errors import StudyError
from study.grids import grid as named
from study.record import record_directories


class ReproduceError(StudyError):
    """The study cannot be reproduced from here."""


@dataclass(frozen=True)
class Step:
    """One `study` command, and the variables of the environment it needs."""

    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The command as typed in a shell."""
        return shlex.join([*(f"{name}={value}" for name, value in self.environment.items()), "study", *self.arguments])


def steps(grid: str, root: Path, fresh: Path, workers: int) -> tuple[Step, ...]:
    """Corpus, runs, comparison, fit, report, for a checkout at `root`, writing under `fresh`.

    Paths in the commands are relative to `root`, where they are run. The comparison is left out where `root` holds no
    committed record of the grid.

    Raises:
        GridError: there is no such grid.
        ReproduceError: `root` is no checkout of the study.
    """
    chosen = named(grid)
    if not (root / "_quarto.yml").is_file() or not (root / "report").is_dir():
        raise ReproduceError(f"{root} holds no report: run this in the root of a checkout")
    folder = Path(os.path.relpath(fresh, root))
    runs = folder / "runs"
    verify = [Step(("verify", str(runs / chosen.name), "--against", str(Path("runs") / chosen.name)))]
    return (
        Step(("corpus", chosen.corpus)),
        Step(("run", "--grid", grid, "--workers", str(workers), "--runs", str(runs))),
        *(verify if any(record_directories(root / "runs" / chosen.name)) else ()),
        Step(("fit", "--grid", grid, "--runs", str(runs), "--out", str(folder / "fit"))),
        Step(("render", "--out", str(folder / "_site")), {"STUDY_GRID": grid, "STUDY_RUNS": str(runs)}),
    )


def start_afresh(fresh: Path) -> None:
    """Delete what an earlier reproduction left, so that none of it can count as done.

    Raises:
        ReproduceError: it cannot be deleted.
    """
    try:
        if fresh.is_symlink():
            fresh.unlink()
        elif fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(parents=True)
    except OSError as error:
        raise ReproduceError(f"cannot make {fresh} anew: {error.strerror or error}; delete it and run again") from None


def answer(fit: Path) -> str:
    """The headline of a fit.json, on one line: D_opt at the N it was asked for, with its 95 % interval.

    Raises:
        ReproduceError: the file is not what `study fit` writes.
    """
    try:
        at = json.loads(fit.read_text())["answers"]["at_N"]
        N, tokens = float(at["N"]), at["D_opt"]["posterior"]
        point, (low, high) = float(tokens["point"]), map(float, tokens["ci95"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReproduceError(f"{fit} holds no answer ({error!r}): run `study fit` again") from None
    return f"D_opt({N:.3g} parameters) = {point:.3g} tokens, 95 % interval [{low:.3g}, {high:.3g}]"
