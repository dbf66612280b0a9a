"""The record of simulated atlases: it stops and resumes, and an atlas is the same whichever process makes it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from study.atlas.calibration import calibrate_population


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    body = json.loads(calibrate_population(tmp_path, 2).read_text())
    assert body["atlases"] == 2
    made = pd.read_csv(tmp_path / "sbc.csv")
    assert made["atlas"].tolist() == [0, 1]
    made[made["atlas"] == 0].to_csv(tmp_path / "sbc.csv", index=False)
    said: list[str] = []
    calibrate_population(tmp_path, 2, said.append, workers=1)
    assert said == ["2 of 2 atlases"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "sbc.csv"), made)
