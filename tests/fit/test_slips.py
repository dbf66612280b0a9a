"""Slips that a table of runs can hold, and settings that the law knows nothing of: what is read, and what is said of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.fit.job import Job, table_job
from study.fit.reading.raw import TableError
from study.laws.hoffmann import LossSurface

LAW = LossSurface(1.8, 480.0, 2000.0, 0.35, 0.365)


def runs(sizes: int = 5, ratios: int = 5, noise: float = 0.003) -> pd.DataFrame:
    N, ratio = (axis.ravel() for axis in np.meshgrid(np.geomspace(7e7, 2.8e9, sizes), np.geomspace(9, 95, ratios), indexing="ij"))
    frame = pd.DataFrame({"N": np.round(N, -5), "D": np.round(N * ratio, -6)})
    seen = np.exp(noise * np.random.default_rng(3).standard_normal(len(frame)))
    return frame.assign(loss=np.round(LAW.loss(frame["N"], frame["D"]) * seen, 4))


def curves(ends: float, excess: float, shares: np.ndarray) -> pd.DataFrame:
    """Checkpoints of runs whose rate decays: `excess` of the loss too high at the start of each, nothing at its end."""
    frame = pd.DataFrame([{"N": N, "D": round(share * ends * (1 + 0.1 * k)), "left": 1 - share}
                          for k, N in enumerate(np.geomspace(7e7, 1.4e9, 5).round()) for share in shares])
    noise = 0.003 * np.random.default_rng(5).standard_normal(len(frame))
    frame["loss"] = LAW.loss(frame["N"], frame["D"]) * np.exp(excess * frame["left"] + noise)
    return frame.drop(columns="left")


def read(tmp_path: Path, frame: pd.DataFrame, columns: str = "", **how: str) -> Job:
    frame.to_csv(tmp_path / "runs.csv", index=False, **how)  # type: ignore[call-overload]
    return table_job(tmp_path / "runs.csv", columns, "auto", 0)


def kinds(job: Job) -> dict[str, bool]:
    return {doubt.kind: doubt.severe for doubt in job.doubts}


def test_a_sound_table_says_nothing(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, runs())) == {}


@pytest.mark.parametrize("quoted", [False, True])
def test_decimal_commas_are_those_of_the_whole_table(tmp_path: Path, quoted: bool) -> None:
    frame = runs()
    written = frame.assign(D=(frame["D"] / 1e9).map("{:.3g}".format).str.replace(".", ","), N=frame["N"].astype(int),
                           loss=frame["loss"].astype(str).str.replace(".", ",")).rename(columns={"D": "tokens (B)"})
    job = read(tmp_path, written, sep="," if quoted else ";")
    assert "decimal commas" in job.notes[1] and job.frame["D"].to_numpy() == pytest.approx(frame["D"].to_numpy(), rel=5e-3)
    assert job.frame["loss"].to_numpy() == pytest.approx(frame["loss"].to_numpy()) and kinds(job) == {}


def test_commas_between_thousands_stay_so(tmp_path: Path) -> None:
    frame = runs()
    job = read(tmp_path, frame.assign(N=frame["N"].map("{:,.0f}".format), D=frame["D"].map("{:,.0f}".format)))
    assert "decimal" not in job.notes[1] and job.frame[["N", "D"]].to_numpy() == pytest.approx(frame[["N", "D"]].to_numpy())


@pytest.mark.parametrize(("scale_n", "scale_d", "words"), [
    (1e-6, 1e-6, "N in millions and D in millions"), (1.0, 1e-3, "D in thousands"), (1e-3, 1.0, "N in thousands")])
def test_a_slip_that_leaves_sizes_of_models_is_told(tmp_path: Path, scale_n: float, scale_d: float, words: str) -> None:
    frame = runs()
    (doubt,) = read(tmp_path, frame.assign(N=scale_n * frame["N"], D=scale_d * frame["D"])).doubts
    assert doubt.kind == "units" and doubt.severe and words in doubt.text


def test_swapped_columns_are_told(tmp_path: Path) -> None:
    (doubt,) = read(tmp_path, runs().rename(columns={"N": "D", "D": "N"})).doubts
    assert doubt.severe and "N and D swapped" in doubt.text


def test_models_too_small_for_their_losses(tmp_path: Path) -> None:
    frame = runs()
    small = frame.assign(N=1e-3 * frame["N"], D=1e-3 * frame["D"])
    (doubt,) = read(tmp_path, small).doubts
    assert doubt.kind == "units" and not doubt.severe and "N and D in thousands?" in doubt.text
    assert read(tmp_path, small.assign(bytes_per_token=1.1)).doubts == (), "tokens of few bytes are known"


def test_a_setting_that_shifts_the_loss_is_told(tmp_path: Path) -> None:
    frame = runs()
    which = np.random.default_rng(0).integers(0, 2, len(frame))
    for name, values in (("corpus", ["web", "books"]), ("vocab_size", [32000, 100000]), ("schedule", ["cosine", "wsd"])):
        mixed = frame.assign(**{name: np.array(values)[which]}, loss=frame["loss"] * np.where(which, 1.06, 1.0))
        (doubt,) = read(tmp_path, mixed).doubts
        assert doubt.kind == "setting" and doubt.severe, name
        assert f"{values[1]} are" in doubt.text or f"{values[0]} are" in doubt.text
        assert ("at the same N and D" in doubt.text and " 6" in doubt.text) or " 5." in doubt.text
    assert kinds(read(tmp_path, frame.assign(corpus=np.array(["web", "books"])[which]))) == {}, "without a shift"
    assert kinds(read(tmp_path, frame.assign(layers=(np.log(frame["N"]) * 4).round()))) == {}, "a number that is a size"


@pytest.mark.parametrize("unit", [np.log(2), 1 / np.log(2)])
@pytest.mark.parametrize("axis", ["N", "D", "rows"])
def test_bits_beside_nats_are_told(tmp_path: Path, axis: str, unit: float) -> None:
    frame = runs(6, 6)
    if axis == "rows":
        frame = pd.concat([frame, frame.assign(N=1.1 * frame["N"])], ignore_index=True)
    other = frame.index >= 36 if axis == "rows" else frame[axis] > frame[axis].median()
    (doubt,) = read(tmp_path, frame.assign(loss=frame["loss"] * np.where(other, unit, 1.0))).doubts
    assert doubt.kind == "loss unit" and doubt.severe and "two units in one column?" in doubt.text
    assert ("higher" if unit > 1 else "lower") in doubt.text and ("about row" if axis == "rows" else f"{axis} = ") in doubt.text


@pytest.mark.parametrize("share", [0.12, 0.3, 0.5, 0.7, 0.88])
def test_bits_here_and_there_are_told(tmp_path: Path, share: float) -> None:
    frame = runs(6, 6)
    other = np.random.default_rng(2).permutation(36) < 36 * share
    (doubt,) = read(tmp_path, frame.assign(loss=frame["loss"] * np.where(other, 1 / np.log(2), 1.0))).doubts
    few = min(other.sum(), 36 - other.sum())
    assert doubt.severe and f"{few} of 36 losses are {'lower' if share > 0.5 else 'higher'} by a factor of 1.4" in doubt.text


@pytest.mark.parametrize("jump", [1.15, 1.3, 1.8])
def test_another_jump_is_not_one_of_units(tmp_path: Path, jump: float) -> None:
    frame = runs(6, 6)
    other = frame["N"] > frame["N"].median()
    assert "loss unit" not in kinds(read(tmp_path, frame.assign(loss=frame["loss"] * np.where(other, 1.0, jump))))
    some = np.random.default_rng(2).permutation(36) < 12
    assert "loss unit" not in kinds(read(tmp_path, frame.assign(loss=frame["loss"] * np.where(some, jump, 1.0))))


@pytest.mark.parametrize("named", ["", "run_id", "id"])
def test_checkpoints_at_uneven_tokens(tmp_path: Path, named: str) -> None:
    frame = curves(6e10, 0.08, 2.0 ** np.arange(-5, 1))
    if named == "run_id":
        frame[named] = pd.factorize(frame["N"])[0]
        frame[named] = "run-" + frame[named].map("{:x}8a".format)
    if named == "id":
        frame[named] = np.arange(len(frame))
    job = read(tmp_path, frame)
    if named == "run_id":
        assert len(job.frame) == 5 and len(job.aside) == 25 and set(job.aside["why"]) == {"checkpoints"}
    else:
        assert kinds(job)["checkpoints"] and "fit their ends alone" in job.doubts[0].text


def test_a_number_of_the_row_hides_no_curve(tmp_path: Path) -> None:
    frame = curves(1e11, 0.1, np.arange(1, 13) / 12)
    assert len(read(tmp_path, frame.assign(id=np.arange(1, len(frame) + 1))).aside) == len(frame) - 5


def test_a_sweep_of_tokens_by_runs_of_their_own_is_no_curve(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, runs(4, 6).assign(run_id=[f"r{k}" for k in range(24)]))) == {}


def test_tokens_of_a_data_set_times_epochs(tmp_path: Path) -> None:
    frame, part = runs(), np.resize([1.0, 0.25], 25)
    job = read(tmp_path, frame.assign(D=frame["D"] / part, epochs=part).rename(columns={"D": "dataset_tokens"}))
    assert job.frame["D"].to_numpy() == pytest.approx(frame["D"].to_numpy()) and "dataset_tokens x epochs" in job.notes[1]


@pytest.mark.parametrize(("other", "chosen"), [
    ("loss", "val_loss"), ("val_loss_std", "val_loss_mean"), ("train_loss", "eval/loss")])
def test_the_loss_is_the_held_out_one(tmp_path: Path, other: str, chosen: str) -> None:
    frame = runs().rename(columns={"loss": chosen})
    assert read(tmp_path, frame.assign(**{other: 1.5})).columns["loss"] == chosen


def test_a_loss_is_never_scaled_nor_logged_twice(tmp_path: Path) -> None:
    frame = runs()
    with pytest.raises(TableError, match="loss_a and loss_b could each be loss"):
        read(tmp_path, frame.rename(columns={"loss": "loss_a"}).assign(loss_b=2.0))
    for name in ("log_ppl", "ln_perplexity"):
        job = read(tmp_path, frame.rename(columns={"loss": name}))
        assert job.frame["loss"].to_numpy() == pytest.approx(frame["loss"].to_numpy())
    bits = read(tmp_path, frame.assign(loss=frame["loss"] / np.log(2)).rename(columns={"loss": "log2_ppl"}))
    assert bits.frame["loss"].to_numpy() == pytest.approx(frame["loss"].to_numpy())
    for name in ("log2_loss", "val_loss_log10", "ln_loss", "log10_ppl"):
        with pytest.raises(TableError, match=f"{name} may be a logarithm of the loss"):
            read(tmp_path, frame.rename(columns={"loss": name}), columns=f"loss={name}")
    noted = read(tmp_path, frame.rename(columns={"loss": "train_loss"})).notes[1]
    assert "a training loss" in noted


def test_a_unit_in_the_cell_wins_over_that_of_the_header(tmp_path: Path) -> None:
    frame = runs()
    job = read(tmp_path, frame.assign(N=(frame["N"] / 1e6).map("{:g}M".format)).rename(columns={"N": "params (M)"}))
    assert job.frame["N"].to_numpy() == pytest.approx(frame["N"].to_numpy())


@pytest.mark.parametrize("header", ["D [1e9 tokens]", "Tokens (GTok)", "training tokens, bn", "num_input_tokens_seen (B)"])
def test_a_unit_in_the_header_is_read(tmp_path: Path, header: str) -> None:
    frame = runs()
    job = read(tmp_path, frame.assign(D=frame["D"] / 1e9).rename(columns={"D": header}))
    assert job.frame["D"].to_numpy() == pytest.approx(frame["D"].to_numpy())


def test_mistyped_losses_are_no_perplexity(tmp_path: Path) -> None:
    frame = runs()
    frame.loc[7, "loss"] *= 10
    found = {doubt.kind: doubt for doubt in read(tmp_path, frame).doubts}["loss unit"]
    assert not found.severe and "line 9: " in found.text and "mistyped" in found.text and "--loss-unit" not in found.text


def test_a_row_of_sums_or_means_is_no_run(tmp_path: Path) -> None:
    frame = runs()
    for row in (frame.sum(), frame.mean()):
        job = read(tmp_path, pd.concat([frame, row.to_frame().T]))
        assert len(job.frame) == len(frame) and set(job.aside["why"]) == {"total"}


@pytest.mark.parametrize(("change", "words"), [
    (lambda frame: frame.rename(columns={"D": "data (GB)"}), "divide by the bytes a token"),
    (lambda frame: frame.assign(loss=-frame["loss"]), "Its negative is the loss"),
    (lambda frame: frame.assign(D=frame["D"] / frame["N"]).rename(columns={"D": "tokens_per_param"}), r"D=N\*tokens_per_param")])
def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, change: object, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read(tmp_path, change(runs()))  # type: ignore[operator]


def test_small_things_that_people_write(tmp_path: Path) -> None:
    frame = runs()
    written = frame.assign(N=frame["N"].map("{:,.0f}".format).str.replace(",", "’"), loss=frame["loss"].map("{} ± 0.01".format),
                           D=(frame["D"] / 1e9).map("{:.6g}×10⁹".format), width=None)
    (tmp_path / "runs.csv").write_text("sep=;\n" + written.to_csv(index=False, sep=";"))
    job = table_job(tmp_path / "runs.csv", "", "auto", 0)
    assert job.frame[["N", "D", "loss"]].to_numpy() == pytest.approx(frame.to_numpy(), rel=1e-6)
    assert "without width, which has empty cells" in job.notes[1]


def test_dollars_are_no_compute(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, runs().assign(budget=np.resize([250.0, 900.0], 25)))) == {}


def test_a_column_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="names N twice"):
        read(tmp_path, runs(), "N=N,N=D")
