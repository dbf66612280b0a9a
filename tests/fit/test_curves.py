"""Checkpoints given as runs, in the ways that people name, thin and round them; and sound tables that look alike."""

import numpy as np
import pandas as pd
import pytest

from study.fit.cells import cells_of, sizes_of
from study.fit.doubts import Doubt
from study.fit.rows import Arranged, arrange
from study.laws.hoffmann import LossSurface

LAW = LossSurface(1.8, 350.0, 1300.0, 0.33, 0.34)
SIZES = (2.5e7, 7e7, 1.9e8, 5.5e8)


def checkpoints(shares: object, sizes: tuple[float, ...] = SIZES, ratio: float = 25.0, seed: int = 1) -> pd.DataFrame:
    """One run a size whose rate decays by a cosine: what is left of it is loss above the law's."""
    rng, rows = np.random.default_rng(seed), []
    for N in sizes:
        off = 0.002 * rng.standard_normal()
        for share in np.asarray(shares):
            loss = LAW.loss(N, share * ratio * N) + 0.2 * 0.5 * (1 + np.cos(np.pi * share))
            rows.append((N, share * ratio * N, float(loss) * np.exp(off + 0.0007 * rng.standard_normal())))
    return pd.DataFrame(rows, columns=["N", "D", "loss"]).round({"loss": 4})


def independent(ratios: object, sizes: tuple[float, ...] = SIZES, noise: float = 0.004, seed: int = 0) -> pd.DataFrame:
    N, ratio = (axis.ravel() for axis in np.meshgrid(sizes, np.asarray(ratios), indexing="ij"))
    loss = LAW.loss(N, N * ratio) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(N)))
    return pd.DataFrame({"N": N, "D": N * ratio, "loss": loss})


def arranged(frame: pd.DataFrame, **options: str) -> Arranged:
    frame = frame.reset_index(drop=True).assign(line=np.arange(2, len(frame) + 2))
    return arrange(frame, pd.DataFrame(index=frame.index), **options)


def accused(frame: pd.DataFrame, **options: str) -> list[Doubt]:
    return [doubt for doubt in arranged(frame, **options).doubts if doubt.kind == "checkpoints" and doubt.severe]


@pytest.mark.parametrize("name", [
    "base-{size}m-step{step}", "{size}M/checkpoint-{step}", "run{size}_iter_{step}k", "{size}m ckpt{step}"])
def test_a_checkpoint_that_ends_a_name_is_no_other_run(name: str) -> None:
    frame = checkpoints(np.arange(1, 10) / 9)
    frame["run"] = [name.format(size=round(N / 1e6), step=1000 * k) for k, N in enumerate(frame["N"])]
    found = arranged(frame)
    assert len(found.frame) == 4 and "32 of 36 rows are checkpoints of one run" in found.notes[0]


@pytest.mark.parametrize("shares", [np.arange(1, 10) / 9, [0.1, 0.35, 1.0], np.geomspace(0.03, 1, 6)])
@pytest.mark.parametrize("run_id", [True, False])
def test_rows_with_an_id_each_are_doubted_where_they_lack_what_checkpoints_do(shares: object, run_id: bool) -> None:
    frame = checkpoints(shares, sizes=(2.5e7, 5e7, 1e8, 2e8, 4e8, 8e8, 1.6e9))
    (doubt,) = accused(frame.assign(run=[f"a{k:03d}" for k in range(len(frame))]), run="id" if run_id else "name")
    assert "more than a law in N and D does" in doubt.text


def test_quarters_of_every_run_are_doubted_and_even_ratios_of_runs_are_not() -> None:
    assert accused(checkpoints([0.25, 0.5, 0.75, 1.0], sizes=(2.5e7, 5e7, 1e8, 2e8, 4e8, 8e8)))
    for seed in range(3):
        sound = arranged(independent([12, 24, 36, 48], sizes=(2.5e7, 5e7, 1e8, 2e8, 4e8, 8e8), seed=seed))
        assert not [doubt for doubt in sound.doubts if doubt.severe] and len(sound.frame) == 24
    many = arranged(independent(np.arange(10, 90, 10), seed=1))  # eight even ratios that lack nothing are not set apart
    assert len(many.frame) == 32 and [doubt.severe for doubt in many.doubts] == [False]


