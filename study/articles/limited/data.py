"""The records behind the article: runs on Go, runs on repeated text, second labels and fits of others. Any may be missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis import go, labels, repeated
from study.analysis.runs import log_of
from study.analysis.runs import runs as with_best_loss
from study.counts import config_counts
from study.data.go.floor import open_second_labels, repeats
from study.data.go.games import GoError, read_games
from study.data.go.positions import MOVES, SHA256, TEST_GAMES, replay
from study.grids import grid
from study.laws.law import BYTES_PER_TOKEN, LawError
from study.predictions import read_prediction
from study.record import RunRecord, holding, runs_folder
from study.table import held_out_rows, records_of

GO, TEXTS = "go", ("factors", "epochs")
MISSING = f"The grid {GO} is not recorded yet."
SEED = 0


@dataclass(frozen=True, eq=False)
class Limited:
    """Tables of `analysis.runs`; those of a grid that is not recorded are empty."""

    folder: Path
    records: Mapping[str, RunRecord]  # of the grid on Go
    runs: pd.DataFrame  # of it, with `analysis.go.with_overfitting`
    log: pd.DataFrame  # its curves, on the scale of the final evaluation
    text: pd.DataFrame
    prediction: dict[str, Any] | None
    published: repeated.Summary | None

    @property
    def sizes(self) -> pd.DataFrame:
        """The runs of the arm of sizes."""
        return self.runs[self.runs["arm"] == go.SIZE].reset_index(drop=True)

    @property
    def on_the_first(self) -> pd.DataFrame:
        """Of the runs on text that the law of repeated data knows, those on its first tokens."""
        return repeated.on_the_first(repeated.of_the_law(self.text))

    @property
    def doubled(self) -> pd.DataFrame:
        """The held-out runs."""
        return held_out_rows(self.runs)


def load(folder: Path | None = None) -> Limited:
    """The records under `record.runs_folder` where no folder is given."""
    where = folder or runs_folder()
    records = records_of(grid(GO), where)
    runs = go.with_overfitting(with_best_loss(grid(GO), records))
    text = pd.concat([with_best_loss(grid(name), records_of(grid(name), where)) for name in TEXTS], ignore_index=True)
    log = go.on_all_positions(log_of(grid(GO), records), runs, records)
    return Limited(where, records, runs, log, text, read_prediction(where, GO), repeated.recorded(holding(repeated.PATH, where)))


@lru_cache(maxsize=64)
def means(study: Limited, column: str, arm: str = go.SIZE) -> go.Means | None:
    """`analysis.go.means` of an arm."""
    return go.means(study.runs, column, arm)


@lru_cache(maxsize=8)
def law(study: Limited) -> repeated.Repeated | None:
    """The law of repeated data fitted to the early-stopped losses of the fit split on Go; None where too little is recorded."""
    return _fitted(repeated.of_the_law(study.runs), BYTES_PER_TOKEN)


@lru_cache(maxsize=8)
def law_of_ended(study: Limited) -> repeated.Repeated | None:
    """The same fitted to what the runs on Go attained at their ends."""
    return _fitted(repeated.attained(repeated.of_the_law(study.runs)), BYTES_PER_TOKEN)


@lru_cache(maxsize=8)
def law_of_text(study: Limited) -> repeated.Repeated | None:
    """The same of text: what the runs on its first tokens attained."""
    rows = repeated.attained(study.on_the_first)
    return _fitted(rows, float(rows["bytes_per_token"].mean()) if len(rows) else BYTES_PER_TOKEN)


def _fitted(rows: pd.DataFrame, bytes_per_token: float) -> repeated.Repeated | None:
    try:
        return repeated.fit_repeated(rows, bytes_per_token=bytes_per_token) if len(rows) else None
    except LawError:
        return None


def parameters() -> list[int]:
    """Parameters of the sizes on Go, smallest first."""
    return sorted({config_counts(cell.config).total for cell in grid(GO).cells})


@dataclass(frozen=True)
class Labels:
    """The positions in numbers, and bounds of the loss on them; the second None until the labels are made."""

    games: int
    positions: int
    test_games: int
    test_positions: int
    occur_again: labels.Floor | None
    labelled_again: labels.Floor | None


@lru_cache(maxsize=1)
def positions() -> Labels:
    """The committed positions, replayed in seconds."""
    found = replay(read_games(MOVES, SHA256))
    try:
        second = labels.floor(open_second_labels(), seed=SEED)
    except GoError:
        second = None
    games, test = int(found.game[-1]) + 1, int((found.game < TEST_GAMES).sum())
    return Labels(games, len(found), min(games, TEST_GAMES), test, labels.floor(repeats(found), seed=SEED), second)
