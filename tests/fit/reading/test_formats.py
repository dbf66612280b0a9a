"""Tables as spreadsheets, exports and notebooks write them: what surrounds the runs is left out, and what is read is said."""

import json
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from study.fit.reading.headers import read_header
from study.fit.reading.raw import TableError
from study.fit.reading.usertable import read_table

ROWS = [[3e7, 6e8, 4.1], [9e7, 1.8e9, 3.5], [2.7e8, 5.4e9, 3.1], [8e8, 1.6e10, 2.8]]
NAMES = ["params", "tokens", "val_loss"]
FRAME = pd.DataFrame(ROWS, columns=NAMES)


def read(path: Path, text: str = "", **options: object) -> list[list[float]]:
    if text:
        path.write_text(text)
    return read_table(path, **options).frame[["N", "D", "loss"]].to_numpy().tolist()  # type: ignore[arg-type]


def notes(path: Path) -> str:
    return "; ".join(read_table(path).notes)


BODY = FRAME.to_csv(index=False)


@pytest.mark.parametrize("text", [
    "Sweep of the spring, second try\n" + BODY,
    "".join(f"{line},{note}\n" for line, note in zip(BODY.splitlines(), ["remark", "", "", "good", ""], strict=True)),
    BODY.replace("val_loss\n", "val_loss,remark\n").replace("2.8\n", "2.8,the largest\n"),  # rows that end early
    BODY + "All runs by one recipe.\nSeeds differ.\n",
])
def test_words_around_a_table_are_left_out(tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "runs.csv", text) == ROWS


def test_a_row_of_too_many_fields_is_named_by_its_line(tmp_path: Path) -> None:
    text = BODY.replace("val_loss\n", "val_loss,remark\n").replace("2.8\n", "2.8,a,b,c\n")
    with pytest.raises(TableError, match="line 5 has 6 fields and the header 4"):
        read(tmp_path / "runs.csv", text)


RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]


@pytest.mark.parametrize("value", [
    {"about": {"author": "x"}, "results": {f"r{k}": row for k, row in enumerate(RECORDS)}},
    {"schema": 1, "table": {name: [row[name] for row in RECORDS] for name in NAMES}},
    [NAMES, *ROWS],
])
def test_json_that_holds_the_rows_deeper(tmp_path: Path, value: object) -> None:
    assert read(tmp_path / "runs.json", json.dumps(value)) == ROWS


def test_objects_one_after_another_over_several_lines(tmp_path: Path) -> None:
    assert read(tmp_path / "runs.json", "\n".join(json.dumps(row, indent=2) for row in RECORDS)) == ROWS
    with pytest.raises(TableError, match=r"not a readable JSON table: .*line 3"):
        read(tmp_path / "cut.jsonl", "\n".join(json.dumps(row) for row in RECORDS[:3])[:-5])


def test_parquet_with_lists_and_with_a_size_as_its_index(tmp_path: Path) -> None:
    FRAME.assign(tags=[["a", "b"], [], ["c"], ["a"]]).to_parquet(tmp_path / "lists.parquet")
    FRAME.set_index("params").to_parquet(tmp_path / "index.parquet")
    assert read(tmp_path / "lists.parquet") == read(tmp_path / "index.parquet") == ROWS


def test_the_sheet_of_runs_is_read_and_another_is_named(tmp_path: Path) -> None:
    path = tmp_path / "runs.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({f"curve {k}": [3.0, 2.9, 2.8] for k in range(9)}).to_excel(book, sheet_name="curves", index=False)
        FRAME.iloc[:2].to_excel(book, sheet_name="old", index=False)
        FRAME.to_excel(book, sheet_name="runs", index=False)
    assert read(path) == ROWS and "sheet runs, and not old" in notes(path)