@pytest.mark.parametrize("ratios", [[5, 20, 80], [4, 10, 25, 60], np.geomspace(5, 120, 7)])
def test_runs_of_their_own_are_not_accused_with_or_without_ids(ratios: object) -> None:
    for seed in range(4):
        frame = independent(ratios, sizes=(*SIZES, 1.5e9), seed=seed)
        assert not accused(frame) and not accused(frame.assign(run=[f"a{k}" for k in range(len(frame))]), run="id")


def test_sizes_from_rounded_compute_are_the_same_and_neighbours_are_not() -> None:
    frame = checkpoints(np.arange(1, 13) / 12, sizes=(*SIZES, 1.5e9))
    C = [float(f"{c:.2e}") for c in 6 * frame["N"] * frame["D"]]
    rounded = frame.assign(D=[float(f"{d:.2e}") for d in frame["D"]]).assign(N=lambda rows: C / (6 * rows["D"]))
    assert rounded["N"].nunique() > 20 and sizes_of(rounded).nunique() == 5
    assert len(arranged(rounded).frame) == 5
    close = pd.DataFrame({"N": 1e8 * 1.008 ** np.arange(40), "D": 1e9, "loss": 3.0})
    assert sizes_of(close).nunique() == 40 and cells_of(close).nunique() == 40  # a chain of sizes is not one


@pytest.mark.parametrize("change", [{"loss": 1 + 1e-7}, {"D": 1.00001}, {"digits": 3.0}])
def test_a_table_pasted_twice_counts_once_however_it_was_written(change: dict[str, float]) -> None:
    frame = independent(np.geomspace(5, 120, 6), sizes=(*SIZES, 1.5e9))
    again = frame.assign(loss=frame["loss"] * change.get("loss", 1.0), D=frame["D"] * change.get("D", 1.0))
    if "digits" in change:
        again["loss"] = again["loss"].round(3)
    found = arranged(pd.concat([frame, again]))
    assert len(found.frame) == 30 and "more nearly than another seed would" in found.notes[0]
    coarse = [independent(np.geomspace(5, 120, 6), sizes=(*SIZES, 1.5e9), seed=seed).round({"loss": 2}) for seed in range(4)]
    assert len(arranged(pd.concat(coarse)).frame) == 120  # seeds whose losses are equal here and there, by rounding
    seeds = arranged(pd.concat([frame, independent(np.geomspace(5, 120, 6), sizes=(*SIZES, 1.5e9), noise=0.001, seed=5)]))
    assert len(seeds.frame) == 60


def test_a_vocabulary_that_changes_with_size_is_told() -> None:
    frame = independent(np.geomspace(5, 120, 5), sizes=(2.5e7, 5e7, 1e8, 2e8, 4e8, 8e8))
    large = frame["N"] > 1.5e8
    shifted = frame.assign(vocabulary=np.where(large, 1.2e5, 3e4), loss=frame["loss"] * np.where(large, 1.09, 1.0))
    (doubt,) = arranged(shifted).doubts
    assert doubt.severe and "vocabulary" in doubt.text
    assert arranged(frame.assign(vocabulary=np.where(large, 1.2e5, 3e4))).doubts == ()


@pytest.mark.parametrize("names", [["0", "1", "2", "3"], ["1041", "1042", "1043", "1044"], ["70M", "d256", "small", "b"]])
def test_names_that_runs_have_are_believed_under_a_run_s_own_name(names: list[str]) -> None:
    frame = checkpoints([0.07, 0.2, 0.45, 1.0])
    found = arranged(frame.assign(run=np.repeat(names, 4)), run="id")
    assert len(found.frame) == 4 and "12 of 16 rows are checkpoints of one run" in found.notes[0]


