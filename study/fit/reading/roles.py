"""What a table says of its runs beside N, D and the loss: which run, which seed, how often the text was repeated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.fit.doubts import Doubt
from study.fit.reading.headers import Header, read_header
from study.fit.reading.names import ELSEWHERE, FRESH, NUMBERED, PASSES, PERCENT, ROLES, SHARE, STALE, SUSPECT, TOKENS
from study.fit.reading.raw import RawTable
from study.fit.reading.sizes import numbers
from study.inference.parameters import Array

FEWEST_TOKENS = 1e3  # of a text that is repeated
TRUE, FALSE = ("true", "yes", "y"), ("false", "no", "n")
WEAK = ("u", "u_d", "dataset_size", "dataset_tokens", "corpus_tokens", "corpus_size", "train_set_size", "subset_tokens",
        "data_budget")  # names of unique tokens that may be those of something else


@dataclass(frozen=True)
class Roles:
    """The columns that were read, by their names, those left out and why, and what could not be read though it matters."""

    columns: dict[str, Any]
    without: dict[str, str]
    doubts: tuple[Doubt, ...]


def read_roles(raw: RawTable, found: Mapping[str, int], runs: pd.DataFrame, european: bool) -> Roles:
    """The columns of `ROLES` that `found` has. `runs` holds N and D. What says how often a text was repeated is read as written,
    as a share, or as percent; what cannot be read is left out, with a doubt where it differs from run to run.
    """
    out: dict[str, Any] = {}
    without: dict[str, str] = {}
    doubts = []
    for name in [name for name in ROLES if name in found and name != "status"]:
        cells, header = raw.cells[found[name]], read_header(raw.header[found[name]])
        numbered = bool(header.words & NUMBERED) and name != "run"  # repeats, of a text or of a cell's runs
        passes = numbered and _passes(runs[["N", "D"]], cells)
        if name in ("run", "seed") or (numbered and not passes):
            counts_passes = name == "seed" and passes
            ours = "epochs" if counts_passes else "run" if name == "run" else "seed"
            out[ours] = numbers(cells) if counts_passes else cells.to_numpy()
            continue
        values, as_percent = _counts(cells, header, european)
        if (np.isnan(values) & cells.notna()).any():
            without[name] = "has cells that are no numbers"
        elif name == "epochs" and "max" in header.words and len(np.unique(values)) == 1:
            without[name] = "is the same in all rows, and may be a bound"
        elif name == "unique" and header.unit in ("bytes", "words"):
            without[name] = f"counts {header.unit}"
        elif name in ("unique", "epochs", "fresh"):
            role, read = _repeats("fresh" if as_percent else name, header, values)
            if role:
                out[role] = read
            else:
                without[name] = f"is no {'share' if name == 'fresh' else 'number of tokens'}"
        else:
            out[name] = values
        if name in without and name != "vocabulary" and cells.nunique(dropna=False) > 1 and header.plain not in WEAK:
            doubts.append(Doubt("repeated text", f"{header.name} seems to say how often text is repeated, and {without[name]}: "
                                "rows of repeated text may be among those fitted", True))
    return Roles(out, without, (*doubts, *_unread(raw, found)))


def _repeats(name: str, header: Header, values: Array) -> tuple[str, Array]:
    """What a column of unique tokens, passes or shares is read as, and its values; "" where it can be none."""
    if name == "epochs":
        return name, values
    if header.words & STALE:  # the share that is repeated
        values = 1 - values / (100 if np.nanmax(values) > 1 else 1)
    least, most = (float(of(values)) for of in (np.nanmin, np.nanmax)) if np.isfinite(values).any() else (0.0, 0.0)
    if name == "unique" and (np.nanmedian(values) >= FEWEST_TOKENS or header.plain in WEAK):
        return (name, values) if np.nanmedian(values) >= FEWEST_TOKENS else ("", values)
    if least <= 0 or most > 100 or (name == "unique" and header.words & TOKENS and not header.words & SHARE):
        return "", values
    if "ratio" in header.words and least >= 1 and most < 100 and not header.words & PERCENT:
        return "epochs", values  # D over its unique tokens
    return "fresh", values / 100 if most > 1 else values


def _unread(raw: RawTable, found: Mapping[str, int]) -> list[Doubt]:
    """A doubt for numbers that differ from run to run under a name that has a word of repeated text, and no known role."""
    words = PASSES | FRESH | STALE | SUSPECT
    if {"unique", "epochs", "fresh"} & found.keys():
        return []
    named = []
    for index, name in enumerate(raw.header):
        said = read_header(name).words
        if said & words and not said & ELSEWHERE and index not in found.values() and len(said - words - SHARE) <= 2:
            cells = raw.cells[index].head(1000)
            flags = cells.astype(str).str.strip().str.lower().isin((*TRUE, *FALSE)).all()
            if cells.nunique() > 1 and (flags or np.isfinite(numbers(cells)).all()):
                named.append(name)
    if not named:
        return []
    return [Doubt("repeated text", f"{named[0]} is not read, and may say how often text is repeated: if it does, name it with "
                  "--columns epochs= (passes), unique= (tokens) or fresh= (the share that is unique)")]


def _counts(cells: "pd.Series[Any]", header: Header, european: bool) -> tuple[Array, bool]:
    """Numbers, of which some may be written as <1, and whether they are written as percent."""
    text = cells.astype("string").str.strip().str.removeprefix("<").str.removeprefix("≤")
    percent = bool(text.str.endswith("%").any())
    cells = text.str.removesuffix("%").where(cells.notna()).astype(object)
    return numbers(cells, european=european, scale=0.01 if percent else header.scale), percent


def _passes(runs: pd.DataFrame, repeat: "pd.Series[str]") -> bool:
    """Whether `repeat` says how often a text was gone through, and does not number the runs of a cell 0, 1, 2 or 1, 2, 3."""
    values = np.unique(numbers(repeat))
    if not values[0] > 0 or np.isnan(values).any():
        return False
    numbered = np.array_equal(values, 1.0 + np.arange(len(values)))
    return not (numbered and runs.duplicated().any())
