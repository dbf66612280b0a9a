"""A user's table: formats, names, units, and one clear line for each way it can be wrong."""

import bz2
import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.fit.reading.columns import parse_columns
from study.fit.reading.headers import read_header
from study.fit.reading.raw import TableError
from study.fit.reading.sizes import size
from study.fit.reading.usertable import drop_highest_losses, read_table

ROWS = [[31e6, 4.2e8, 4.411], [31e6, 2.1e9, 3.905], [155e6, 3.1e9, 3.217]]
NAMES = ["N", "D", "loss"]


def write(tmp_path: Path, text: str, name: str = "runs.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def rows(path: Path, **options: object) -> list[list[float]]:
    return read_table(path, **options).frame[NAMES].to_numpy().tolist()  # type: ignore[arg-type]


@pytest.mark.parametrize("header", [
    "N,D,loss", "params,tokens,val_loss", "n,d,Loss", "Model Size,Training-Tokens,VAL_LOSS",
    "parameter_count,train_tokens,eval/loss", "params_active,tokens_seen,validation/loss", "params_active_exact,tokens,final_loss",
    "config.n_params,config.train_tokens,metrics.eval/loss", "#params,numTokens,val ce", "model_size,D,cross-entropy",
    "N,tokens,loss_c4", "N (non-emb.),n_toks,L", "numel,data,Validation CE Loss", "model.n_params,data.train_tokens,eval/loss"])
def test_names_are_recognised(tmp_path: Path, header: str) -> None:
    read = read_table(write(tmp_path, f"{header}\n1e6,2e7,3.5\n\n2e6,4e7,3.2\n"))
    assert read.frame[NAMES].to_numpy().tolist() == [[1e6, 2e7, 3.5], [2e6, 4e7, 3.2]]
    assert read.frame["line"].tolist() == [2, 4]
    assert [read.columns[name] for name in NAMES] == header.split(",")


@pytest.mark.parametrize("text", [
    "N;D;loss\n31000000;420000000;4.411\n31e6;2.1e9;3.905\n155e6;3.1e9;3.217\n",
    "N;D;loss\n31.000.000;420M;4,411\n31M;2,1B;3,905\n155M;3.1B;3,217\n".replace("31.000.000", "31M"),
    "N\tD\tloss\n31e6\t4.2e8\t4.411\n31e6\t2.1e9\t3.905\n155e6\t3.1e9\t3.217\n",
    "N|D|loss\n31e6|4.2e8|4.411\n31e6|2.1e9|3.905\n155e6|3.1e9|3.217\n",
    '# exported\nN,D,loss\n"31,000,000","420,000,000",4.411\n31e6,"2,100,000,000",3.905\n"155,000,000","3,100,000,000",3.217\n',
    "N,D,loss\n31M,0.42B,4.411\n31 M,2.1G,3.905\n155 million,3.1 billion tokens,3.217\n",
    "N (millions),Tokens [B],loss (nats/token)\n31,.42,4.411\n31,2.1,3.905\n155,3.1,3.217\n",
    "N/1e6,GTokens,L (nats)\n31,.42,4.411\n31,2.1,3.905\n155,3.1,3.217\n",
    "N (×10⁶),D [x10^9],loss\n31,.42,4.411\n31,2.1,3.905\n155,3.1,3.217\n",
    "N;D;loss\n31.000.000;420.000.000;4,411\n31.000.000;2.100.000.000;3,905\n155.000.000;3.100.000.000;3,217\n",
    "N,D,loss\n31'000'000,420'000'000,4.411\n31'000'000,2'100'000'000,3.905\n155'000'000,3'100'000'000,3.217\n",
    "N D loss\n31e6 4.2e8 4.411\n31e6 2.1e9 3.905\n155e6 3.1e9 3.217\n",
    "      N       D   loss\n   31e6   4.2e8  4.411\n   31e6   2.1e9  3.905\n  155e6   3.1e9  3.217\n",
    "| N | D | loss |\n|---|---|:-:|\n| 31M | 420M | 4.411 |\n| 31M | 2.1B | 3.905 |\n| 155M | 3.1B | 3.217 |\n",
    "Runs of one laboratory\n\nN,D,loss\n31e6,4.2e8,4.411\n31e6,2.1e9,3.905\n155e6,3.1e9,3.217\n",
    'N,D,loss,note\n31e6,4.2e8,4.411,"one\ntwo"\n31e6,2.1e9,3.905,"a\n\nb"\n155e6,3.1e9,3.217,c\n',
    json.dumps({"runs": [dict(zip(NAMES, row, strict=True)) for row in ROWS], "by": "us"}),
    pd.DataFrame(ROWS, columns=NAMES).to_json(), pd.DataFrame(ROWS, columns=NAMES).to_json(orient="split"),
    pd.DataFrame(ROWS, columns=NAMES).to_json(orient="index"),
    "params_m,tokens_billions,loss\n31,.42,4.411\n31,2.1,3.905\n155,3.1,3.217\n",
    "\ufeffN, D, loss,\r\n31_000_000, 420 000 000, 4.411,\r\n31e6, 2.1 x 10^9, 3.905,\r\n155e6, 3.1e9, 3.217,\r\n",
    "\n".join(json.dumps(dict(zip(NAMES, row, strict=True))) for row in ROWS),
    json.dumps([dict(zip(("params", "tokens", "eval_loss"), row, strict=True)) for row in ROWS]),
    json.dumps({name: [row[k] for row in ROWS] for k, name in enumerate(NAMES)}),
    "\n".join(json.dumps({"config": {"n_params": n, "tokens": d}, "summary": {"val_loss": loss}}) for n, d, loss in ROWS),
])
def test_notations_of_one_table(tmp_path: Path, text: str) -> None:
    assert np.allclose(rows(write(tmp_path, text, "runs.txt")), ROWS)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "runs.csv").write_bytes("N,D,loss,größe\n31e6,4.2e8,4.411,klein\n".encode(encoding))
    assert rows(tmp_path / "runs.csv") == [ROWS[0]]


