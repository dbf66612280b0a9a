"""What `study fit` and `study next` wrote about one open table, and the replays of finished tables, as the article reads them."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.record import holding, runs_folder

FOLDER, REPLAYS = Path("published") / "your-runs", Path("bench")  # below the folder of runs


class UserRecordError(StudyError):
    """A record of the walk through a table that is missing."""


@dataclass(frozen=True)
class YourRuns:
    """The records below one folder of runs. Each is read when it is first asked for.

    Raises:
        UserRecordError: the one that is asked for is not there.
    """

    folder: Path

    @cached_property
    def fit(self) -> dict[str, Any]:
        """fit.json of the table."""
        return self._read("fit")

    @cached_property
    def next(self) -> dict[str, Any]:
        """next.json of the table."""
        return self._read("next")

    @cached_property
    def replays(self) -> dict[str, dict[str, Any]]:
        """Every recorded replay by the name of its table, open tables first."""
        found = {path.stem.removeprefix("next-run-"): json.loads(path.read_text())
                 for path in sorted((self.folder / REPLAYS).glob("next-run-*.json"))}
        replays = {name: body for name, body in found.items() if "rules" in body}
        return dict(sorted(replays.items(), key=lambda item: (item[1]["source"].startswith("the grid"), -item[1]["rows"])))

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / FOLDER / f"{name}.json"
        if not path.is_file():
            raise UserRecordError(f"{path} is not recorded: run `study {name} TABLE --out {path.parent}`")
        body: dict[str, Any] = json.loads(path.read_text())
        return body


def recorded() -> YourRuns:
    """The records below `record.runs_folder`; where that has none, the committed ones."""
    return YourRuns(holding(FOLDER, runs_folder()))
