"""Rows that are no runs of their own, and what a table gives reason to doubt: the kinds, on tables made here."""

import numpy as np
import pandas as pd
import pytest

from study.fit.doubts import Doubt, NotALossError, doubts, refuse_no_loss
from study.fit.rows import Arranged, arrange
from study.laws.hoffmann import LossSurface

LAW = LossSurface(1.9, 300.0, 1500.0, 0.33, 0.35)


def table(sizes: int = 4, ratios: int = 4, *, noise: float = 0.002, seed: int = 0) -> pd.DataFrame:
    N, ratio = (axis.ravel() for axis in np.meshgrid(np.geomspace(1.5e7, 8e8, sizes), np.geomspace(6, 110, ratios)))
    frame = pd.DataFrame({"line": np.arange(2, len(N) + 2), "N": np.round(N), "D": np.round(N * ratio)})
    frame["loss"] = LAW.loss(frame["N"], frame["D"]) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(N)))
    return frame


def seen(frame: pd.DataFrame, **changes: object) -> tuple[Doubt, ...]:
    return doubts(frame.assign(**changes))


def arranged(frame: pd.DataFrame, other: pd.DataFrame | None = None, choice: str = "auto") -> Arranged:
    frame = frame.reset_index(drop=True).assign(line=np.arange(2, len(frame) + 2))
    return arrange(frame, pd.DataFrame(index=frame.index) if other is None else other, choice)


def test_a_sound_table_raises_no_doubt() -> None:
    frame = table()
    refuse_no_loss(frame)
    exact = frame.assign(C=6 * frame["N"] * frame["D"] * 1.01)
    found = arranged(exact)
    assert doubts(found.frame) == () and found.doubts == () and found.notes == ()
    pd.testing.assert_frame_equal(found.frame, exact)


@pytest.mark.parametrize(("scale_n", "scale_d", "words"), [
    (1e-6, 1.0, "N in millions"), (1e-9, 1.0, "N in billions"), (1.0, 1e-9, "D in billions"), (1.0, 1e-6, "D in millions"),
    (1e-6, 1e-9, "N in millions and D in billions"), (1.0, 1e-12, "D in trillions"),
    (1e-9, 1e-9, "N in billions and D in billions")])
def test_a_slip_of_unit_is_named(scale_n: float, scale_d: float, words: str) -> None:
    frame = table()
    (doubt,) = seen(frame, N=frame["N"] * scale_n, D=frame["D"] * scale_d)
    assert doubt.severe and f": {words}? Write" in doubt.text and "D/N is" in doubt.text


@pytest.mark.parametrize(("factor", "words", "severe"), [
    (3.0, "C/(6ND) is 3 throughout (C = 18 ND)", True), (1 / 3, "forward pass alone", True), (4 / 3, "recomputation", False),
    (1e-9, "a billionth", True)])
def test_compute_that_is_not_6nd_by_a_factor(factor: float, words: str, severe: bool) -> None:
    frame = table()
    (doubt,) = seen(frame, C=6 * frame["N"] * frame["D"] * factor)
    assert words in doubt.text and doubt.severe is severe
    spread = np.exp(np.random.default_rng(0).normal(0, 0.1, len(frame)))
    assert seen(frame, C=6 * frame["N"] * frame["D"] * spread) == ()  # an exact count


def test_rows_in_another_unit_among_the_others() -> None:
    frame = table()
    for slipped in (np.arange(16) < 5, np.arange(16) == 9):
        (doubt,) = seen(frame, N=np.where(slipped, frame["N"] / 1e6, frame["N"]))
        assert doubt.severe and "some rows may be in another unit" in doubt.text
    (few,) = seen(frame, D=frame["D"] * np.where(np.arange(16) < 3, 2e4, 40.0))
    assert not few.severe and "3 of 16 rows have a D/N outside" in few.text


@pytest.mark.parametrize(("unit", "name"), [(1e12, "TFLOP"), (1e15, "PFLOP"), (8.64e19, "PF-days"), (1e21, "ZFLOP")])
def test_compute_in_another_unit_that_stands_for_tokens_or_parameters(unit: float, name: str) -> None:
    frame = table()
    C = 6 * frame["N"] * frame["D"] / unit
    for made, other in (("D", "N"), ("N", "D")):
        found = doubts(frame.assign(**{made: C / 6 / frame[other]}), derived=made)
        assert found[0].severe and f"with {made} from C: C in {name}?" in found[0].text
        assert doubts(frame, derived=made) == ()