def test_a_sheet_of_text_and_one_with_a_row_of_units(tmp_path: Path) -> None:
    FRAME.astype(str).to_excel(tmp_path / "text.xlsx", index=False)
    assert read(tmp_path / "text.xlsx") == ROWS
    units = pd.concat([pd.DataFrame([["M", "B", "nats"]], columns=NAMES), FRAME.assign(params=FRAME["params"] / 1e6,
                                                                                      tokens=FRAME["tokens"] / 1e9)])
    units.to_excel(tmp_path / "units.xlsx", index=False)
    assert read(tmp_path / "units.xlsx") == ROWS


def test_commas_between_semicolons_are_decimal(tmp_path: Path) -> None:
    text = "N (M);D (B);loss\n30;0,600;4,100\n90;1,800;3,500\n"
    assert read(tmp_path / "runs.csv", text) == ROWS[:2]
    assert read(tmp_path / "three.csv", "N (M);D (B);loss\n30;2,250;4,100\n90;1,800;3,500\n")[0] == [3e7, 2.25e9, 4.1]
    assert read(tmp_path / "points.csv", "N;D;loss\n30,000;2,250,000;4.100\n")[0] == [3e4, 2.25e6, 4.1]


@pytest.mark.parametrize("name", ["data_budget", "U", "train_set_size", "unique_data_budget", "tokens_per_epoch"])
def test_names_of_the_unique_tokens(tmp_path: Path, name: str) -> None:
    FRAME.assign(**{name: 1e9}).to_csv(tmp_path / "runs.csv", index=False)
    found = read_table(tmp_path / "runs.csv")
    assert found.columns["unique"] == name and (found.frame["unique"] == 1e9).all() and "C" not in found.columns


def test_passes_are_read_as_written_or_said_to_be_left_out(tmp_path: Path) -> None:
    FRAME.assign(epochs=["1x", "2 x", "60x", "4 epochs"]).to_csv(tmp_path / "runs.csv", index=False)
    assert read_table(tmp_path / "runs.csv").frame["epochs"].tolist() == [1, 2, 60, 4]
    FRAME.assign(epochs=["one", "2", "60", "4"]).to_csv(tmp_path / "words.csv", index=False)
    found = read_table(tmp_path / "words.csv")
    assert "epochs" not in found.frame and "epochs" not in found.columns and "without epochs" in "; ".join(found.notes)
    FRAME.assign(u=[0.1, 0.2, 0.3, 0.4]).to_csv(tmp_path / "u.csv", index=False)
    assert "unique" not in read_table(tmp_path / "u.csv").frame


@pytest.mark.parametrize(("values", "role"), [
    ([1, 2, 1, 2], "seed"), ([1, 2, 4, 8], "epochs"), ([0, 1, 2, 3], "seed"), ([1, 1, 1, 4], "epochs"), (list("abab"), "seed")])
def test_repeat_numbers_the_runs_of_a_cell_or_counts_passes(tmp_path: Path, values: list[object], role: str) -> None:
    cells = FRAME.loc[[0, 0, 1, 1]].assign(val_loss=[3.5, 3.4, 3.3, 3.2])
    cells.assign(repeat=values).to_csv(tmp_path / "runs.csv", index=False)
    found = read_table(tmp_path / "runs.csv").frame[role]
    assert [str(value).removesuffix(".0") for value in found] == [str(value) for value in values]