def test_packed_files_and_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = pd.DataFrame(ROWS, columns=NAMES).to_csv(index=False)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "b.data").write_bytes(bz2.compress(text.encode()))  # by its content, not by its name
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("runs.csv", text)
    pd.DataFrame(ROWS, columns=NAMES).to_parquet(tmp_path / "d.parquet")
    for name in ("a.csv.gz", "b.data", "c.zip", "d.parquet"):
        assert rows(tmp_path / name) == ROWS, name
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert rows(Path("-")) == ROWS
    with zipfile.ZipFile(tmp_path / "e.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    with pytest.raises(TableError, match=r"XLSX.*openpyxl|not a readable XLSX"):
        read_table(tmp_path / "e.xlsx")
    with pytest.raises(TableError, match="download the table"):
        read_table(Path("https://example.org/runs.csv"))


def test_a_workbook_with_titles_and_several_sheets(tmp_path: Path) -> None:
    table = pd.DataFrame(ROWS, columns=["Params", "Training tokens", "Loss"])
    with pd.ExcelWriter(tmp_path / "runs.xlsx") as book:
        pd.DataFrame({"about": ["runs of one laboratory"]}).to_excel(book, sheet_name="about", index=False)
        table.to_excel(book, sheet_name="runs", startrow=3, startcol=1, index=False)
    assert rows(tmp_path / "runs.xlsx") == ROWS and read_table(tmp_path / "runs.xlsx").notes == ("XLSX",)
    table.iloc[:0].to_excel(tmp_path / "empty.xlsx", index=False)
    with pytest.raises(TableError, match="no sheet with a header"):
        read_table(tmp_path / "empty.xlsx")


def test_an_export_of_tracked_runs(tmp_path: Path) -> None:
    names = ["Name", "State", "Created", "config.model.n_params", "config.data.tokens", "summary.eval/loss", "train/loss", "_step"]
    lines = [["a", "finished", "2026", *ROWS[0], 4.3, 9], ["b", "crashed", "2026", 31e6, 2.1e9, "", 7.1, 2],
             ["c", "finished", "2026", *ROWS[1], 3.8, 9], ["d", "running", "2026", 1e9, 2e9, 5.0, 5.0, 2]]
    pd.DataFrame(lines, columns=names).to_csv(tmp_path / "wandb.csv", index=False)
    read = read_table(tmp_path / "wandb.csv")
    assert read.frame[NAMES].to_numpy().tolist() == ROWS[:2] and read.frame["run"].tolist() == ["a", "c"]
    assert "without unfinished runs (1 crashed and 1 running)" in read.notes


def test_sizes_in_a_column_of_models_and_compute_in_exaflop(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "model,tokens,loss\n31M,420M,4.411\n")) == [ROWS[0]]
    with pytest.raises(TableError, match="no column for N"):
        read_table(write(tmp_path, "model,tokens,loss\ngpt-31M,420M,4.411\n"))
    for header, value in (("compute (EFLOP)", 0.07812), ("PF-days", 0.07812e18 / 8.64e19), ("FLOPs (1e16)", 7.812)):
        read = read_table(write(tmp_path, f"{header},tokens,loss\n{value},420M,4.411\n"))
        assert read.frame["N"].tolist() == pytest.approx([31e6])


