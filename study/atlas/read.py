"""The recorded atlas as the article reads it."""

import json
import math
import statistics
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from study.atlas.leave_out import coverage
from study.atlas.records import read_alone
from study.errors import StudyError
from study.record import COMMITTED, runs_folder

FOLDER = Path("published") / "atlas"  # below the folder of runs


class AtlasRecordError(StudyError):
    """A record of the atlas that is missing."""


@dataclass(frozen=True)
class Atlas:
    """The records of one folder. Each part is read when it is first asked for.

    Raises:
        AtlasRecordError: the part that is asked for is not recorded.
    """

    folder: Path

    @cached_property
    def alone(self) -> dict[str, dict[str, Any]]:
        """Every table alone, by name (`alone.Alone`), in order of its D/N at its own largest budget."""
        found = read_alone(self.folder)
        if not found:
            raise AtlasRecordError(f"{self.folder} records no table: run `study atlas alone`")
        return dict(sorted(found.items(), key=lambda item: item[1]["ratio_own"]["point"]))

    @cached_property
    def population(self) -> dict[str, Any]:
        """All together (`records.record_together`)."""
        return self._read("population", "together")

    @cached_property
    def left_out(self) -> dict[str, Any]:
        """Every laboratory predicted by the others (`records.record_leave_out`)."""
        return self._read("leave-out", "leave-out")

    @cached_property
    def joint(self) -> dict[str, Any]:
        """Two stages beside one model (`records.record_joint`)."""
        return self._read("joint", "joint")

    @cached_property
    def calibration(self) -> dict[str, Any]:
        """Simulated atlases (`calibration.tests`)."""
        return self._read("sbc", "calibrate")

    def has(self, name: str) -> bool:
        """Whether a part is recorded: "population", "leave-out", "joint" or "sbc"."""
        return (self.folder / f"{name}.json").is_file()

    def _read(self, name: str, command: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        if not path.is_file():
            raise AtlasRecordError(f"{path} is not recorded: run `study atlas {command}`")
        body: dict[str, Any] = json.loads(path.read_text())
        return body

    @property
    def pooled(self) -> dict[str, dict[str, Any]]:
        """The tables that count in the population."""
        return {name: row for name, row in self.alone.items() if row["source"]["pooled"]}

    @property
    def laboratories(self) -> list[str]:
        """Of the population, sorted."""
        return sorted({row["laboratory"] for row in self.pooled.values()})

    def new_study(self, quantity: str, kind: str = "base") -> dict[str, Any]:
        """Quantiles of a quantity of `together.new_study`; kind: "base", "total parameters", "not tuned" or "constant rate"."""
        found: dict[str, Any] = self.population["new_study"][kind][quantity]
        return found

    @property
    def prior(self) -> str:
        """The prior in use: the population as it is, or widened (`leave_out.widening`)."""
        return str(self.left_out.get("widening", {}).get("prior", "atlas"))

    @property
    def factor(self) -> float:
        """By which its spreads are widened in use."""
        return float(self.left_out.get("widening", {}).get("factor", 1.0))

    def target(self, runs: str, taken: str, prior: str) -> dict[str, Any]:
        """What none, three or all of a table's runs say of the target under a prior (`target.AtTarget`).

        Raises:
            AtlasRecordError: it is not recorded.
        """
        for row in self._read("target", "target")["rows"]:
            if (row["runs"], row["taken"], row["prior"]) == (runs, taken, prior):
                return dict(row)
        raise AtlasRecordError(f"{self.folder} does not record {taken} of the runs of {runs} with the {prior} prior: run "
                               "`study atlas target`")

    def predictions(self, prior: str, runs: int) -> list[dict[str, Any]]:
        """What the leave-one-out predicts from so many runs under a prior, a row a study."""
        return [row for row in self.left_out["predictions"] if (row["prior"], row["runs"]) == (prior, runs)]

    def covered(self, prior: str, runs: int, level: str) -> tuple[int, int]:
        """Studies whose interval of D_opt holds the truth, from so many runs, and studies."""
        return coverage(self.left_out["predictions"], prior, runs, level)

    def missed(self, runs: int = 3, prior: str = "atlas") -> list[dict[str, Any]]:
        """The studies that the 95 % interval of a prior from so many runs does not hold."""
        return [row for row in self.predictions(prior, runs) if not row["covered"]["95"]]

    def median_width(self, prior: str, runs: int) -> float:
        """Median over studies of the width of the 95 % interval of ln D_opt."""
        return statistics.median(float(row["log_width"]) for row in self.predictions(prior, runs))


def recorded() -> Atlas:
    """The atlas below `record.runs_folder`; where that has none, the committed one."""
    folder = runs_folder() / FOLDER
    return Atlas(folder if folder.is_dir() else COMMITTED / FOLDER)


def difference(one: dict[str, Any], two: dict[str, Any]) -> tuple[float, float, float]:
    """one - two of independent summaries: point, and the ends of its 95 % interval, each taken as normal."""
    spread = math.hypot(*((row["ci95"][1] - row["ci95"][0]) / 2 for row in (one, two)))
    point = float(one["point"] - two["point"])
    return point, point - spread, point + spread
