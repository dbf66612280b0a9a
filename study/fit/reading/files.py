"""A file of runs as text cells under its own header: CSV of any separator, JSON, JSON lines, Parquet, XLSX, compressed or not.

Nothing is converted here: a cell is the text that the file holds, so that an error can quote it.
"""

import bz2
import csv
import gzip
import io
import lzma
import re
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from study.errors import first_line
from study.fit.reading.raw import RawTable, TableError, check_rows, from_frame
from study.fit.reading.records import from_json
from study.fit.reading.sizes import is_number
from study.fit.reading.workbook import sheet

SPACES = " "
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", SPACES: "spaces"}
EMPTY = ["-", "--", "null", "None", "NaN", "nan"]  # how a cell says that it is
MAGIC = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ\x00": lzma.decompress}
NO_TABLE = {b"ARROW1": "Feather", b"FEA1": "Feather", b"\x80\x04": "a pickle", b"\x80\x05": "a pickle", b"\x93NUMPY": "NumPy's",
            b"SQLite": "a database", b"%PDF": "a PDF"}
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))  # byte-order marks


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
        if data[257:262] == b"ustar":
            raise TableError(f"{name} is a tar archive: unpack it and name its table")
        if data.startswith(b"PK\x03\x04"):
            inside = zipfile.ZipFile(io.BytesIO(data))
            if any(member.startswith("xl/") for member in inside.namelist()):
                return from_frame(name, *sheet(name, data))
            data = inside.read(_only_member(name, inside))
        if data.startswith(b"PAR1"):
            return from_frame(name, _parquet(name, data), "Parquet")
        if kind := next((kind for start, kind in NO_TABLE.items() if data.startswith(start)), ""):
            raise TableError(f"{name} is {kind}, which is not read: save the table as CSV or Parquet")
        text = _decoded(data)
    except (OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, UnicodeError) as error:  # a password
        raise TableError(f"{name} is not a readable CSV, JSON lines, Parquet or XLSX table: {first_line(error)}") from None
    if not text.strip("\ufeff \t\r\n"):
        raise TableError(f"{name} is not a readable CSV table: it is empty")
    if text.lstrip("\ufeff \t\r\n")[0] in "[{":
        return from_json(name, text)
    return _from_text(name, text)


def _decoded(data: bytes) -> str:
    """The text of a file: by its byte-order mark, UTF-16 where every other byte is 0, UTF-8, or Windows-1252.

    Raises:
        UnicodeError: it is binary.
    """
    marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), "")
    if not marked and b"\0" in data[:200]:
        marked = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        return data.decode(marked or "utf-8")
    except UnicodeError:
        if marked or any(byte < 9 for byte in data[:1000]):
            raise
        return data.decode("cp1252")


def _from_text(name: str, text: str) -> RawTable:
    lines = [_plain_line(line) for line in _records(text)]
    if re.fullmatch(r"sep=.", lines[0].strip("\ufeff \""), re.IGNORECASE):  # what Excel reads its separator from
        lines[0] = ""
    first = _header_line(lines)
    check_rows(name, len(lines) - first - 1)
    separator = _separator(lines[first:first + 20])
    if separator == SPACES:
        lines = [SPACES.join(line.split()) for line in lines]
    header = next(csv.reader([lines[first]], delimiter=separator, skipinitialspace=True))
    header = [column.strip() for column in header]
    if all(is_number(column) for column in header):
        raise TableError(f"{name} has no header: its first line is {', '.join(header)}; name the columns in a line above it, "
                         "such as N,D,loss")
    header[0] = header[0].removeprefix("#").strip() if header[0].startswith("# ") else header[0]
    rows = [index for index in range(first + 1, len(lines)) if lines[index].strip() and not lines[index].startswith("#")]
    if not rows:
        none = pd.DataFrame(columns=range(len(header)), dtype=str)
        return RawTable(none, tuple(header), pd.Series(np.array([], dtype=np.int64)), "CSV")
    try:
        cells = pd.read_csv(io.StringIO("\n".join(lines[index] for index in rows)), sep=separator, header=None, dtype=str,
                            skipinitialspace=True, index_col=False, na_values=EMPTY)
    except (ValueError, pd.errors.ParserError):  # rows of different lengths
        cells = _ragged(name, [lines[index] for index in rows], rows, separator, len(header))
    if len(cells.columns) == len(header) + 1 and (cells[0] == cells.index.map(str)).all() | \
            (cells[0] == (cells.index + 1).map(str)).all():
        cells = cells.iloc[:, 1:].set_axis(range(len(header)), axis=1)  # the numbers of the rows, unnamed
    if len(cells.columns) > len(header):
        raise TableError(f"{name} is not a readable CSV table: its rows have more fields than its header names")
    cells = cells.reindex(columns=range(len(header)))
    if len(cells) != len(rows):
        raise TableError(f"{name} is not a readable CSV table: its quotes do not match")
    if cells[len(header) - 1].isna().all() and not header[-1]:
        cells, header = cells.iloc[:, :-1], header[:-1]  # every line ends with a separator
    full = cells.notna().any(axis=1)
    numbers = pd.Series(np.array(rows, dtype=np.int64) + 1)[full.to_numpy()]
    return RawTable(cells[full].reset_index(drop=True), tuple(header), numbers.reset_index(drop=True),
                    "CSV" if separator == "," else f"CSV, {SEPARATORS[separator]}")


