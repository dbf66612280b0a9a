"""What is made of runs on Go: means over seeds, curves on one scale, frontier, accuracy by game, bounds from labels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis import go, labels
from study.analysis.runs import log_of
from study.analysis.runs import runs as with_best_loss
from study.data.go.floor import Agreement
from study.grids import grid
from study.table import records_of
from tests import planted_go


def sizes(values: dict[float, list[float]]) -> pd.DataFrame:
    return pd.DataFrame([{"arm": "size", "N": N, "x": x, "seed": seed} for N, xs in values.items() for seed, x in enumerate(xs)])


def test_means_have_the_noise_between_the_seeds_of_a_size() -> None:
    rng, noise = np.random.default_rng(0), {3: 0.3, 4: 0.1, 5: 0.02}
    found = go.means(sizes({10.0**k: (k + sd * rng.standard_normal(50)).tolist() for k, sd in noise.items()}), "x")
    assert found is not None and found.freedom.tolist() == [49] * 3 and found.sd == pytest.approx([*noise.values()], rel=0.25)
    assert found.draws.std(axis=0) == pytest.approx(found.sd / np.sqrt(50), rel=0.1)
    assert np.median(found.slope) == pytest.approx(1, abs=0.05) and np.median(found.last_less_first) == pytest.approx(2, abs=0.1)
    assert go.means(sizes({1e3: [1.0], 1e4: [2.0]}), "x") is None and go.means(sizes({1e3: [1.0, 2.0]}), "x") is None
    some = go.means(sizes({1e3: [1.0, 2.0], 1e4: [1.0], 1e5: [3.0, 4.0]}), "x")
    assert some is not None and some.N.tolist() == [1e3, 1e5]


def test_intervals_of_three_seeds_hold_the_truth() -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = go.means(sizes({10.0**k: (k**2 * rng.standard_normal(3)).tolist() for k in (3, 4, 5, 6)}), "x")
        assert found is not None
        low, high = np.quantile(found.draws, [0.025, 0.975], axis=0)
        held += int(((low < 0) & (high > 0)).sum())
    assert 0.925 < held / 800 < 0.975


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    folder = tmp_path_factory.mktemp("runs")
    planted_go.write(grid("go"), folder)
    records = records_of(grid("go"), folder)
    runs = go.with_overfitting(with_best_loss(grid("go"), records))
    return runs, log_of(grid("go"), records), records


def test_curves_end_where_the_final_evaluation_is(study: tuple[pd.DataFrame, pd.DataFrame, dict]) -> None:
    runs, log, records = study
    shown = go.on_all_positions(log, runs, records)
    ends = shown.sort_values("step").groupby("run_id")["validation_loss"].last()
    assert ends.to_numpy() == pytest.approx(runs.set_index("run_id")["loss"].loc[ends.index].to_numpy())
    assert (log["validation_loss"] - shown["validation_loss"]).to_numpy() == pytest.approx(planted_go.OFFSET)
    last = shown.sort_values("step").groupby("run_id").last()
    for name in go.ACCURACIES:
        assert last[name].to_dict() == pytest.approx({run_id: records[run_id].metrics[name].value for run_id in last.index})
    epochs = go.by_epoch(shown)
    assert list(epochs.columns) == [1, 2, 3, 4] and len(epochs) == 4
    final = runs[runs["arm"] == "size"].groupby("N")["loss"].mean()
    assert epochs[4].to_numpy() == pytest.approx(final.to_numpy())


def test_the_early_stopped_loss_is_what_was_planted(study: tuple[pd.DataFrame, pd.DataFrame, dict]) -> None:
    runs, _, records = study
    truth = [planted_go.best_loss(records[run_id].config) for run_id in runs["run_id"]]
    assert runs["best_loss"].to_numpy() == pytest.approx(truth, rel=0.01)
    assert (runs["gap"] >= -1e-9).all()
    at = runs[runs["arm"] == "size"].groupby("N")["best_epoch"].mean()
    assert at.is_monotonic_decreasing and at.iloc[0] == pytest.approx(4)


def test_more_positions_take_off_what_the_law_says(study: tuple[pd.DataFrame, pd.DataFrame, dict]) -> None:
    runs, _, _ = study
    noise = go.means(runs, "best_loss")
    assert noise is not None
    falls = go.falls(runs, noise, 65_536, 131_072)
    low, high = np.quantile(falls, [0.005, 0.995], axis=0)
    for k, N in enumerate(noise.N):
        truth = planted_go.LAW.loss(N, 262_144, 65_536) - planted_go.LAW.loss(N, 524_288, 131_072)
        assert low[k] - 0.01 < truth < high[k] + 0.01
    assert go.falls(runs, noise, 65_536, 99).shape[1] == 0
    assert len(go.symmetries(runs)) == 4 and (go.amounts(runs).groupby("N").size() == 4).all()


def test_the_frontier_is_the_lowest_so_far() -> None:
    log = pd.DataFrame([{"arm": "size", "N": N, "step": k, "epoch": k / 10, "flops": cost * k,
                         "validation_loss": floor + 1 / k + up * k}
                        for N, cost, floor, up in ((1e3, 1.0, 2.0, 0.0), (1e5, 30.0, 1.5, 0.001)) for k in range(1, 41)])
    noise = go.means(sizes({1e3: [0.0, 0.002, -0.002], 1e5: [0.0, 0.002, -0.002]}), "x")
    assert noise is not None
    found = go.frontier(log, noise)
    assert found.C[0] == pytest.approx(30) and found.C[-1] == pytest.approx(1200)
    assert (np.diff(found.loss, axis=0) <= 0).all()
    assert found.best[0] == 1e3 and found.best[-1] == 1e5
    assert found.won.min() > 0 and found.won.max() < 1


def test_accuracy_is_paired_by_game(study: tuple[pd.DataFrame, pd.DataFrame, dict]) -> None:
    runs, _, records = study
    policy, value = (go.accuracy(records, runs, name) for name in ("policy_accuracy", "value_accuracy"))
    assert policy is not None and value is not None
    assert abs(np.median(policy.gain)) < 0.01 and np.median(value.gain) == pytest.approx(0.08, abs=0.02)
    assert value.gain.std() < 0.02 and (policy.se > 0).all()
    assert go.accuracy(records, runs[runs["N"] == runs["N"].min()], "policy_accuracy") is None


def test_the_summary_has_the_document_s_columns(study: tuple[pd.DataFrame, pd.DataFrame, dict]) -> None:
    _, log, _ = study
    found = go.summary(log, ["train_loss", "validation_loss"])
    assert set(found.columns) == {(name, of) for name in ("train_loss", "validation_loss") for of in go.SUMMARIES}
    assert (found[("train_loss", "min")] <= found[("train_loss", "last")]).all()


def test_bounds_hold_for_known_probabilities() -> None:
    """Labels drawn twice from known moves: the entropy and the best accuracy lie on the right side of the bounds."""
    rng, n = np.random.default_rng(0), 20_000
    p = rng.dirichlet(np.full(6, 0.4), size=n)
    w = rng.beta(0.6, 0.6, size=n)
    cumulative = p.cumsum(axis=1)
    move = [(rng.random((n, 1)) < cumulative).argmax(axis=1) for _ in range(2)]
    winner = [rng.random(n) < w for _ in range(2)]
    found = labels.floor(Agreement(move[0] == move[1], winner[0] == winner[1], np.arange(n) // 10), seed=0)
    assert found is not None and found.pairs == n and found.games == n // 10
    entropy = float(-(p * np.log(np.maximum(p, 1e-300))).sum(axis=1).mean())
    outcome = float(np.mean(-w * np.log(w) - (1 - w) * np.log1p(-w)))
    assert 0.3 * entropy < np.median(found.policy) < entropy
    low, high = (float(np.median(bound)) for bound in found.value)
    assert low < outcome < high and low > 0.5 * outcome
    assert float(p.max(axis=1).mean()) < np.median(found.policy_accuracy) < 1
    nothing = np.zeros(0, np.bool_)
    assert labels.floor(Agreement(nothing, nothing, np.zeros(0, np.int64)), seed=0) is None


def test_labels_that_always_agree_leave_no_floor() -> None:
    same = np.ones(40, np.bool_)
    found = labels.floor(Agreement(same, same, np.arange(40) // 4), seed=0)
    assert found is not None and not found.loss.any() and (found.policy_accuracy == 1).all()


def test_planted_records_can_be_read_back(tmp_path: Path) -> None:
    planted_go.write(grid("go"), tmp_path, grid("go").cells[:2])
    assert len(records_of(grid("go"), tmp_path)) == 2