@pytest.mark.parametrize(("scale", "name"), [(1e6, "millions"), (1e9, "billions")])
def test_a_slip_beside_compute_is_named_by_its_column(scale: float, name: str) -> None:
    frame = table()
    C = 6 * frame["N"] * frame["D"]
    for given, made in (("N", "D"), ("D", "N")):
        slipped = frame[given] / scale
        found = doubts(frame.assign(**{given: slipped, made: C / 6 / slipped}), derived=made)
        assert f"{given} in {name}?" in found[0].text


def test_logarithms_are_not_sizes() -> None:
    frame = table()
    for logarithm, name in ((np.log10, "log10"), (np.log, "ln")):
        found = seen(frame, N=logarithm(frame["N"]), D=logarithm(frame["D"]))
        assert found[0].severe and f"{name} of N and {name} of D?" in found[0].text


def test_a_low_perplexity_is_no_loss_of_a_trained_model() -> None:
    frame = table().query("D > 2e9 and N > 1e8")
    (doubt,) = doubts(frame.assign(loss=np.exp(frame["loss"] - 0.4)))
    assert doubt.severe and "--loss-unit perplexity" in doubt.text
    (low,) = doubts(frame.assign(loss=frame["loss"] / 2.7))
    assert not low.severe and "by the byte" in low.text


def test_a_perplexity_lies_above_ln_of_any_vocabulary() -> None:
    frame = table()
    (doubt,) = seen(frame, loss=np.exp(frame["loss"]))
    assert doubt.severe and "any vocabulary" in doubt.text and "--loss-unit perplexity" in doubt.text
    (small,) = doubts(frame, np.full(len(frame), 16.0))  # ln 16 = 2.8
    assert "ln of the vocabulary, 2.77 nats" in small.text


def test_bits_a_byte_taken_for_nats_are_doubted() -> None:
    frame = table()
    (doubt,) = seen(frame, loss=frame["loss"] / 4.3)
    assert "--loss-unit" in doubt.text


def test_an_accuracy_is_refused_and_a_loss_is_not() -> None:
    frame = table()
    for accuracy in (1 / frame["loss"], 100 * np.exp(-frame["loss"])):
        with pytest.raises(NotALossError, match="grows with D"):
            refuse_no_loss(frame.assign(loss=accuracy))
        along = frame.assign(loss=accuracy).iloc[[0, 5, 10, 15]]  # four runs of one ratio or so
        with pytest.raises(NotALossError, match="grows with compute"):
            refuse_no_loss(along)
    refuse_no_loss(frame)
    worse = frame.assign(loss=8 * frame["N"] ** -0.05 * frame["D"] ** 0.03)
    assert any(doubt.kind == "direction" and "grows with D" in doubt.text for doubt in doubts(worse))


def test_one_ratio_of_tokens_to_parameters_is_named() -> None:
    frame = table().query("N > 0")
    (doubt,) = seen(frame, D=frame["N"] * np.linspace(18, 24, len(frame)))
    assert doubt.severe and "D/N varies by a factor of 1.3 only" in doubt.text


@pytest.mark.parametrize("times", [2, 5])
def test_exact_repeats_count_once(times: int) -> None:
    found = arranged(pd.concat([table()] * times))
    assert len(found.frame) == 16 and len(found.aside) == 16 * (times - 1)
    assert f"{16 * (times - 1)} rows repeat another" in found.notes[0] and found.doubts == ()
    again = arranged(pd.concat([table()] * times), choice="all")
    assert len(again.frame) == 16 * times and "with --rows all" in again.doubts[0].text
    seeds = arranged(pd.concat([table(seed=seed) for seed in range(times)]))
    assert len(seeds.frame) == 16 * times and seeds.notes == ()  # other losses: true repeats of a cell


def curves(points: int, *, even: bool = True, run: bool = True) -> pd.DataFrame:
    out = []
    for k, (N, end) in enumerate(((4e7, 3e9), (1.1e8, 2.2e9), (3e8, 2e10), (3e8, 6e9))):
        D = np.linspace(end / points, end, points) if even else np.geomspace(end / 40, end, points)
        out.append(pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D) * (1 + 0.1 * (1 - D / end)), "run": f"r{k}"}))
    return pd.concat(out) if run else pd.concat(out).drop(columns="run")


