"""The first fit of a machine and its later ones draw the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FIT = """
import hashlib
import numpy as np, pandas as pd
from study.inference.posterior import fit_posterior
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface

if __name__ == "__main__":
    N, D = (column.ravel() for column in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e8, 1e10, 5)))
    loss = LossSurface(1.7, 350.0, 1200.0, 0.34, 0.36).loss(N, D) * np.exp(0.005 * np.random.default_rng(1).standard_normal(25))
    found = fit_posterior(pd.DataFrame({"N": N, "D": D, "loss": loss}), ModelSpec(group=None), seed=0)
    print(hashlib.sha256(np.ascontiguousarray(found.draws.E).tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_draws_are_the_same_whether_the_model_was_compiled_before(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(FIT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'compiled'}"}
    first, later = (subprocess.run([sys.executable, tmp_path / "fit.py"], cwd=tmp_path, env=environment, capture_output=True,
                                   text=True, check=True).stdout for _ in range(2))
    assert any((tmp_path / "compiled").rglob("*.nbi")), "nothing was kept: this test sees nothing"
    assert first == later
