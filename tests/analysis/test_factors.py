import numpy as np
import pandas as pd
import pytest

from study.analysis import batches, factors, shapes
from study.counts import config_counts
from study.grids import grid
from study.laws import overfitting
from study.laws.kaplan import KaplanSurface
from study.laws.law import LawError
from tests.analysis import planted

KAPLAN = KaplanSurface(N_c=1e12, D_c=1e11, alpha_N=0.09, alpha_D=0.12)


def unique_text(noise: float = 0.003, seed: int = 0) -> pd.DataFrame:
    N, D = (grid.ravel() for grid in np.meshgrid([4e4, 8e4, 2e5, 4e5], [1e5, 3e5, 1e6, 3e6, 1e7]))
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"N": N, "unique": D, "best_loss": KAPLAN.loss(N, D) * np.exp(noise * rng.standard_normal(len(N)))})


def test_overfitting_is_recovered_and_collapses() -> None:
    found = factors.overfitting(unique_text(1e-3))
    low, high = np.quantile(found.ratio, [0.005, 0.995])
    assert low < 0.75 < high and high - low < 0.4
    assert found.correlation > 0.99
    x = overfitting.collapse(found.law, *(found.points[[name]].to_numpy() for name in ("N", "unique")))
    expected = np.median(overfitting.excess(found.law, x), axis=1)
    assert np.median(np.abs(found.points["excess"] / expected - 1)) < 0.1
    with pytest.raises(LawError, match="three amounts"):
        factors.overfitting(unique_text().query("unique < 5e5"))


def test_a_correlation_is_taken_in_each_draw_and_summarised_last() -> None:
    x = np.exp(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]))
    excess = np.exp(np.array([[0.0, 2.0, 0.0], [1.0, 1.0, 0.0], [2.0, 0.0, 0.0]])) * np.array([1, 1, -1])
    assert factors.correlation(x, excess) == pytest.approx(0.0)  # the middle of 1 and -1; the third draw has none
    assert np.isnan(factors.correlation(x, -np.abs(excess)))


def test_a_plateau_and_its_removal_are_told_apart() -> None:
    D, rng = np.array([1e5, 3e5, 1e6, 3e6, 1e7]), np.random.default_rng(1)
    fixed = pd.DataFrame({"N": 1e5, "unique": D, "loss": 2.6 + 0.6 * (D / 1e5) ** -0.9})
    scaled = pd.DataFrame({"N": 1e5, "unique": D, "loss": 1.0 + 2.2 * (D / 1e5) ** -0.15})
    for rows in (fixed, scaled):
        rows["loss"] *= np.exp(0.002 * rng.standard_normal(len(rows)))
    found = factors.plateau(fixed, scaled)
    assert found.probability > 0.99 and found.at == 1e7
    same = factors.plateau(fixed, fixed.assign(loss=fixed["loss"] * np.exp(0.002 * rng.standard_normal(5))))
    assert 0.02 < same.probability < 0.98
    with pytest.raises(LawError, match="one size"):
        factors.plateau(fixed, scaled.assign(N=2e5))


def test_the_arms_meet_where_the_text_is_read_once() -> None:
    cells = grid("factors").cells
    frame = pd.DataFrame([{"arm": cell.arm, "factor": cell.factor, "N": config_counts(cell.config).multiplying,
                           "unique": min(cell.config.unique_tokens, cell.config.tokens) or cell.config.tokens,
                           "epochs": cell.config.tokens / (cell.config.unique_tokens or cell.config.tokens)} for cell in cells])
    fixed, scaled = factors.arms(frame)
    for table in (fixed, scaled):
        assert (table.groupby("N")["unique"].nunique() == 5).all() and table["N"].nunique() == 4
    assert fixed["epochs"].max() > 50 and scaled["epochs"].max() < 1.1
    assert "size" not in set(fixed["arm"]) | set(scaled["arm"])


def test_the_best_size_grows_with_the_text() -> None:
    frame = pd.DataFrame([{"unique": D, "N": N, "best_loss": (np.log(N) - 0.7 * np.log(D)) ** 2}
                          for D in (1e5, 1e6, 1e7) for N in np.geomspace(3e2, 3e6, 17)])
    best = factors.best_size(frame)
    assert not best["edge"].any()
    assert np.polyfit(np.log(best["unique"]), np.log(best["N"]), 1)[0] == pytest.approx(0.7, abs=0.15)


