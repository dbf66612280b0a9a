"""Which run next: the expected information is what a refit finds, and a batch spends no more than its budget."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.fit import following
from study.fit.following import prove
from study.fit.job import Job
from study.inference.fast.fit import fit_fast
from study.inference.known_law import known_law
from study.inference.next_run import Candidates, joint_of, plan, variance_gain
from study.inference.observations import budget_bins, group_labels
from study.inference.posterior import Posterior
from study.inference.replay import RULES, Ground, first_rows, flops_to, ground, replay
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


def test_conditioning_is_that_of_a_gaussian(posterior: Posterior) -> None:
    """A batch's expected width is that of the joint covariance given all its losses at once."""
    N, D = [1e9, 4e8, 2e9, 9e8], [5e9, 3e9, 2e10, 5e10]
    joint = joint_of(posterior, candidates(N, D), TARGET, 0)
    C, noise = joint.covariance, np.diag(joint.noise)
    at_once = C[0, 0] - C[0, 1:] @ np.linalg.solve(C[1:, 1:] + noise, C[1:, 0])
    found = plan(posterior, candidates(N, D), TARGET, 1e30, seed=0, per_price=False)
    assert len(found.choices) == 4
    assert found.choices[-1].width == pytest.approx(found.width * np.sqrt(at_once / C[0, 0]), rel=1e-6)
    assert found.choices[0].information == found.information.max()


def test_a_run_to_add_is_of_a_group_only_where_the_group_means_it(posterior: Posterior) -> None:
    rows = posterior.rows
    top = float(rows.C.max())

    def around(group: str, index: np.ndarray, names: tuple[str, ...], scale: float = 1.0) -> tuple[Candidates, Posterior]:
        of = replace(posterior, spec=ModelSpec(group=group), rows=replace(rows, C=rows.C * scale, groups=names, group=index))
        return following.around(of, 30 * top, 1.0), of

    number = np.arange(len(rows))
    fresh = around("run", number, tuple(map(str, number)))[0]
    assert sorted(fresh.group) == list(len(rows) + np.arange(len(fresh.N))), "every run to add is a run of its own"
    sizes, index = np.unique(rows.N, return_inverse=True)
    wide = around("width", index, tuple(f"{size:g}" for size in sizes))[0]
    known = np.isin(wide.N, sizes)
    assert known.any() and np.array_equal(known, wide.group < len(sizes)) and len(set(wide.group)) == len(set(wide.N))
    assert np.array_equal(sizes[wide.group[known]], wide.N[known])
    assert around("budget", number, tuple(f"{c:g}" for c in rows.C * 1.001), 1.001)[0].group.min() >= len(rows)
    C = np.where(number % 2, 2e19, 1e19 * (1 + 0.01 * number))
    on = replace(posterior, spec=ModelSpec(group="budget"), rows=replace(rows, groups=("1e19", "2e19"), group=number % 2, C=C))
    labels = following._budgets(on, np.array([1e19, 1.05e19, 1.5e19, 2e19, 3e19]))
    assert labels == ["1e19", "1e19", "new budget 1.5e+19", "2e19", "new budget 3e+19"]


def test_a_run_to_add_is_of_the_bin_of_its_compute(posterior: Posterior) -> None:
    spec = ModelSpec(group="budget")
    names, index = np.unique(group_labels(pd.DataFrame(index=range(12)), spec, posterior.rows.C), return_inverse=True)
    binned = replace(posterior, spec=spec, rows=replace(posterior.rows, groups=tuple(map(str, names)), group=index))
    ends = budget_bins(posterior.rows.C)[0]
    inside = following._budgets(binned, np.append(ends[:-1] * 1.01, ends[-1] * 2))
    assert [label.split(",")[0] for label in inside] == [f"bin {k}" for k in range(1, 10)] + ["new budget " + f"{2 * ends[-1]:g}"]
    assert set(names) <= set(inside)