@pytest.mark.parametrize("even", [True, False])
def test_of_a_run_s_checkpoints_the_last_is_fitted(even: bool) -> None:
    found = arranged(curves(12, even=even))
    assert sorted(found.frame["D"]) == [2.2e9, 3e9, 6e9, 2e10] and set(found.aside["why"]) == {"checkpoints"}
    assert "44 of 48 rows are checkpoints of one run" in found.notes[0]
    assert len(arranged(curves(12, even=even), choice="all").frame) == 48


def test_curves_without_a_column_of_runs() -> None:
    two = curves(15, run=False).query("N < 3e8").drop(index=[3, 8])  # missing checkpoints
    third = curves(15, run=False).query("N == 3e8").iloc[:15]
    found = arranged(pd.concat([two, third]))
    assert sorted(found.frame["D"]) == [2.2e9, 3e9, 2e10] and "even steps" in found.notes[0]
    uneven = arranged(curves(15, even=False, run=False))
    assert len(uneven.frame) == 60 and "checkpoints of a run" in uneven.doubts[0].text


def test_two_runs_of_one_size_are_two_curves_in_the_order_of_the_file() -> None:
    found = arranged(curves(15, run=False))
    assert sorted(found.frame["D"]) == [2.2e9, 3e9, 6e9, 2e10] and found.doubts == ()
    mixed = arranged(curves(15, run=False).sample(frac=1, random_state=0))
    assert sorted(mixed.frame["D"]) == [2.2e9, 3e9, 2e10]  # the longest of a size whose curves cannot be told apart


def test_what_unfinished_runs_lack_is_seen_and_independent_runs_are_not_accused() -> None:
    (doubt,) = arranged(curves(15, even=False, run=False)).doubts
    assert doubt.severe and "more than a law in N and D does" in doubt.text
    (five,) = arranged(curves(5, run=False).iloc[:15]).doubts
    assert "5 values of D" in five.text  # three sizes of five points hardly tell
    (many,) = arranged(table(5, 12)).doubts
    assert not many.severe and "if they are checkpoints of a run" in many.text and "a column `run` says which" in many.text
    (named,) = arranged(table(5, 12).assign(run=lambda rows: rows["N"].map("{:g}".format))).doubts  # a size's name, not a run's
    assert "names each size once" in named.text and "--columns run=" in named.text


def test_too_few_ends_keep_all_rows_with_a_severe_doubt() -> None:
    found = arranged(curves(12).query("N < 3e8"))
    assert len(found.frame) == 24 and found.doubts[0].severe and "too few runs would be left" in found.doubts[0].text


def test_copies_under_another_id_count_once_and_equal_roundings_do_not() -> None:
    copies = pd.concat([table()] * 3)
    for name in ("run", "seed"):
        found = arranged(copies.assign(**{name: [f"r{k}" for k in range(48)]}))
        assert len(found.frame) == 16 and "32 rows repeat the N, D and loss of another" in found.notes[0]
    rounded = pd.concat([table(seed=seed) for seed in range(3)]).round({"loss": 2})
    assert len(arranged(rounded.assign(seed=np.repeat([0, 1, 2], 16))).frame) == 48


def test_names_of_sizes_are_not_runs() -> None:
    frame = table(5, 5)
    assert len(arranged(frame.assign(run=[f"{n / 1e6:.0f}M" for n in frame["N"]])).frame) == 25
    assert len(arranged(frame.assign(run="sweep-1")).frame) == 25
    D = np.random.default_rng(0).uniform(1e9, 4e10, 60)
    assert len(arranged(pd.DataFrame({"N": np.repeat([3e7, 9e7], 30), "D": D, "loss": 3.0})).frame) == 60


@pytest.mark.parametrize("columns", [("unique",), ("epochs",), ("fresh",), ("unique", "epochs")])
def test_repeated_text_is_set_apart(columns: tuple[str, ...]) -> None:
    frame = table()
    extra = {"unique": np.minimum(frame["D"], 1.6e9), "epochs": np.maximum(frame["D"] / 1.6e9, 1.0),
             "fresh": np.minimum(1.6e9 / frame["D"], 1.0)}
    repeated = int((frame["D"] > 1.02 * 1.6e9).sum())
    found = arranged(frame.assign(**{name: extra[name] for name in columns}))
    assert len(found.frame) == 16 - repeated and (found.frame["D"] <= 1.65e9).all() and repeated > 2
    assert f"{repeated} of 16 rows repeat their text" in found.notes[0]
    for name in columns:
        assert {"unique": "unique tokens", "epochs": "epochs", "fresh": "the share that is unique"}[name] in found.notes[0]