@pytest.mark.parametrize("names", [["d256", "d512", "d768", "d1024"], ["small", "base", "large", "xl"], ["25", "70", "190", "550"]])
def test_names_of_sizes_under_a_name_that_may_be_a_size_s_are_none_of_runs(names: list[str]) -> None:
    frame = independent([5, 13, 31, 80])
    assert len(arranged(frame.assign(run=np.repeat(names, 4))).frame) == 16
    numbers = frame.assign(run=np.repeat(["25", "70", "190", "550"], 4))
    assert len(arranged(numbers, run="id").frame) == 16  # sizes in millions
    assert len(arranged(frame.assign(run=np.repeat(names, 4)), run="given").frame) == 4  # but for whom says so


@pytest.mark.parametrize("shares", [[0.25, 0.5, 0.75, 1.0], [1 / 3, 2 / 3, 1.0], [0.5, 1.0]])
def test_even_shares_of_several_runs_a_size_are_doubted(shares: list[float]) -> None:
    several = pd.concat([checkpoints(shares, ratio=ratio, seed=round(ratio)) for ratio in (6.0, 17.0, 52.0)])
    for order in (several, several.sort_values("N", kind="stable"), several.sample(frac=1, random_state=1)):
        (doubt,) = accused(order)
        assert "those of several runs (12 in all) at the same even shares" in doubt.text
    assert not accused(several.assign(run=[f"a{k}" for k in range(len(several))]).query("D < 1e9"), run="id")
    seeds = pd.concat([independent([12, 24, 36, 48], seed=seed) for seed in range(3)]).sort_values("N", kind="stable")
    assert not accused(seeds)  # whose ends are equal
    for seed in range(3):
        assert not accused(independent([5, 10, 20, 40], seed=seed))  # a design that doubles


def test_even_ratios_of_runs_without_a_name_are_kept() -> None:
    for seed in range(12):
        assert len(arranged(independent(np.arange(10, 90, 10), sizes=(*SIZES, 1.5e9), seed=seed)).frame) == 40


def test_names_under_run_that_may_be_sizes_need_what_unfinished_runs_lack() -> None:
    names = ["gpt-25M", "gpt-70M", "gpt-190M", "gpt-550M"]
    sound = arranged(independent([5, 10, 20, 40, 80]).assign(run=np.repeat(names, 5)), run="id")
    assert len(sound.frame) == 20 and [doubt.severe for doubt in sound.doubts] == [False] and "run=" in sound.doubts[0].text
    assert len(arranged(checkpoints(np.arange(1, 6) / 5).assign(run=np.repeat(names, 5)), run="id").frame) == 4


def test_a_checkpoint_that_ends_names_of_few_rows_is_proof() -> None:
    frame = checkpoints([0.2, 0.5, 1.0])
    frame["run"] = [f"m{k // 3}-step{1000 * (k % 3 + 1)}" for k in range(12)]
    assert len(arranged(frame).frame) == 4


def test_even_tokens_of_named_sizes_are_kept() -> None:
    N, D = (axis.ravel() for axis in np.meshgrid((*SIZES, 1.5e9), 2e9 * np.arange(1, 9), indexing="ij"))
    frame = pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D) * np.exp(0.004 * np.random.default_rng(0).standard_normal(40))})
    found = arranged(frame.assign(run=[f"m{n / 1e6:.0f}M" for n in N]))
    assert len(found.frame) == 40 and not [doubt for doubt in found.doubts if doubt.severe]


def test_a_copy_of_which_some_losses_are_rounded_alike() -> None:
    frame = independent(np.geomspace(5, 120, 6), sizes=(*SIZES, 1.5e9)).round({"loss": 4})
    frame.loc[[3, 8], "loss"] = frame.loc[[3, 8], "loss"].round(3)
    assert len(arranged(pd.concat([frame, frame.round({"loss": 3})])).frame) == 30
