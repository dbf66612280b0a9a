"""Entries of the atlas: common columns, units, and what is left out by name."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.published import entries, gadre, gemstones, load_entry, olmo, open_athena, porian, published_table, step_law
from study.published.entry import COLUMNS, Entry, UnitError, nats_per_token, runs
from study.published.fetch import PublishedError, UnavailableError, read
from tests.conftest import Load

ENTRY = Entry(name="theirs", laboratory="Them", N_convention="total", corpus="text", bytes_per_token=4.0, decayed=True, tuned=False)
FRAME = pd.DataFrame({"N": [2e6, 1e6, 1e6], "D": [1e8, 1e8, 3e8], "loss": [4.0, 4.4, 4.2]})


def test_enough_tables_of_enough_laboratories() -> None:
    pooled = [entry for _, entry in entries().values() if entry.pooled]
    assert len(pooled) >= 14 and len({entry.laboratory for entry in pooled}) >= 9
    assert len({entry.name for _, entry in entries().values()}) == len(entries())
    studies = [entry for _, entry in entries().values() if entry.laboratory == "DeepMind"]
    assert [entry.pooled for entry in studies].count(True) == 1, "three readings of one figure are one study"


def test_common_columns() -> None:
    rows = runs(ENTRY, FRAME, 32_000, "cosine")
    assert tuple(rows.columns) == COLUMNS
    assert rows["C"].tolist() == pytest.approx([6e14, 12e14, 18e14])
    assert rows["run"].tolist() == ["1", "0", "2"] and rows["shape"].tolist() == [1, 2, 1]
    np.testing.assert_allclose(rows["loss_per_byte"], rows["loss"] / 4.0)
    assert runs(replace(ENTRY, shape=None), FRAME, 1, "")["shape"].is_unique


@pytest.mark.parametrize(("unit", "factor"), [("nats/token", 1.0), ("bits/token", math.log(2)), ("nats/byte", 4.0),
                                              ("bits/byte", 4.0 * math.log(2)), ("relative", 1.0)])
def test_units(unit: str, factor: float) -> None:
    rows = runs(replace(ENTRY, unit=unit), FRAME, 32_000, "cosine")
    np.testing.assert_allclose(sorted(rows["loss"]), np.sort(FRAME["loss"]) * factor)
    assert rows["loss_per_byte"].isna().all() == (unit == "relative")


def test_a_unit_without_a_factor_and_a_bad_count_are_refused() -> None:
    with pytest.raises(UnitError, match="'dits' cannot be converted"):
        nats_per_token(FRAME["loss"], "dits", 4.0)
    with pytest.raises(ValueError, match="not positive"):
        runs(ENTRY, FRAME.assign(D=0.0), 32_000, "cosine")


def test_a_table_that_lacks_a_column_or_has_other_bytes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    table = published_table("olmo-ladder")
    path = tmp_path / table.folder.local
    path.parent.mkdir(parents=True)
    path.write_bytes(b"run,N,tokens,pile\na,1,2,3\n")
    monkeypatch.setenv("STUDY_PUBLISHED", str(tmp_path))
    with pytest.raises(PublishedError, match="has sha256"):
        read(table)
    other = replace(table, folder=replace(table.folder, sha256=hashlib.sha256(path.read_bytes()).hexdigest()))
    with pytest.raises(PublishedError, match=r"'olmo-ladder' lacks the column .*loss"):
        read(other)


@pytest.mark.usefixtures("offline")
def test_a_table_of_many_files_needs_the_folder() -> None:
    with pytest.raises(UnavailableError, match="'gadre' is spread over a file a run: set STUDY_PUBLISHED"):
        load_entry("gadre-c4")


def test_unknown_entry() -> None:
    with pytest.raises(PublishedError, match="unknown entry 'nothing'"):
        load_entry("nothing")


def test_small_files_of_each_schema() -> None:
    isoflop = b"condition,tokens,params,budget,loss\nraw_loss,2e9,1e8,1.2e18,0.9\nexp_loss,2e9,1e8,1.2e18,2.4\n"
    points = open_athena.parse(isoflop, "condition", "raw_loss")
    assert points.to_dict("list") == {"N": [1e8], "D": [2e9], "C": [1.2e18], "loss": [0.9]}
    row = "a,rpj,100,80,2000," + ",".join(str(value) for value in (1.0, 2.0, 3.0))
    header = "name,dataset,params,params_no_embed,tokens," + ",".join(gadre.EVALUATED.values())
    frame = gadre.parse(f"{header}\n{row}\n".encode())
    assert frame[["N", "N_total", "D", "loss"]].to_numpy().tolist() == [[80.0, 100.0, 2000.0, 2.0]]
    assert olmo.parse(b"run,N,step,tokens,c4,pile\na,1,9,2,3.5,2.5\n").to_numpy().tolist() == [["a", 1.0, 2.0, 3.5, 2.5]]
    swept = step_law.parse(b"exp_name,N,D,lr,bs,smooth loss\na,1,2,1,1,3.0\nb,1,2,2,1,2.9\nc,1,4,2,1,2.8\n")
    assert step_law.best_of_each_cell(swept)["run"].tolist() == ["b", "c"]
    curve = pd.DataFrame({"run": ["a"] * 36, "D": np.arange(1.0, 37.0)})
    assert gemstones.thinned(curve)["D"].tolist() == [1.0, 4.0, 12.0, 36.0]


def test_every_entry_can_be_had_or_says_why_not(published: Load) -> None:
    for table in dict.fromkeys(table.name for table, _ in entries().values()):
        published(table)
    left_out = {}
    for name, (_, entry) in entries().items():
        try:
            rows = load_entry(name)
        except PublishedError as error:
            left_out[name] = str(error)
            continue
        assert len(rows) >= 15 and (rows["checkpoint"] == entry.checkpoints).all() and rows["loss"].between(0.5, 11).all(), name
    assert list(left_out) == ["llama-3-exp"] and "cannot be converted" in left_out["llama-3-exp"]


def test_what_the_readings_rest_on(published: Load) -> None:
    raw, exp = published("llama-3-raw"), published("llama-3-exp")
    np.testing.assert_allclose(np.exp(raw["loss"]), exp["loss"], rtol=1e-12)  # of which only one is linear in nats
    frame = published("porian-isoflop")
    sizes = {(dataset, name): len(porian.step(frame, dataset, name)) for dataset in porian.CORPORA for name in porian.STEPS}
    assert min(sizes.values()) >= 88 and sum(sizes.values()) == 107 + 131 + 132 + 88 + 121 + 113 + 132 + 132 + 88 + 116
    sweep = published("step-law")
    assert len(sweep) == 1911 and len(step_law.best_of_each_cell(sweep)) == 17
    width, layers = 768, 12  # attention 4 d^2, gated feed-forward 12 d^2, norms, and one table of 100,352 rows
    assert published("olmo-ladder")["N"].min() == 100_352 * width + layers * 16 * width**2 + (4 * layers + 1) * width
