"""A user's own table of runs: which columns are N, D and the loss, in which units, as the numbers that a fit reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from study.fit.doubts import Doubt
from study.fit.reading.columns import match
from study.fit.reading.ended import finished, troubled, with_losses, without_words
from study.fit.reading.files import read_cells
from study.fit.reading.headers import LOG_OF, LOGGED, UNITS, Header, read_header
from study.fit.reading.names import KEPT, ROLES, SIZE_OF_TEXT
from study.fit.reading.nested import unfolded
from study.fit.reading.raw import RawTable, TableError, listed
from study.fit.reading.roles import read_roles
from study.fit.reading.sizes import LARGEST, decimal_commas, is_number, numbers, size
from study.fit.words import scientific
from study.inference.parameters import Array
from study.inference.spec import BYTES_PER_TOKEN

COUNTED_IN = {"N": 1e14, "D": 1e17, "unique": 1e17}  # above which a number times its header's unit is none: it is whole already
WRITTEN = 1e5  # and which such a number, as it is written, exceeds
LN2 = float(np.log(2.0))


@dataclass(frozen=True)
class UserTable:
    """The runs of a file."""

    frame: pd.DataFrame  # line, N, D, loss (nats a token), and those of `KEPT`, `ROLES` and C that the file has
    columns: dict[str, str]  # which column of the file each was read from
    other: pd.DataFrame  # text of the columns that are none of ours, one row a row of `frame`
    notes: tuple[str, ...]  # what was understood
    doubts: tuple[Doubt, ...] = ()  # about what was not


def read_table(path: Path, *, columns: dict[str, str] | None = None, keep: Sequence[str] = KEPT,
               loss_unit: str = "", bytes_per_token: float | None = None) -> UserTable:
    """Read and check a table: see `files` for the formats, `headers` for the names, `sizes` for the numbers.

    `line` is the line of the file, or the number of the record where it has no lines. A missing N is C / (6 D), a missing
    D is C / (6 N).

    Args:
        columns: our names to the file's, where they are not among the aliases.
        keep: which of `KEPT` to read; the others are not looked at.
        loss_unit: one of `UNITS`; "" for what the header says, else nats a token.
        bytes_per_token: for a loss by the byte, where the table has no such column.

    Raises:
        TableError: the file or a value cannot be read, a column is missing or ambiguous, or a number is not positive.
    """
    if loss_unit not in ("", *UNITS):
        raise TableError(f"unknown --loss-unit {loss_unit!r}: one of {', '.join(UNITS)}")
    raw = unfolded(read_cells(path))
    if not len(raw.cells):
        raise TableError(f"{path} has no rows below its header {listed(raw.header)}")
    raw, remarks = without_words(_with_units(raw))
    raw = _with_products(path, raw, columns or {})
    text = [index for index in range(len(raw.header)) if np.isnan(numbers(raw.cells[index].head(20))).all()]
    found = match(path, raw.header, columns or {}, keep, text)
    beside = {"N", "D", "C"} <= found.keys()  # C is compared with 6ND, not read
    if beside and "C" not in (columns or {}) and _plain(raw, found["C"]) == "budget":
        del found["C"]  # of dollars, perhaps: a label of runs that belong together
        beside = False
    raw, unfinished = finished(raw, found.get("status"))
    raw, no_loss = with_losses(raw, found["loss"])
    notes = [raw.understood, *remarks, *unfinished, *no_loss]
    for name in [name for name in KEPT if name in found and raw.cells[found[name]].isna().any()]:
        notes.append(f"without {raw.header[found.pop(name)]}, which has empty cells")
    measured = {name: index for name, index in found.items() if name not in ROLES}
    european = decimal_commas(raw.cells[sorted({*measured.values()})], semicolons="semicolons" in raw.understood)
    notes += ["decimal commas"] * european
    values = {name: _positive(path, raw, index, decimal_comma=name == "loss", european=european)
              for name, index in measured.items() if not (name == "C" and beside)}
    read = {name: read_header(raw.header[index]) for name, index in found.items()}
    _check_units(path, read, loss_unit)
    unique = {"unique": _scaled(raw, found["unique"], european=european)} if "unique" in found else {}
    _check_scales(path, read, values | unique)
    if "epochs" in read and "D" in read and read["D"].plain in SIZE_OF_TEXT:
        epochs = _scaled(raw, found["epochs"], european=european)
        values["D"] = values["D"] * np.where(epochs > 0, epochs, 1.0)
        notes.append(f"D = {read['D'].name} x {read['epochs'].name}")
    if "train" in read["loss"].plain.split("_"):
        notes.append("a training loss, which is too low where text is repeated")
    for name, other in (("D", "N"), ("N", "D")):
        if name not in values:
            values[name] = values["C"] / (6.0 * values[other])
            notes.append(f"{name} = C / (6 {other})")
    own = _unit_of_cells(path, raw, found["loss"])
    values["loss"], converted = _nats(values["loss"], loss_unit or own or read["loss"].unit,
                                 values.get("bytes_per_token") if bytes_per_token is None else bytes_per_token)
    notes.extend(converted)
    ours = [name for name in ("N", "D", "loss", *KEPT) if name in values]
    frame = pd.DataFrame({"line": raw.lines.to_numpy(), **{name: values[name] for name in ours}})
    if beside:
        frame["C"] = _scaled(raw, found["C"], european=european)
    roles = read_roles(raw, found, frame, european)
    frame = frame.assign(**roles.columns)
    for name, why in roles.without.items():
        notes.append(f"without {raw.header[found.pop(name)]}, which {why}")
    others = [index for index in range(len(raw.header)) if index not in found.values()]
    rest = raw.cells[others].set_axis([raw.header[index] for index in others], axis=1)
    return UserTable(frame, {name: raw.header[index] for name, index in found.items()}, rest, tuple(notes),
                     (*roles.doubts, *troubled(rest.columns, rest)))


def _plain(raw: RawTable, index: int) -> str:
    return read_header(raw.header[index]).plain


def _check_units(path: Path, read: Mapping[str, Header], loss_unit: str) -> None:
    """Refuse bytes or words where tokens are asked for, a loss by the word, and a logarithm of it whose unit is not said."""
    if "D" in read and read["D"].unit in ("bytes", "words"):
        how = "divide by the bytes" if read["D"].unit == "bytes" else "multiply by the tokens"
        raise TableError(f"{path}: {read['D'].name} counts {read['D'].unit} of text, and D counts tokens: {how} a "
                         f"{'token' if read['D'].unit == 'bytes' else 'word'} of your tokenizer")
    loss = read["loss"]
    if not loss_unit and loss.unit == "bytes":
        raise TableError(f"{path}: {loss.name} is a perplexity by the byte: write its log2, which is bits a byte, or "
                         "the loss by the token")
    if not loss_unit and loss.unit == "words":
        as_it_is = "perplexity" if loss.words & {"ppl", "perplexity"} else "nats"
        raise TableError(f"{path}: {loss.name} counts by the word: write the loss by the token, or fit it as it is with "
                         f"--loss-unit {as_it_is}")
    if not loss_unit and LOG_OF.search(loss.plain) and not LOGGED.search(loss.plain):
        raise TableError(f"{path}: {loss.name} may be a logarithm of the loss: write the loss itself, or name its unit with "
                         "--loss-unit (bits, of logarithms to base 2)")


def _unit_of_cells(path: Path, raw: RawTable, loss: int) -> str:
    """The unit that every cell of the loss ends with; "" where none does.

    Raises:
        TableError: they differ.
    """
    ends = raw.cells[loss].astype(str).str.extract(r"([A-Za-z][A-Za-z/ ]*)$")[0].fillna("").str.strip()
    units = {read_header(f"loss ({end})").unit if end else "" for end in ends.unique()}
    if len(units) > 1:
        raise TableError(f"{path}: cells of {raw.header[loss]} are in different units: write them in one")
    return units.pop()


def _check_scales(path: Path, read: Mapping[str, Header], values: Mapping[str, Array]) -> None:
    """Refuse whole numbers under a header that counts in millions or more: no such model or text exists."""
    for name in [name for name in COUNTED_IN if name in read and name in values]:
        middle, scale = float(np.median(values[name])), read[name].scale
        if scale > 1 and middle > COUNTED_IN[name] and middle / scale > WRITTEN:
            raise TableError(f"{path}: {read[name].name} says that it counts in {scientific(scale, 1)}, and holds numbers about "
                             f"{scientific(middle / scale, 2)}: rename the column, without its unit")


def _with_units(raw: RawTable) -> RawTable:
    """With the units of a first row of units in the header: params over M is params (M)."""
    first = [None if pd.isna(cell) else str(cell) for cell in raw.cells.iloc[0]]
    below = [is_number(str(cell)) for cell in raw.cells.iloc[1]] if len(raw.cells) > 1 else []
    named = [f"{name} ({cell.strip(' ()[]')})" if cell else name for name, cell in zip(raw.header, first, strict=True)]
    units = [read_header(name).scale != 1 or bool(read_header(name).unit) for name in named]
    if sum(below) < 2 or any(is_number(cell) for cell in first if cell) or not any(units):
        return raw
    cells, lines = raw.cells.iloc[1:].reset_index(drop=True), raw.lines.iloc[1:].reset_index(drop=True)
    return RawTable(cells, tuple(named), lines, raw.understood)


def _with_products(path: Path, raw: RawTable, columns: dict[str, str]) -> RawTable:
    """With a column for each product that is asked for: `steps*batch_size*seq_len`, `steps*0.5M`."""
    cells, header = raw.cells, list(raw.header)
    for ours, source in columns.items():
        if "*" not in source or source in header:
            continue
        product = np.ones(len(cells))
        for factor in (part.strip() for part in source.split("*")):
            if raw.header.count(factor) == 1:
                product = product * _scaled(raw, raw.header.index(factor))
                continue
            try:
                product = product * size(factor)
            except ValueError:
                raise TableError(f"--columns {ours}={source}: {factor!r} is neither a number nor one column of {path}, which has "
                                 f"{listed(raw.header)}") from None
        cells = pd.concat([cells, pd.Series(product, index=cells.index, name=len(header))], axis=1)
        header.append(source)
    return RawTable(cells, tuple(header), raw.lines, raw.understood)


def drop_highest_losses(frame: pd.DataFrame, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows without the `count` highest losses, and those, highest first.

    Raises:
        TableError: count is negative, or no row would be left.
    """
    if not 0 <= count < max(len(frame), 1):
        raise TableError(f"--drop-highest {count}: it must be 0 or more and leave at least one of the {len(frame)} runs")
    order = frame["loss"].sort_values(ascending=False, kind="stable").index[:count]
    return frame.drop(index=order).reset_index(drop=True), frame.loc[order].reset_index(drop=True)