def test_a_sweep_is_named_and_the_best_of_each_cell_offered() -> None:
    cells = table(3, 3)
    rates = [0.0003, 0.001, 0.003, 0.01]
    tuned = [cells.assign(loss=cells["loss"] * (1 + 0.02 * np.log(rate / 0.001) ** 2)) for rate in rates]
    sweep = pd.concat(tuned).reset_index(drop=True)
    other = pd.DataFrame({"peak_lr": np.repeat([str(rate) for rate in rates], 9), "grad_norm": [str(k / 7) for k in range(36)]})
    found = arranged(sweep, other)
    (doubt,) = found.doubts
    assert len(found.frame) == 36 and doubt.severe and "9 cells" in doubt.text and "--rows best" in doubt.text
    assert "peak_lr" in doubt.text and "grad_norm" not in doubt.text
    best = arranged(sweep, other, "best")
    assert best.doubts == () and np.allclose(np.sort(best.frame["loss"]), np.sort(cells["loss"])) and len(best.aside) == 27


def test_cells_that_differ_without_a_column_and_batches_that_do_not_divide() -> None:
    cells = table(4, 4)
    tuned = pd.concat([cells.assign(loss=cells["loss"] * (1 + rise)) for rise in (0.0, 0.013, 0.11)])
    (doubt,) = arranged(tuned).doubts
    assert doubt.severe and "no column tells apart" in doubt.text and "--rows best" in doubt.text
    assert arranged(pd.concat([table(seed=seed) for seed in range(3)])).doubts == ()  # what seeds do
    whole = tuned.assign(D=tuned["D"] * np.repeat([1.0, 1.001, 0.9985], 16))
    best = arranged(whole, choice="best")
    assert len(best.frame) == 16 and np.allclose(np.sort(best.frame["loss"]), np.sort(cells["loss"]))


def test_the_direction_that_is_named_is_the_one_that_is_sure() -> None:
    """The loss rises with N, surely; with D by more a decade, and by chance: D hardly varies."""
    rng = np.random.default_rng(2)
    D, N = 1e9 * np.exp(0.01 * rng.standard_normal(40)), np.geomspace(1e6, 1e9, 40)
    frame = pd.DataFrame({"N": N, "D": D, "loss": 3 * np.exp(0.05 * np.log(N / 1e6) + 0.02 * rng.standard_normal(40))})
    assert next(doubt.text for doubt in doubts(frame) if doubt.kind == "direction").startswith("the loss grows with N")


def test_a_random_search_of_rates_is_a_sweep_and_what_a_run_met_is_none() -> None:
    cells, rng = table(4, 4), np.random.default_rng(4)
    three = pd.concat([cells] * 3, ignore_index=True)
    rates = np.exp(rng.uniform(np.log(3e-4), np.log(6e-3), 48))
    searched = three.assign(loss=three["loss"] * (1 + 0.008 * np.log(rates / 1.3e-3) ** 2))
    (doubt,) = arranged(searched, pd.DataFrame({"learning rate": rates.astype(str)})).doubts
    assert doubt.severe and "that differ in learning rate," in doubt.text and "--rows best" in doubt.text
    seeds = pd.concat([table(seed=seed) for seed in range(3)], ignore_index=True)
    met = {"hostname": np.resize(["a1", "a2", "b7"], 48), "date": np.resize(["1 May", "2 May"], 48),
           "attempt": np.resize([1, 2], 48), "git_commit": np.resize(["8ad1", "90ff", "90ff"], 48),
           "Runtime": np.resize([61, 62, 63, 64], 48),
           "data_order": np.repeat([0, 1, 2], 16), "mystery": np.repeat(["x", "y", "z"], 16)}
    assert arranged(seeds, pd.DataFrame(met).astype(str)).doubts == ()


@pytest.mark.parametrize("name", ["split", "dataset", "eval_set"])
def test_a_loss_a_line_for_each_text_is_told(name: str) -> None:
    cells = table(4, 4)
    both = pd.concat([cells, cells.assign(loss=cells["loss"] * 1.2)], ignore_index=True)
    (doubt,) = arranged(both, pd.DataFrame({name: np.repeat(["c4", "pile"], 16)})).doubts
    assert doubt.severe and f"16 cells (N, D) hold a loss for each {name} (c4, pile): keep the rows of one" in doubt.text