def test_a_critical_batch_comes_out_of_curves() -> None:
    curves = planted.curves(sizes=(3e5,), batches=tuple(2.0 ** np.arange(8, 15)), B_crit=2000.0, steepness=4.0)
    found = batches.critical_batch(curves, [2.6, 2.9, 3.3])
    low, high = np.quantile(found.at(3.0), [0.005, 0.995])
    assert low / 1.05 < 2000 < high * 1.05
    assert np.median(found.steepness) == pytest.approx(4.0, rel=0.15)
    assert np.median(found.fall) == pytest.approx(1 - 2**-0.25, rel=0.15)
    one = batches.at_one_loss(found.needed[found.needed["loss"] == 2.9])
    at = float(np.median(one.theta["B_crit"])) * one.problem.reference["batch"]
    assert at == pytest.approx(2000 * (2.9 / 3) ** -4, rel=0.1)
    adjusted = batches.at_c_min(pd.DataFrame({"loss": [3.0], "C": [1e12], "steps": [1000.0], "batch_tokens": [2000.0]}), found)
    assert adjusted["C_min"].iloc[0] == pytest.approx(5e11, rel=0.05)
    assert adjusted["S_min"].iloc[0] == pytest.approx(500, rel=0.05)
    with pytest.raises(LawError, match="two losses"):
        batches.critical_batch(curves, [2.9])


def test_learning_in_steps_is_recovered_from_curves() -> None:
    curves = planted.curves(sizes=(5e4, 1e5, 3e5, 1e6), noise=0.002)
    found = batches.in_steps(curves, bytes_per_token=3.5)
    for name, truth in (("alpha_S", 0.6), ("alpha_N", planted.ALPHA), ("E", planted.E)):
        low, high = np.quantile(found.theta[name], [0.005, 0.995])
        assert low < truth < high, name
    with pytest.raises(LawError, match="three sizes at a constant rate"):
        batches.in_steps(curves.assign(schedule="linear"))


def test_growth_divides_compute() -> None:
    C = np.geomspace(1e12, 1e15, 4)
    frame = pd.DataFrame({"C": C, "N": C**0.5, "batch_tokens": C**0.2, "steps": C**0.3})
    assert batches.growth(frame) == pytest.approx({"N": 0.5, "batch": 0.2, "steps": 0.3})


def test_a_shape_s_effect_is_read_off_its_best() -> None:
    layers = np.array([1, 2, 4, 8, 12])
    frame = pd.DataFrame({"layers": layers, "width": 400 // layers, "heads": 4})
    effect = np.array([0.06, 0.01, 0.0, 0.02, 0.05])
    frame["loss"] = 2.5 * (1 + effect)
    found = shapes.shape_effect(frame, "aspect")
    np.testing.assert_allclose(found.points["increase"], effect[::-1], atol=1e-6)
    assert found.worst == pytest.approx([0.06]) and found.within == pytest.approx([100 / 6.25]) and np.isnan(found.error)
    assert not found.open and shapes.shape_effect(frame.iloc[1:], "aspect").open
    with pytest.raises(LawError, match="three values"):
        shapes.shape_effect(frame, "heads")


def test_the_noise_of_seeds_widens_a_shape_s_effect() -> None:
    """Two seeds of each shape, 1 % on either side of its mean: the draws spread by that over the root of two."""
    layers = np.repeat([1, 2, 4, 8], 2)
    frame = pd.DataFrame({"layers": layers, "width": 64, "heads": 1,
                          "loss": np.exp(0.01 * np.tile([-1.0, 1.0], 4) + np.where(layers == 8, 0.2, 0.0))})
    found = shapes.shape_effect(frame, "aspect")
    assert found.error == pytest.approx(0.01 * 2**0.5) and found.span == 8
    assert np.median(np.log1p(found.worst)) == pytest.approx(0.2 + 0.01, abs=0.004), "over the best of three, which is lucky"
    assert np.std(np.log1p(found.worst)) == pytest.approx(0.016, abs=0.005)
    assert set(found.within) <= {1.0, 2.0, 4.0} and np.mean(found.within == 4.0) > 0.5
    same = shapes.shape_effect(frame.iloc[::2], "aspect")
    assert len(same.worst) == 1 and np.isnan(same.error)


def test_counts_without_the_embedding_predict_better_where_that_is_so() -> None:
    inner = np.geomspace(1e4, 1e6, 12)
    frame = pd.DataFrame({"N": inner, "N_non_embedding": inner, "N_total": inner + np.tile([2e5, 2e4, 5e4], 4),
                          "loss": 3 * (inner / 1e5) ** -0.1})
    found = shapes.counts(frame)
    assert found["non_embedding"] < 0.2 * found["total"]