def _ragged(name: str, lines: list[str], at: list[int], separator: str, width: int) -> pd.DataFrame:
    """Rows of which some end early, padded. Raises TableError: one has more fields than the header."""
    read = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    for index, row in zip(at, read, strict=len(read) == len(at)):
        if len(row) > width:
            raise TableError(f"{name} is not a readable CSV table: line {index + 1} has {len(row)} fields and the header {width}")
    padded = pd.DataFrame([[*row, *[""] * (width - len(row))] for row in read], columns=range(width), dtype=str)
    return padded.mask(padded.isin(["", *EMPTY]))


def _records(text: str) -> list[str]:
    """Lines, those inside a quoted cell joined; the joined ones stay as empty lines, so that numbers of lines hold."""
    lines = text.splitlines()
    if text.count('"') % 2 or not any(line.count('"') % 2 for line in lines):
        return lines
    out: list[str] = []
    open_at = None
    for line in lines:
        odd = line.count('"') % 2
        if open_at is None:
            open_at = len(out) if odd else None
            out.append(line)
        else:
            out[open_at] += f" {line}"
            open_at = None if odd else open_at
            out.append("")
    return out


def _plain_line(line: str) -> str:
    """A row of a Markdown table as one of bars; its rule as an empty line."""
    if not line.startswith("|"):
        return line
    inside = line.strip().strip("|")
    return "" if not inside.strip(" |:-") else inside


def _header_line(lines: list[str]) -> int:
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
    # prose before the header: skip to the first line of as many fields as most lines have
    if not any(separator in lines[rows[0]] for separator in SEPARATORS if separator != SPACES):
        separator = _separator([lines[index] for index in rows[1:21]])
        counts = [len(row) for row in csv.reader((lines[index] for index in rows[:100]), delimiter=separator)]
        most = max(set(counts), key=counts.count)
        if separator != SPACES and most > 2 and counts.count(most) > len(counts) / 2:
            return rows[counts.index(most)]
    return rows[1] if _is_title(lines, rows) else rows[0]


def _is_title(lines: list[str], rows: list[int]) -> bool:
    """Whether the first line is a title with a separator in it: the second is of words, and of as many fields as the third."""
    if len(rows) < 3:
        return False
    separator = _separator([lines[index] for index in rows[1:21]])
    read = list(csv.reader((lines[index] for index in rows[:3]), delimiter=separator))
    if len(read) < 3 or not len(read[1]) == len(read[2]) > 2:
        return False
    filled = sum(bool(cell.strip()) for cell in read[0])  # a title may be padded with separators
    if len(read[0]) == len(read[1]) and (filled > 1 or sum(bool(cell.strip()) for cell in read[1]) < 3):
        return False
    return not any(map(is_number, read[1])) and any(map(is_number, read[2]))


def _separator(lines: list[str]) -> str:
    # the one that cuts the header into the most fields, and the next lines into as many
    best, most = ",", 0
    for separator in SEPARATORS:
        if separator == SPACES:
            continue
        fields = [len(row) for row in csv.reader((line for line in lines if line.strip()), delimiter=separator)]
        if fields and fields[0] > 1 and fields[0] > most and sum(count >= fields[0] for count in fields) > len(fields) / 2:
            best, most = separator, fields[0]
    if most == 0:  # columns aligned by spaces
        counts = [len(line.split()) for line in lines if line.strip()]
        if len(counts) > 1 and min(counts) == max(counts) > 2:
            return SPACES
    return best


def _only_member(name: str, archive: zipfile.ZipFile) -> str:
    members = [member for member in archive.namelist() if not member.endswith("/") and not member.startswith("__MACOSX")
               and not member.rpartition("/")[2].startswith(".")]
    if len(members) != 1:
        raise TableError(f"{name} holds {len(members)} files: name an archive of one table")
    return members[0]


def _parquet(name: str, data: bytes) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(io.BytesIO(data))
        return frame.reset_index() if any(frame.index.names) else frame
    except ImportError:
        raise TableError(f"{name} is Parquet, and no reader is installed: pip install pyarrow, or save it as CSV") from None
    except (OSError, ValueError) as error:
        raise TableError(f"{name} is not a readable Parquet table: {first_line(error)}") from None