def test_consecutive_repeats_of_cells_of_their_own_count_passes(tmp_path: Path) -> None:
    FRAME.assign(repeat=[1, 2, 3, 4]).to_csv(tmp_path / "runs.csv", index=False)
    assert read_table(tmp_path / "runs.csv").frame["epochs"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(("name", "role"), [
    ("num_train_epochs", "epochs"), ("train/epoch", "epochs"), ("repeat_factor", "epochs"), ("config.training.seed", "seed"),
    ("seed_idx", "seed")])
def test_passes_and_seeds_under_usual_names(tmp_path: Path, name: str, role: str) -> None:
    FRAME.assign(**{name: [1, 2, 60, 4]}).to_csv(tmp_path / "runs.csv", index=False)
    assert read_table(tmp_path / "runs.csv").columns[role] == name


def test_text_of_categories_in_parquet(tmp_path: Path) -> None:
    FRAME.assign(status=pd.Categorical(["done", "TIMEOUT", "done", "out_of_memory"])).to_parquet(tmp_path / "runs.parquet")
    found = read_table(tmp_path / "runs.parquet")
    assert len(found.frame) == 2 and "1 timeout" in "; ".join(found.notes)


@pytest.mark.parametrize(("header", "scale", "unit"), [
    ("tokens (100M)", 1e8, ""), ("params (10M params)", 1e7, ""), ("Tokens (B)", 1e9, ""), ("Data size (GiB)", 1e9, "bytes")])
def test_a_header_in_hundreds_of_millions_and_in_bytes(header: str, scale: float, unit: str) -> None:
    found = read_header(header)
    assert found.unit == unit and (unit or found.scale == scale)


def test_active_and_total_parameters_are_asked_for(tmp_path: Path) -> None:
    mixture = FRAME.rename(columns={"params": "total_params"}).assign(activated_params=FRAME["params"] / 8)
    mixture.to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(TableError, match="total_params and activated_params could each be N"):
        read_table(tmp_path / "m.csv")


@pytest.mark.parametrize("cell", ["1e300", "10^300", "10^999"])
def test_a_number_beyond_all_is_one_line(tmp_path: Path, cell: str) -> None:
    with pytest.raises(TableError, match=r"column tokens.*(too large|not a number)"):
        read(tmp_path / "runs.csv", BODY.replace("1800000000.0", cell))


def test_many_names_are_not_all_listed(tmp_path: Path) -> None:
    wide = pd.DataFrame({f"step {k}": [3.0] for k in range(40)})
    wide.to_csv(tmp_path / "wide.csv", index=False)
    with pytest.raises(TableError, match="step 11 and 28 more") as caught:
        read_table(tmp_path / "wide.csv")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", [
    "Runs of the winter,,\n" + BODY,  # a title as a spreadsheet exports it
    "params,tokens,val_loss\nM,B,nats\n30,0.6,4.1\n90,1.8,3.5\n270,5.4,3.1\n800,16,2.8\n",
    "params,tokens,val_loss\n(millions),(billions),\n30,0.6,4.1\n90,1.8,3.5\n270,5.4,3.1\n800,16,2.8\n",
])
def test_titles_with_commas_and_units_below_a_header(tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "runs.csv", text) == ROWS


def test_archives_hold_one_table_beside_hidden_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as archive:
        archive.writestr("runs.csv", BODY)
        archive.writestr("folder/.DS_Store", "x")
    assert read(tmp_path / "runs.zip") == ROWS
    (tmp_path / "runs.csv").write_text(BODY)
    with tarfile.open(tmp_path / "runs.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "runs.csv", "runs.csv")
    with pytest.raises(TableError, match="is a tar archive: unpack it"):
        read(tmp_path / "runs.tar.gz")


def test_of_several_lists_that_of_runs_is_read(tmp_path: Path) -> None:
    assert read(tmp_path / "runs.json", json.dumps({"authors": [{"name": "x"}], "runs": RECORDS})) == ROWS
    with pytest.raises(TableError, match="old and new each hold runs: keep one"):
        read(tmp_path / "two.json", json.dumps({"old": RECORDS[:2], "new": RECORDS}))


def test_cells_that_a_workbook_merged_are_named(tmp_path: Path) -> None:
    FRAME.assign(params=[3e7, None, 2.7e8, None]).to_excel(tmp_path / "runs.xlsx", index=False)
    with pytest.raises(TableError, match="column params: an empty cell, as merged cells leave,"):
        read(tmp_path / "runs.xlsx")


def test_of_many_names_those_that_may_be_meant_come_first(tmp_path: Path) -> None:
    wide = pd.DataFrame({**{f"metric {k}": [3.0] for k in range(30)}, "how many params": [1e6], "val metric": [2.0], "toks": [1e7]})
    wide.to_csv(tmp_path / "wide.csv", index=False)
    with pytest.raises(TableError, match=r"no column for N \(or C\) and loss: it has how many params, toks, metric 0"):
        read_table(tmp_path / "wide.csv")
