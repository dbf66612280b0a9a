"""Grid + records -> table."""

import math
from dataclasses import replace
from pathlib import Path

from study.grids.design import Cell, Grid
from study.record import write_record
from study.table import COLUMNS, fit_rows, held_out_rows, records_of, table
from tests.makers import CONFIG, record


def test_rows_follow_the_design_and_the_split(tmp_path: Path) -> None:
    configs = [replace(CONFIG, seed=seed) for seed in range(4)]
    splits = ("fit", "held-out", "fit", "fit")
    grid = Grid("tiny", "sotu", tuple(Cell(c, "isoflop", split, 1e9) for c, split in zip(configs, splits, strict=True)))
    for config, loss in zip(configs[:2], (2.0, 1.5), strict=True):
        write_record(tmp_path / "tiny" / config.run_id, record(config, loss))
    write_record(tmp_path / "tiny" / configs[2].run_id, record(configs[2], status="diverged", reason="boom", losses={}))
    frame = table(grid, records_of(grid, tmp_path))
    assert list(frame.columns) == COLUMNS
    assert frame["run_id"].tolist() == [c.run_id for c in configs[:3]]  # the fourth is not done
    assert fit_rows(frame)["loss"].tolist() == [2.0]
    assert held_out_rows(frame)["loss"].tolist() == [1.5]
    row = frame.iloc[0]
    assert (row["N"], row["N_non_embedding"], row["N_total"]) == (12 * 256 + 1024, 12 * 256, 12 * 256 + 2048)
    assert row["C"] == 6 * row["N"] * row["D"] and row["bytes"] == 2560 * 2.5
    assert math.isnan(row["ood_loss"]) and math.isnan(row["dollars"]) and math.isnan(frame["loss"][2])