def test_compute_stands_for_tokens_or_parameters_only_where_there_are_none(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, "N,flops,loss\n1e6,6e13,3\n")).frame["D"].tolist() == [1e7]
    read = read_table(write(tmp_path, "budget,tokens,loss\n6e13,1e7,3\n"))
    assert read.frame["N"].tolist() == [1e6] and "N = C / (6 D)" in read.notes
    both = write(tmp_path, "N,flops,D,loss\n1e6,6e13,5,3\n")
    assert read_table(both).frame["D"].tolist() == [5] and read_table(both).frame["C"].tolist() == [6e13]
    assert read_table(both, columns={"C": "flops"}).frame["D"].tolist() == [1e7]
    with pytest.raises(TableError, match="C beside N and D"):
        read_table(both, columns={"C": "flops", "D": "D", "N": "N"})


@pytest.mark.parametrize(("header", "unit", "value", "nats"), [
    ("loss", "perplexity", 20.0, np.log(20.0)), ("val_ppl", "", 20.0, np.log(20.0)), ("loss", "bits", 4.0, 4 * np.log(2)),
    ("loss (bits)", "", 4.0, 4 * np.log(2)), ("val_bpb", "", 0.9, 0.9 * 3.7 * np.log(2)), ("loss", "nats-per-byte", 0.9, 0.9 * 3.7),
    ("loss", "", 3.1, 3.1), ("loss_nats", "", 3.1, 3.1), ("bits_per_byte", "nats", 3.1, 3.1)])
def test_units_of_the_loss(tmp_path: Path, header: str, unit: str, value: float, nats: float) -> None:
    path = write(tmp_path, f"N,D,{header}\n1e6,2e7,{value}\n")
    assert rows(path, loss_unit=unit, bytes_per_token=3.7)[0][2] == pytest.approx(nats)


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "N,D,loss,width,bytes_per_token\n1e6,2e7,3.5,small,3.1\n")
    assert read_table(path, keep=("bytes_per_token",)).frame["bytes_per_token"].tolist() == [3.1]
    with pytest.raises(TableError, match="column width: 'small' is not a number"):
        read_table(path)


def test_numbers_of_rows_without_a_name_are_not_a_column(tmp_path: Path) -> None:
    for first in (0, 1):
        path = write(tmp_path, f"N,D,loss\n{first},1e6,2e7,3.5\n{first + 1},2e6,4e7,3.2\n")
        assert read_table(path).frame[["line", *NAMES]].to_numpy().tolist() == [[2, 1e6, 2e7, 3.5], [3, 2e6, 4e7, 3.2]]