@pytest.fixture(scope="module")
def field() -> Ground:
    N, ratio = (axis.ravel() for axis in np.meshgrid(np.geomspace(2e7, 6e8, 4), np.geomspace(5, 80, 4)))
    return ground(runs(N, N * ratio), SPEC, TARGET)


def test_a_replay_starts_cheap_uses_every_row_once_and_ends_with_all(field: Ground) -> None:
    rows = field.rows
    for rule in RULES:
        found = replay(field, rule, 0, batch=5)
        added = [index for step in found.rows for index in step]
        assert sorted(added) == list(range(16)) and (np.diff(found.flops) > 0).all()
        assert found.flops[-1] == pytest.approx(6 * float((rows.N * rows.D).sum())) and found.score[-1] == found.width[-1]
        assert flops_to(found.flops, found.width, found.width[-1]) <= found.flops[-1] and flops_to([1.0], [2.0], 1.0) == np.inf
    own = replay(field, "own order", 1, batch=5)
    assert [index for step in own.rows[1:] for index in step] == [index for index in range(16) if index not in own.rows[0]]
    start = first_rows(rows.N, rows.D, rows.C, 6, np.random.default_rng(0))
    assert len(set(start)) == 6 and rows.C[start].max() <= np.median(rows.C) * 1.5
    with pytest.raises(ValueError, match="unknown rule"):
        replay(field, "best", 0)


def test_a_target_is_the_optimal_size_a_decade_beyond(field: Ground) -> None:
    found = ground(field.table, SPEC)
    at = float(np.median(found.whole.draws.N_opt(10 * field.rows.C.max())))
    assert found.target == float(f"{at:.1g}")


def test_with_the_law_known_information_for_its_price_costs_no_more(field: Ground) -> None:
    cells = field.table.assign(cost=field.rows.C).sort_values("cost", kind="stable")
    useless = cells.iloc[[0] * 12].assign(N=cells["N"].iloc[0] * np.linspace(1, 1.2, 12), D=6e9)  # dear, and they tell little
    useless["loss"] = LAW.loss(useless["N"], useless["D"])
    among = ground(pd.concat([cells.iloc[:8], useless, cells.iloc[8:]])[["N", "D", "loss"]], SPEC, TARGET)
    share = known_law(among, (1.0, 1.1, 1.5), 3)
    assert set(share) == {"1.1", "1.5"} and all(value is not None and value < 0.95 for value in share.values())
    alone = known_law(ground(cells[["N", "D", "loss"]], SPEC, TARGET), (1.1,), 3, first=16)
    assert alone["1.1"] == pytest.approx(1.0)  # all rows are there from the start


def test_a_proof_is_continued_and_counts_from_the_own_order(field: Ground, tmp_path: Path) -> None:
    job = Job(field.table, pd.DataFrame(), SPEC, "sixteen runs", "x", (), bytes_per_token=4.3)
    one = prove(job, TARGET, 1, tmp_path, rules=("own order", "information"))
    said: list[str] = []
    two = prove(job, TARGET, 2, tmp_path, said.append, rules=("own order", "information"))
    assert said == ["own order, start 2 of 2", "information, start 2 of 2"]
    assert two["rules"]["information"]["paths"][0] == one["rules"]["information"]["paths"][0]
    assert json.loads((tmp_path / "replay.json").read_text())["rules"] == two["rules"]
    own, chosen = two["rules"]["own order"], two["rules"]["information"]
    assert own["to"]["1"] == own["to"]["1"] | {"reached": 1.0, "median_share_of_own_order": 1.0}
    assert chosen["to"]["2"]["median_flops"] <= chosen["to"]["1.1"]["median_flops"] <= two["flops_of_all"] * (1 + 1e-9)
    assert prove(job, 2 * TARGET, 1, tmp_path, rules=("own order",))["rules"]["own order"]["starts"] == 1  # another question
