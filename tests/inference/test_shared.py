"""Samples are drawn once a folder, and every process that asks for them gets the same bits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.inference import posterior as module
from study.inference.posterior import fit_posterior
from study.inference.shared import Samples, digest, folder, shared
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface


def drawn() -> Samples:
    return {"x": np.random.default_rng(0).standard_normal((4, 7, 2))}, {"diverging": np.zeros((4, 7), dtype=bool)}


def test_the_second_to_ask_reads_what_the_first_drew(tmp_path: Path) -> None:
    asked = []

    def draw() -> Samples:
        asked.append(1)
        return drawn()

    first, second, other = (shared(tmp_path, name, draw) for name in ("a", "a", "b"))
    assert len(asked) == 2, "once for each name"
    for one in (first, second, other):
        for got, expected in zip(one, drawn(), strict=True):
            assert got.keys() == expected.keys()
            for name, values in expected.items():
                assert got[name].dtype == values.dtype and np.array_equal(got[name], values)
    assert shared(None, "a", draw)[0]["x"].shape == (4, 7, 2) and len(asked) == 3, "without a folder nothing is shared"


def test_the_digest_follows_settings_names_and_values() -> None:
    x = np.arange(6.0)
    all_of_them = [digest(settings, data) for settings, data in (
        ((1, "a"), {"x": x}), ((2, "a"), {"x": x}), ((1, "a"), {"y": x}), ((1, "a"), {"x": x + 1e-15}),
        ((1, "a"), {"x": x.reshape(2, 3)}), ((1, "a"), {"x": x, "y": x}))]
    assert len(set(all_of_them)) == len(all_of_them)
    assert digest((1, "a"), {"y": x, "x": x}) == all_of_them[-1], "the order of the arrays is no matter"


def test_the_folder_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STUDY_FITS", raising=False)
    assert folder() is None
    monkeypatch.setenv("STUDY_FITS", str(tmp_path))
    assert folder() == tmp_path


def test_a_posterior_from_shared_samples_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    law = LossSurface(1.7, 350.0, 1200.0, 0.34, 0.36)
    N, D = (column.ravel() for column in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e8, 1e10, 5)))
    noise = 0.005 * np.random.default_rng(1).standard_normal(len(N))
    table = pd.DataFrame({"N": N, "D": D, "loss": law.loss(N, D) * np.exp(noise)})
    sampled: list[object] = []
    sample = module._sample
    monkeypatch.setattr(module, "_sample", lambda *a, **k: sampled.append(k) or sample(*a, **k))  # type: ignore[func-returns-value]
    fits = [fit_posterior(table, ModelSpec(group=None, noise="normal"), seed=seed, share=tmp_path) for seed in (0, 0, 1)]
    assert len(sampled) == 2, "another seed is another sample"
    for name in ("E", "A", "beta"):
        assert np.array_equal(getattr(fits[0].draws, name), getattr(fits[1].draws, name))
        assert not np.array_equal(getattr(fits[0].draws, name), getattr(fits[2].draws, name))
    assert fits[0].idata.sample_stats.equals(fits[1].idata.sample_stats)
    assert fits[0].diagnostics == fits[1].diagnostics
