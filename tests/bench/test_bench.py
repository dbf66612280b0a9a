"""The measurements measure: small ones of each, their arithmetic, and what is said when a peer is missing."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from study.bench import fit, machine, render, train
from study.extras import ExtraError


def test_a_missing_peer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.extras.find_spec", lambda _: None)
    with pytest.raises(ExtraError, match=r"needs transformers, .*install '\.\[bench\]'"):
        train.bench_train(torch.device("cpu"))


def test_ratios_are_paired_within_a_turn() -> None:
    load = np.array([1.0, 0.5, 0.1])  # whatever slows a turn slows every arm of it
    speeds = {name: (load * speed).tolist() for name, speed in zip(train.ARMS, (100, 300, 50, 150), strict=True)}
    assert train._ratios(speeds) == pytest.approx({"compiled_vs_eager": 6.0, "compiled_vs_compiled": 2.0, "eager_vs_eager": 2.0})


def test_a_file_says_how_busy_the_machine_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.cpu_percent", lambda **_: 62.0)
    facts = machine.machine("numpy", "no-such-package")
    assert facts["busy"] == 0.62 and not facts["idle"]
    assert facts["versions"] == {"numpy": np.__version__, "no-such-package": None}
    path = machine.write(tmp_path / "bench" / "x.json", {"machine": facts})
    assert json.loads(path.read_text())["machine"] == facts
    (tmp_path / "file").touch()
    with pytest.raises(machine.BenchError, match="--out"):
        machine.write(tmp_path / "file" / "x.json", {})


def test_the_simulated_table_holds_the_truth_and_its_noise() -> None:
    from study.inference.calibration.designs import design

    cells = design("three")
    table = fit.simulated(cells.table, cells.N, cells.D)
    residual = np.log(table["loss"].to_numpy() / fit.TRUTH.loss(cells.N, cells.D))
    assert 0 < np.abs(residual).max() < 5 * fit.NOISE


@pytest.mark.slow
def test_inference_is_measured_beside_its_peers() -> None:
    from study.inference.calibration.designs import design

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = fit.bench_fit(design="quick", peer_resamples=2, simulations=20, draws=500, progress=lambda _: None)
    for key in ("fast_fit_seconds", "bootstrap_4000_seconds", "scipy_bootstrap_4000_seconds_projected",
                "sbc_seconds", "study_fit_seconds"):
        assert body[key] > 0, key
    for name in ("nuts", "nuts_headline"):
        assert body[name]["effective_draws"] > 400
        assert body[name]["seconds_of_the_first"] > 0 and body[name]["seconds"] > 0
    assert body["pymc_nuts"]["effective_draws"] > 0
    assert body["bootstrap_points"] in (len(design("quick").N), 240)


def test_render_is_refused_outside_the_project(tmp_path: Path) -> None:
    with pytest.raises(machine.BenchError, match="project's root"):
        render.bench_render(tmp_path)


def test_unknown_widths_are_one_line() -> None:
    done = subprocess.run([sys.executable, "-m", "study.cli", "bench", "train", "--widths", "7"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "choose from" in done.stderr