def _nats(loss: Array, unit: str, bytes_per_token: Array | float | None) -> tuple[Array, list[str]]:
    if unit == "perplexity":
        if (loss <= 1).any():
            raise TableError("a perplexity is above 1, and the loss column has values of 1 or less: name its unit with --loss-unit")
        return np.log(loss), ["loss = ln perplexity"]
    if unit == "bits":
        return loss * LN2, ["loss = bits x ln 2"]
    if unit in ("bits-per-byte", "nats-per-byte"):
        known = bytes_per_token if bytes_per_token is not None else BYTES_PER_TOKEN
        by = f"{float(np.mean(known)):.3g} bytes a token" + (" (assumed: say --bytes-per-token)" if bytes_per_token is None else "")
        nats = loss * known * (LN2 if unit == "bits-per-byte" else 1.0)
        return nats, [f"loss = {unit.replace('-', ' ')} x {by}{' x ln 2' if unit == 'bits-per-byte' else ''}"]
    return loss, []


def _scaled(raw: RawTable, index: int, *, decimal_comma: bool = False, european: bool = False) -> Array:
    scale = 1.0 if decimal_comma else read_header(raw.header[index]).scale  # of a loss, 10M in a header is no unit
    return numbers(raw.cells[index], decimal_comma=decimal_comma, european=european, scale=scale)


def _positive(path: Path, raw: RawTable, index: int, *, decimal_comma: bool, european: bool) -> Array:
    values, column = _scaled(raw, index, decimal_comma=decimal_comma, european=european), raw.cells[index]
    line = raw.lines.to_numpy()
    if decimal_comma and len(values) > 1 and (values < 0).all():
        raise TableError(f"{path}: {raw.header[index]} is negative in every row: a log-likelihood? Its negative is the loss")
    for wrong, why in ((np.isnan(values), "is not a number"), (np.isinf(values), "is not finite"),
                       (values <= 0, "is not positive"), (values >= LARGEST, "is too large")):
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            merged = ", as merged cells leave," if raw.understood.startswith("XLSX") and first else ""
            shown = f"an empty cell{merged}" if pd.isna(column.iloc[first]) else repr(str(column.iloc[first]))
            more = f" ({int(wrong.sum())} such values)" if wrong.sum() > 1 else ""
            raise TableError(f"{path}, line {int(line[first])}, column {raw.header[index]}: {shown} {why}{more}; correct or remove "
                             "the row")
    return values