def test_an_exact_name_wins_over_an_alias_and_columns_over_both(tmp_path: Path) -> None:
    path = write(tmp_path, "N,params,D,loss,l2,width\n1,2,3,4,5,6\n")
    assert read_table(path).frame[["N", "loss", "width"]].iloc[0].tolist() == [1, 4, 6]
    assert read_table(path, columns=parse_columns("N=params, loss=l2")).frame[["N", "loss"]].iloc[0].tolist() == [2, 5]


def test_the_highest_losses_are_dropped_and_kept_apart() -> None:
    frame = pd.DataFrame({"line": [2, 3, 4], "loss": [3.0, 5.0, 4.0]})
    kept, dropped = drop_highest_losses(frame, 2)
    assert kept["loss"].tolist() == [3] and dropped["loss"].tolist() == [5, 4] and dropped["line"].tolist() == [3, 4]
    with pytest.raises(TableError, match="drop"):
        drop_highest_losses(frame, 3)


@pytest.mark.parametrize(("text", "words"), [
    ("N,loss\n1,2\n", "D \\(or C\\)"),
    ("D,tokens_seen\n1,2\n", "N \\(or C\\) and loss"),
    ("params,parameters,D,loss\n1,1,1,1\n", "params and parameters could each be N"),
    ("N,D,c4_loss,pile_loss,code_loss\n1,1,1,1,1\n", "c4_loss, pile_loss and code_loss could each be loss; .* loss=c4_loss"),
    ("N,N,D,loss\n1,1,1,1\n", "2 columns called 'N'"),
    ("N,D,loss\n1,1,1\n1,many,1\n", "line 3, column D: 'many' is not a number"),
    ("N,D,loss\n1,,1\n", "an empty cell"),
    ("N,D,loss\n1,1,-2\n", "line 2, column loss: '-2' is not positive"),
    ("N,D,loss\n0,1,2\n", "not positive"),
    ("N,D,loss\n1,inf,2\n", "not finite"),
    ("", "not a readable CSV"),
    ("{\"N\": 1,", "not a readable JSON"),
    ("N,D,loss\n1,1,1\n1,1,1,1,1\n", "not a readable CSV"),
    ("N,D,loss\n1e6,1e8,7.65,2.29\n2e6,1e8,7.65,2.2\n", "more fields than its header"),
    ("N,D,loss\n1,1,1e6,1e8,3\n2,2,1e6,1e8,2\n", "more fields than its header"),
    ("N,D,loss\n", "has no rows"), ("1e6,2e7,3.1\n2e6,2e7,3.0\n", "no header: its first line is 1e6, 2e7, 3.1"),
])
def test_bad_tables_say_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TableError, match=words) as caught:
        read_table(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_unreadable_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="No such file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(TableError, match="cannot read"):
        read_table(tmp_path)
    for name, content in (("binary.csv", b"\xff\xfe\x00\x81\x80"), ("cut.csv.gz", gzip.compress(b"N,D,loss\n")[:-9])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TableError, match="not a readable"):
            read_table(tmp_path / name)
    with pytest.raises(TableError, match="one of nats"):
        read_table(write(tmp_path, "N,D,loss\n1,1,1\n"), loss_unit="dB")


def test_columns_are_pairs() -> None:
    assert parse_columns("N=a b, loss=c") == {"N": "a b", "loss": "c"}
    for wrong in ("N", "N=", "size=a"):
        with pytest.raises(TableError, match="NAME=COLUMN"):
            parse_columns(wrong)


def test_a_product_of_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "n_params,steps (K),batch,seq_len,loss\n1e6,2,64,1024,3.5\n2e6,3,,1024,3.4\n")
    found = read_table(path, columns={"D": "steps (K)*0.5M"})
    assert list(found.frame["D"]) == [2000 * 5e5, 3000 * 5e5] and found.columns["D"] == "steps (K)*0.5M"
    with pytest.raises(TableError, match=r"line 3, column steps \(K\)\*batch\*seq_len: an empty cell"):
        read_table(path, columns={"D": "steps (K)*batch*seq_len"})
    with pytest.raises(TableError, match="'words' is neither a number nor one column"):
        read_table(path, columns={"D": "steps (K)*words"})
    with pytest.raises(TableError, match=r"no column for D .*a product will do: D=steps \(K\)\*0.5M"):
        read_table(path)


