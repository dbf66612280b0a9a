"""The record of simulated atlases: it stops and resumes, and an atlas is the same whichever process makes it."""

from pathlib import Path

import pandas as pd
import pytest

from study.atlas.calibration import calibrate_population
from study.inference.calibration.runs import FEWEST, CalibrationError


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="2 atlases are kept, too few"):
        calibrate_population(tmp_path, 2)
    made = pd.read_csv(tmp_path / "sbc.csv")
    assert made["atlas"].tolist() == [0, 1] and not (tmp_path / "sbc.json").exists()
    made[made["atlas"] == 0].to_csv(tmp_path / "sbc.csv", index=False)
    said: list[str] = []
    with pytest.raises(CalibrationError):
        calibrate_population(tmp_path, 2, said.append, workers=1)
    assert said == ["2 of 2 atlases"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "sbc.csv"), made)
    copies = [made.assign(atlas=made["atlas"] + 2 * k) for k in range(FEWEST // 2)]
    pd.concat(copies).to_csv(tmp_path / "sbc.csv", index=False)
    assert calibrate_population(tmp_path, FEWEST).name == "sbc.json"
