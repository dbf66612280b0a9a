"""A file of runs as text cells under its own header: CSV of any separator, JSON, JSON lines, Parquet, XLSX, compressed or not.

Nothing is converted here: a cell is the text that the file holds, so that an error can quote it.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.errors import StudyError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MOST = 5_000_000  # rows that are read at all
MAGIC = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ\x00": lzma.decompress}
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))  # byte-order marks


class TableError(StudyError):
    """A table that cannot be read, or whose columns or values are not those of runs."""


@dataclass(frozen=True)
class RawTable:
    """Cells as text; empty ones are nan."""

    cells: pd.DataFrame  # columns 0, 1, ...: names may repeat
    header: tuple[str, ...]
    lines: "pd.Series[Any]"  # of the file, one a row
    understood: str  # "CSV, semicolons"


def read_cells(path: Path) -> RawTable:
    """The cells of a file, or of standard input where `path` is "-".

    Raises:
        TableError: it cannot be read, is empty or is of no known format.
    """
    name = str(path)
    if name.startswith(("http:", "https:", "s3:", "gs:", "hf:")):
        raise TableError(f"{name} is an address: download the table and name the file, or pipe it in as -")
    try:
        data = sys.stdin.buffer.read() if name == "-" else path.read_bytes()
    except OSError as error:
        raise TableError(f"cannot read {name}: {error.strerror or error}") from None
    try:
        for magic, unpack in MAGIC.items():
            if data.startswith(magic):
                data = unpack(data)
        if data.startswith(b"PK\x03\x04"):
            inside = zipfile.ZipFile(io.BytesIO(data))
            if any(member.startswith("xl/") for member in inside.namelist()):
                return _from_frame(name, _excel(name, data), "XLSX")
            data = inside.read(_only_member(name, inside))
        if data.startswith(b"PAR1"):
            return _from_frame(name, _parquet(name, data), "Parquet")
        encoding = next((encoding for mark, encoding in MARKS if data.startswith(mark)), "utf-8")
        text = data.decode(encoding)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, UnicodeError) as error:
        raise TableError(f"{name} is not a readable CSV, JSON lines, Parquet or XLSX table: {str(error).splitlines()[0]}") from None
    if not text.strip("\ufeff \t\r\n"):
        raise TableError(f"{name} is not a readable CSV table: it is empty")
    if text.lstrip("\ufeff \t\r\n")[0] in "[{":
        return _from_json(name, text)
    return _from_text(name, text)


def _from_text(name: str, text: str) -> RawTable:
    lines = text.splitlines()
    first = _first_line(lines)
    if len(lines) - first > MOST:
        raise TableError(f"{name} has {len(lines) - first - 1:,} rows, more than the {MOST:,} that are read: keep one row a run")
    separator = _separator(lines[first:first + 20])
    header = next(csv.reader([lines[first]], delimiter=separator, skipinitialspace=True))
    header = [column.strip() for column in header]
    header[0] = header[0].removeprefix("#").strip() if header[0].startswith("# ") else header[0]
    rows = [index for index in range(first + 1, len(lines)) if lines[index].strip() and not lines[index].startswith("#")]
    if not rows:
        none = pd.DataFrame(columns=range(len(header)), dtype=str)
        return RawTable(none, tuple(header), pd.Series(np.array([], dtype=np.int64)), "CSV")
    try:
        cells = pd.read_csv(io.StringIO("\n".join(lines[index] for index in rows)), sep=separator, header=None, dtype=str,
                            skipinitialspace=True, index_col=False, na_values=["-", "--", "null", "None", "NaN", "nan"])
    except (ValueError, pd.errors.ParserError) as error:  # rows of different lengths
        raise TableError(f"{name} is not a readable CSV table: {str(error).splitlines()[0]}") from None
    if len(cells.columns) == len(header) + 1 and (cells[0] == "" + cells.index.map(str)).all() | \
            (cells[0] == (cells.index + 1).map(str)).all():
        cells = cells.iloc[:, 1:].set_axis(range(len(header)), axis=1)  # the numbers of the rows, unnamed
    if len(cells.columns) > len(header):
        raise TableError(f"{name} is not a readable CSV table: its rows have more fields than its header names")
    cells = cells.reindex(columns=range(len(header)))
    if cells[len(header) - 1].isna().all() and not header[-1]:
        cells, header = cells.iloc[:, :-1], header[:-1]  # every line ends with a separator
    full = cells.notna().any(axis=1)
    numbers = pd.Series(np.array(rows, dtype=np.int64) + 1)[full.to_numpy()]
    return RawTable(cells[full].reset_index(drop=True), tuple(header), numbers.reset_index(drop=True),
                    "CSV" if separator == "," else f"CSV, {SEPARATORS[separator]}")


def _first_line(lines: list[str]) -> int:
    # a "#" begins a comment, unless what follows is a header of as many fields as the next line: "#params,tokens,loss"
    filled = [index for index, line in enumerate(lines[:200]) if line.strip()]
    rows = [index for index in filled if not lines[index].startswith("#")]
    if not rows:
        return filled[-1]
    before = [index for index in filled if index < rows[0]]
    if before:
        separator = _separator([lines[rows[0]]])
        same = lines[before[-1]].count(separator) == lines[rows[0]].count(separator) > 0
        if same and any(character.isdigit() for character in lines[rows[0]].split(separator)[0]):
            return before[-1]
    return rows[0]


def _separator(lines: list[str]) -> str:
    # the one that cuts the header into the most fields, and the next lines into as many
    best, most = ",", 0
    for separator in SEPARATORS:
        fields = [len(row) for row in csv.reader((line for line in lines if line.strip()), delimiter=separator)]
        if fields and fields[0] > 1 and fields[0] > most and sum(count >= fields[0] for count in fields) > len(fields) / 2:
            best, most = separator, fields[0]
    return best


def _from_json(name: str, text: str) -> RawTable:
    text = text.strip("\ufeff \t\r\n")
    try:
        if text.startswith("["):
            rows, understood = json.loads(text), "JSON"
        elif "\n" in text and text.split("\n", 1)[0].rstrip().endswith("}"):
            rows, understood = [json.loads(line) for line in text.splitlines() if line.strip()], "JSON lines"
        else:
            whole = json.loads(text)
            lists = [value for value in whole.values() if isinstance(value, list)]
            understood = "JSON"
            if len(lists) == len(whole):  # columns
                rows = pd.DataFrame(whole).to_dict("records")
            else:
                rows = next((value for value in lists if value and isinstance(value[0], dict)), [whole])
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise ValueError("it is not a list of objects")
    except ValueError as error:
        raise TableError(f"{name} is not a readable JSON table: {str(error).splitlines()[0]}") from None
    return _from_frame(name, pd.json_normalize(rows), understood)


def _from_frame(name: str, frame: pd.DataFrame, understood: str) -> RawTable:
    if len(frame) > MOST:
        raise TableError(f"{name} has {len(frame):,} rows, more than the {MOST:,} that are read: keep one row a run")
    cells = pd.DataFrame({index: frame.iloc[:, index].map(_text) for index in range(len(frame.columns))})
    full = cells.notna().any(axis=1)
    lines = pd.Series(range(1, len(cells) + 1))[full.to_numpy()].reset_index(drop=True)
    return RawTable(cells[full].reset_index(drop=True), tuple(str(column).strip() for column in frame.columns), lines, understood)


def _text(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value)
    return None if pd.isna(value) else str(value)


def _only_member(name: str, archive: zipfile.ZipFile) -> str:
    members = [member for member in archive.namelist() if not member.endswith("/") and not member.startswith("__MACOSX")]
    if len(members) != 1:
        raise TableError(f"{name} holds {len(members)} files: name an archive of one table")
    return members[0]


def _parquet(name: str, data: bytes) -> pd.DataFrame:
    try:
        return pd.read_parquet(io.BytesIO(data))
    except ImportError:
        raise TableError(f"{name} is Parquet, and no reader is installed: pip install pyarrow, or save it as CSV") from None
    except (OSError, ValueError) as error:
        raise TableError(f"{name} is not a readable Parquet table: {str(error).splitlines()[0]}") from None


def _excel(name: str, data: bytes) -> pd.DataFrame:
    try:
        return pd.read_excel(io.BytesIO(data))
    except ImportError:
        raise TableError(f"{name} is XLSX, and no reader is installed: pip install openpyxl, or save it as CSV") from None
    except (OSError, ValueError, KeyError) as error:
        raise TableError(f"{name} is not a readable XLSX table: {str(error).splitlines()[0]}") from None
