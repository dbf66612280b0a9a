"""Which run next: the expected information is what a refit finds, and a batch spends no more than its budget."""

import numpy as np
import pandas as pd
import pytest

from study.inference.fast.fit import fit_fast
from study.inference.next_run import Candidates, plan, variance_gain
from study.inference.posterior import Posterior
from study.inference.replay import RULES, first_rows, replay
from study.inference.spec import ModelSpec
from study.laws.hoffmann import LossSurface

LAW = LossSurface(1.7, 350.0, 1200.0, 0.34, 0.36)
SPEC = ModelSpec(group=None)
TARGET = 3e9


def runs(N: np.ndarray, D: np.ndarray, *, seed: int = 0) -> pd.DataFrame:
    noise = 0.004 * np.random.default_rng(seed).standard_normal(len(N))
    return pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D) * np.exp(noise)})


def candidates(N: list[float], D: list[float]) -> Candidates:
    n, d = np.array(N), np.array(D)
    return Candidates(n, d, 6 * n * d, np.zeros(len(n), dtype=np.int64), ("",) * len(n))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(2e7, 3e8, 4), np.geomspace(4e8, 8e9, 3)))
    return runs(N, D)


@pytest.fixture(scope="module")
def posterior(table: pd.DataFrame) -> Posterior:
    return fit_fast(table, SPEC, seed=0)


def test_expected_information_is_what_refits_find(table: pd.DataFrame, posterior: Posterior) -> None:
    far, near = (2.5e9, 1.5e10), (1e8, 2e9)
    found = plan(posterior, candidates([far[0], near[0]], [far[1], near[1]]), TARGET, 1e30, seed=1)
    assert found.information[0] > found.information[1] > -0.05
    assert np.argmax(variance_gain(posterior, candidates([far[0], near[0]], [far[1], near[1]]), seed=1)) == 0
    before = np.std(np.log(posterior.draws.D_opt_at(TARGET)))
    rng, gains = np.random.default_rng(0), []
    p = posterior.parameters
    for s in rng.permutation(len(p))[:24]:
        law = p.take(s).surface(posterior.N0, posterior.D0)
        loss = float(law.loss(*far)) * np.exp(float(p.s[s]) * rng.standard_normal())
        more = pd.concat([table, pd.DataFrame({"N": [far[0]], "D": [far[1]], "loss": [loss]})], ignore_index=True)
        after = fit_fast(more, SPEC, seed=2, draws=1000, N0=posterior.N0, D0=posterior.D0, fallback=False)
        gains.append(np.log(before / np.std(np.log(after.draws.D_opt_at(TARGET)))))
    assert found.information[0] == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / np.sqrt(24) + 0.05)


def test_a_batch_spends_no_more_than_its_budget_and_narrows(posterior: Posterior) -> None:
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(5e7, 2e9, 5), np.geomspace(1e9, 3e10, 5)))
    found = plan(posterior, candidates(list(N), list(D)), TARGET, 3e19, seed=1, most=4)
    spent, width = [choice.spent for choice in found.choices], [choice.width for choice in found.choices]
    assert 0 < len(spent) <= 4 and spent == sorted(spent) and spent[-1] <= 3e19
    assert found.width > width[0] and width == sorted(width, reverse=True)
    assert len({choice.index for choice in found.choices}) == len(spent)
    cheap = plan(posterior, candidates(list(N), list(D)), TARGET, 3e19, seed=1, most=4, per_price=True)
    assert cheap.choices[-1].width >= width[-1] - 1e-12  # the better of two batches
    assert plan(posterior, candidates(list(N), list(D)), TARGET, 1.0, seed=1).ended == "budget"
    with pytest.raises(ValueError, match="price"):
        plan(posterior, Candidates(N, D, 0 * N, np.zeros(25, dtype=np.int64), ("",) * 25), TARGET, 1.0, seed=1)


def test_a_replay_starts_cheap_uses_every_row_once_and_ends_with_all() -> None:
    N, ratio = (axis.ravel() for axis in np.meshgrid(np.geomspace(2e7, 6e8, 4), np.geomspace(5, 80, 4)))
    table = runs(N, N * ratio)
    for rule in RULES[:2]:
        found = replay(table, SPEC, TARGET, rule, 0, batch=5)
        added = [index for step in found.rows for index in step]
        assert sorted(added) == list(range(16)) and (np.diff(found.flops) > 0).all()
        assert found.flops[-1] == pytest.approx(6 * float((N * N * ratio).sum())) and found.inside[-1]
        assert found.flops_to(found.width[-1]) <= found.flops[-1] and found.flops_to(0.0) == np.inf
    start = first_rows(N, N * ratio, 6 * N * N * ratio, 6, np.random.default_rng(0))
    assert len(set(start)) == 6 and (6 * N * N * ratio)[start].max() <= np.median(6 * N * N * ratio) * 1.5
    with pytest.raises(ValueError, match="unknown rule"):
        replay(table, SPEC, TARGET, "best", 0)
