"""A user's own table of runs: a CSV with N, D and loss under whatever names, or C in place of D."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.inference.parameters import Array

ALIASES = {
    "N": ("n", "params", "parameters", "n_params", "num_params", "model_size", "model_parameters"),
    "D": ("d", "tokens", "training_tokens", "train_tokens", "n_tokens", "num_tokens"),
    "C": ("c", "flops", "flop", "compute", "training_flops", "training_flop", "train_flops"),
    "loss": ("loss", "val_loss", "validation_loss", "valid_loss", "eval_loss", "final_loss"),
}
KEPT = ("bytes_per_token", "width", "budget")  # what a prior or a group effect reads


class TableError(StudyError):
    """A table that cannot be read, or whose columns or values are not those of runs."""


@dataclass(frozen=True)
class UserTable:
    """The rows to fit and those left out."""

    frame: pd.DataFrame  # line, N, D, loss, and those of `KEPT` that the file has
    dropped: pd.DataFrame  # the same columns: the highest losses, left out on request
    columns: dict[str, str]  # which column of the file each was read from


def read_table(path: Path, *, columns: dict[str, str] | None = None, drop_highest: int = 0,
               keep: Sequence[str] = KEPT) -> UserTable:
    """Read and check a table. `line` is the line of the file.

    Args:
        columns: our names to the file's, where they are not among `ALIASES` (any case; spaces and hyphens as underscores).
        drop_highest: rows of highest loss to leave out.
        keep: which of `KEPT` to read; the others are not looked at.

    Raises:
        TableError: the file or a value cannot be read, a column is missing or ambiguous, or a number is not positive.
    """
    try:
        raw = pd.read_csv(path, skip_blank_lines=False, skipinitialspace=True)
    except OSError as error:
        raise TableError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, pd.errors.ParserError) as error:  # of an empty file, of another encoding, of ragged rows
        reason = str(error).splitlines()[0]
        raise TableError(f"{path} is not a readable CSV table: {reason}") from None
    if not isinstance(raw.index, pd.RangeIndex):  # rows longer than the header: pandas takes their first fields as labels
        if not any(list(raw.index) == list(range(first, first + len(raw))) for first in (0, 1)):
            raise TableError(f"{path} is not a readable CSV table: its rows have more fields than its header names")
        raw = raw.reset_index(drop=True)  # the numbers of the rows
    raw.insert(0, "line of the file", np.arange(2, len(raw) + 2))
    raw = raw[raw.drop(columns="line of the file").notna().any(axis=1)]
    found = _columns(path, [str(name) for name in raw.columns[1:]], columns or {}, keep)
    line = raw["line of the file"].to_numpy()
    values = {name: _numbers(path, raw[source], source, line) for name, source in found.items()}
    if "D" not in values:
        values["D"] = values["C"] / (6.0 * values["N"])
    kept = [name for name in ("N", "D", "loss", *KEPT) if name in values]
    frame = pd.DataFrame({"line": line, **{name: values[name] for name in kept}})
    return UserTable(*drop_highest_losses(frame, drop_highest), found)


def drop_highest_losses(frame: pd.DataFrame, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows without the `count` highest losses, and those, highest first.

    Raises:
        TableError: count is negative, or no row would be left.
    """
    if not 0 <= count < max(len(frame), 1):
        raise TableError(f"cannot drop the {count} highest losses of {len(frame)} runs")
    order = frame["loss"].sort_values(ascending=False, kind="stable").index[:count]
    return frame.drop(index=order).reset_index(drop=True), frame.loc[order].reset_index(drop=True)


def parse_columns(text: str) -> dict[str, str]:
    """`N=params,loss=val_loss` as a mapping.

    Raises:
        TableError: not of that shape, or a name that is none of ours.
    """
    pairs = {}
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, sign, source = (piece.strip() for piece in part.partition("="))
        if not sign or not source or name not in (*ALIASES, *KEPT):
            raise TableError(f"--columns {part!r}: write NAME=COLUMN with NAME one of {', '.join((*ALIASES, *KEPT))}")
        pairs[name] = source
    return pairs


def _columns(path: Path, header: list[str], given: dict[str, str], keep: Sequence[str]) -> dict[str, str]:
    found = {}
    if "C" in given and "D" in given:
        raise TableError("--columns names both C and D: the law reads D, and C only in its place")
    for name, source in given.items():
        if source not in header:
            raise TableError(f"{path} has no column {source!r} for {name}: it has {', '.join(header)}")
        found[name] = source
    for name in (*ALIASES, *keep):
        if name in found or (name == "D" and "C" in given):
            continue
        matches = [name] if name in header else [column for column in header if column not in found.values()
                                                 and re.sub(r"[\s-]+", "_", column.strip().lower()) in ALIASES.get(name, (name,))]
        if len(matches) > 1:
            raise TableError(f"{path}: {' and '.join(matches)} could each be {name}; say which with --columns {name}={matches[0]}")
        if matches:
            found[name] = matches[0]
    missing = [name for name in ("N", "loss") if name not in found]
    if "D" not in found and "C" not in found:
        missing.append("D (or C)")
    if missing:
        raise TableError(f"{path} has no column for {' and '.join(missing)}: it has {', '.join(header)}; "
                         "name them with --columns N=...,D=...,loss=...")
    if "D" in found:
        found.pop("C", None)  # D is what the law reads
    return found


def _numbers(path: Path, column: "pd.Series[float]", source: str, line: Array) -> Array:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    for wrong, why in ((np.isnan(values), "is not a number"), (np.isinf(values), "is not finite"),
                       (values <= 0, "is not positive")):
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            shown = "an empty cell" if pd.isna(column.iloc[first]) else repr(str(column.iloc[first]))
            more = f" ({int(wrong.sum())} such values)" if wrong.sum() > 1 else ""
            raise TableError(f"{path}, line {int(line[first])}, column {source}: {shown} {why}{more}")
    return np.asarray(values)