def test_sizes_with_and_without_embeddings_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="n_params and n_nonembed could each be N"):
        read_table(write(tmp_path, "n_params,n_nonembed,D,loss\n2e6,1e6,2e7,3.5\n"))


def test_sizes_and_headers_as_people_write_them() -> None:
    written = ["1B", "70M", "1.4T", "7B params", "100,000,000", "5.76e23", "1.2×10^18", "3,5", "~2k", "3 x 2^30",
               "2²⁰ tokens"]
    assert [size(text) for text in written] == [1e9, 7e7, 1.4e12, 7e9, 1e8, 5.76e23, 1.2e18, 3.5, 2e3, 3 * 2**30, 2**20]
    for wrong in ("many", "1.2.3", "", "B", "1,00,000", "1.2³", "12^3"):
        with pytest.raises(ValueError, match="not a number"):
            size(wrong)
    header = read_header("Training Tokens (billions)")
    assert (header.plain, header.scale, header.unit) == ("training_tokens", 1e9, "")
    assert read_header("val_loss [bits/byte]").unit == "bits-per-byte" and read_header("tokensB").scale == 1e9


def locked(path: Path) -> Path:
    """A zip whose one member says that it is encrypted."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("runs.csv", "N,D,loss\n1e6,2e7,3.5\n")
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\x03\x04") + 6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    return path


def test_an_archive_with_a_password_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="password"):
        read_table(locked(tmp_path / "runs.zip"))


@pytest.mark.parametrize("text", ['{"columns": 3, "data": [[1, 2, 3]]}', '{"columns": ["N"], "data": 4}', "[" * 100_000])
def test_json_of_another_shape_is_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="not a readable JSON table"):
        read_table(write(tmp_path, text, "runs.json"))


def wandb_export(summaries: list[dict[str, object]], configs: list[dict[str, object]]) -> pd.DataFrame:
    """As the export script of W&B's documentation writes a project: dictionaries as Python prints them."""
    return pd.DataFrame({"summary": [str(one) for one in summaries], "config": [str(one) for one in configs],
                         "name": [f"brisk-sun-{k}" for k in range(len(configs))]})


def test_cells_that_hold_dictionaries_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "project.csv"
    summaries = [{"val/loss": loss, "_wandb": {"runtime": 12}, "_step": 100, "grad_norm": float("nan"), "note": "a, 'b'"}
                 for *_, loss in ROWS]
    wandb_export(summaries, [{"n_params": N, "train_tokens": D, "lr": 1e-3, "layers": [1, 2]} for N, D, _ in ROWS]).to_csv(path)
    assert rows(path) == ROWS
    read = read_table(path)
    assert read.columns["loss"] == "val/loss" and read.columns["N"] == "n_params"
    both = wandb_export(summaries, [{"n_params": N, "train_tokens": D, "val/loss": 9.0} for N, D, _ in ROWS])
    both.to_csv(path, index=False)
    with pytest.raises(TableError, match=r"summary\.val/loss and config\.val/loss could each be loss"):
        read_table(path)
    wandb_export(summaries, [{"n_params": {"desc": None, "value": N}, "train_tokens": {"desc": None, "value": D}}
                             for N, D, _ in ROWS]).to_csv(path, index=False)
    assert rows(path) == ROWS
    lost = wandb_export(summaries, [{"n_params": N, "train_tokens": D} for N, D, _ in ROWS])
    lost.loc[1, "config"] = "{'n_params': <object>}"
    lost.to_csv(path, index=False)
    with pytest.raises(TableError, match="no column for N"):
        read_table(path)


def test_cells_that_hold_json_are_columns(tmp_path: Path) -> None:
    cells = [json.dumps({"N": N, "D": D}) for N, D, _ in ROWS]
    pd.DataFrame({"setting": cells, "loss": [loss for *_, loss in ROWS]}).to_csv(tmp_path / "runs.csv", index=False)
    assert rows(tmp_path / "runs.csv") == ROWS
