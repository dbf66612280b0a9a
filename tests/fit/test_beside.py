"""`study fit --prior atlas`: both priors side by side, and what it says when they disagree."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from study.cli import app
from study.fit.beside import relation
from study.inference.pooled import prior as recorded

LAB = "params,tokens,val_loss\n5e6,4.5e9,4.66\n25e6,900e6,4.40\n100e6,225e6,4.48\n"


def test_relation() -> None:
    draws = np.random.default_rng(0).standard_normal(2000)
    assert relation(draws, draws + 1) == "agree"
    assert relation(draws, draws + 5) == relation(draws + 5, draws) == "disagree"
    assert relation(10 * draws, draws + 5) == "disagree"  # inside one interval only


def test_three_runs_with_the_atlas(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(LAB)
    result = CliRunner().invoke(app, ["fit", str(tmp_path / "lab.csv"), "--prior", "atlas", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "atlas prior" in result.output
    body, text = json.loads((tmp_path / "out" / "fit.json").read_text()), (tmp_path / "out" / "prediction.md").read_text()
    assert body["method"] == "importance sampling"  # seconds, where chains would take a minute
    widths = []
    for at in (body["answers"]["at_N"], body["atlas"]["at_N"]):
        low, high = at["D_opt"]["posterior"]["ci95"]
        widths.append(np.log(high / low))
    assert widths[1] < widths[0] / 2
    assert body["atlas"]["khat"] <= 0.7 and body["atlas"]["relation"] in ("agree", "disagree")
    assert "default prior | atlas prior" in text and f"priors {body['atlas']['relation']}" in text


def test_an_unknown_prior_and_a_missing_record_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab.csv").write_text(LAB)
    arguments = ["fit", str(tmp_path / "lab.csv"), "--out", str(tmp_path / "out"), "--prior"]
    assert "unknown --prior 'mine'" in str(CliRunner().invoke(app, [*arguments, "mine"]).exception)
    monkeypatch.setattr(recorded, "PATH", tmp_path / "none.json")
    recorded.atlas_record.cache_clear()
    assert "study atlas together" in str(CliRunner().invoke(app, [*arguments, "atlas"]).exception)
    recorded.atlas_record.cache_clear()
    assert not (tmp_path / "out").exists()
