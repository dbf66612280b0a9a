"""A user's table: names, C in place of D, and one clear line for each way it can be wrong."""

from pathlib import Path

import pytest

from study.fit.usertable import TableError, parse_columns, read_table


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("header", ["N,D,loss", "params,tokens,val_loss", "n,d,Loss", "Model Size,Training-Tokens,VAL_LOSS"])
def test_names_are_recognised(tmp_path: Path, header: str) -> None:
    read = read_table(write(tmp_path, f"{header}\n1e6,2e7,3.5\n\n2e6,4e7,3.2\n"))
    assert read.frame[["N", "D", "loss"]].to_numpy().tolist() == [[1e6, 2e7, 3.5], [2e6, 4e7, 3.2]]
    assert read.frame["line"].tolist() == [2, 4]


def test_compute_stands_for_tokens_only_where_there_are_none(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, "N,flops,loss\n1e6,6e13,3\n")).frame["D"].tolist() == [1e7]
    both = write(tmp_path, "N,flops,D,loss\n1e6,6e13,5,3\n")
    assert read_table(both).frame["D"].tolist() == [5]
    assert read_table(both, columns={"C": "flops"}).frame["D"].tolist() == [1e7]
    with pytest.raises(TableError, match="both C and D"):
        read_table(both, columns={"C": "flops", "D": "D"})


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "N,D,loss,width,bytes_per_token\n1e6,2e7,3.5,small,3.1\n")
    assert read_table(path, keep=("bytes_per_token",)).frame["bytes_per_token"].tolist() == [3.1]
    with pytest.raises(TableError, match="column width: 'small' is not a number"):
        read_table(path)


def test_numbers_of_rows_without_a_name_are_not_a_column(tmp_path: Path) -> None:
    for first in (0, 1):
        path = write(tmp_path, f"N,D,loss\n{first},1e6,2e7,3.5\n{first + 1},2e6,4e7,3.2\n")
        assert read_table(path).frame[["line", "N", "D", "loss"]].to_numpy().tolist() == [[2, 1e6, 2e7, 3.5], [3, 2e6, 4e7, 3.2]]


def test_an_exact_name_wins_over_an_alias_and_columns_over_both(tmp_path: Path) -> None:
    path = write(tmp_path, "N,params,D,loss,l2,width\n1,2,3,4,5,6\n")
    assert read_table(path).frame[["N", "loss", "width"]].iloc[0].tolist() == [1, 4, 6]
    assert read_table(path, columns=parse_columns("N=params, loss=l2")).frame[["N", "loss"]].iloc[0].tolist() == [2, 5]


def test_the_highest_losses_are_dropped_and_kept_apart(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "N,D,loss\n1,1,3\n2,2,5\n3,3,4\n"), drop_highest=2)
    assert read.frame["loss"].tolist() == [3] and read.dropped["loss"].tolist() == [5, 4]
    assert read.dropped["line"].tolist() == [3, 4]
    with pytest.raises(TableError, match="drop"):
        read_table(write(tmp_path, "N,D,loss\n1,1,3\n"), drop_highest=1)


@pytest.mark.parametrize(("text", "words"), [
    ("N,loss\n1,2\n", "D \\(or C\\)"),
    ("D,tokens_seen\n1,2\n", "N and loss"),
    ("params,parameters,D,loss\n1,1,1,1\n", "params and parameters"),
    ("N,D,loss\n1,1,1\n1,many,1\n", "line 3, column D: 'many' is not a number"),
    ("N,D,loss\n1,,1\n", "an empty cell"),
    ("N,D,loss\n1,1,-2\n", "line 2, column loss: '-2' is not positive"),
    ("N,D,loss\n0,1,2\n", "not positive"),
    ("N,D,loss\n1,inf,2\n", "not finite"),
    ("", "not a readable CSV"),
    ("N,D,loss\n1,1,1\n1,1,1,1,1\n", "not a readable CSV"),
    ("N,D,loss\n1e6,1e8,7.65,2.29\n2e6,1e8,7.65,2.2\n", "more fields than its header"),
    ("N,D,loss\n1e6,1e8,3,\n2e6,1e8,2,\n", "more fields than its header"),
    ("N,D,loss\n1,1,1e6,1e8,3\n2,2,1e6,1e8,2\n", "more fields than its header"),
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
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(TableError, match="not a readable CSV"):
        read_table(tmp_path / "binary.csv")


def test_columns_are_pairs() -> None:
    assert parse_columns("N=a b, loss=c") == {"N": "a b", "loss": "c"}
    for wrong in ("N", "N=", "size=a"):
        with pytest.raises(TableError, match="NAME=COLUMN"):
            parse_columns(wrong)
