"""Rows that are no finished runs: by a status or a flag, by their steps, without a loss, or of words below and between the runs."""

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd

from study.fit.doubts import Doubt
from study.fit.reading.headers import read_header
from study.fit.reading.names import BROKEN, DONE, LOSSES, PLANNED_STEPS, STEPS
from study.fit.reading.raw import RawTable
from study.fit.reading.sizes import is_number, numbers

UNFINISHED = re.compile(r"crash|fail|kill|stop|interrupt|terminat|partial|unfinished|incomplete|not.(?:complete|finish|done)|"
                        r"progress|running|suspend|queue|pending|preempt|schedul|diverg|cancel|time.?out|oom|out.of.memory|error|abort|nan\b|"
                        r"^[\u2717\u274c]", re.IGNORECASE)
TROUBLE = re.compile(r"diverg|crash|\boom\b|unstable|blew up|\bnan\b|killed", re.IGNORECASE)  # in a remark
TRUE, FALSE = ("true", "yes", "y", "x", "1", "1.0"), ("false", "no", "n", "0", "0.0", "")
SUMMARIES = ("mean", "average", "avg", "median", "prediction", "predicted", "extrapolation", "extrapolated")
TOTALS = ("total", "sum")  # of one row: in several they may say how parameters are counted
FEWEST = 3  # runs that must be left
FEW = 0.4  # of the rows, that may be such
ENDED = 0.99  # of the planned steps, from which a run has ended


def finished(raw: RawTable, status: int | None) -> tuple[RawTable, list[str]]:
    """Without the rows that a status, a flag or their steps show to be of no finished run, and a note of them."""
    words = _said(pd.Series(data=False, index=raw.cells.index), "")
    if status is not None:
        said = _lower(raw.cells[status])
        words = said.where(said.str.contains(UNFINISHED), words)
    plain = [read_header(name).plain for name in raw.header]
    for index, name in enumerate(plain):
        name = re.sub("^(?:is|has|was)_", "", name)
        if name not in (*DONE, *BROKEN) or index == status:
            continue
        said = _lower(raw.cells[index])
        if said.isin((*TRUE, *FALSE)).all():
            words = words.mask(said.isin(TRUE if name in BROKEN else FALSE), name if name in BROKEN else f"not {name}")
    now = [index for index, name in enumerate(plain) if name in STEPS and name not in PLANNED_STEPS]
    planned = [index for index, name in enumerate(plain) if name in PLANNED_STEPS]
    if len(now) == len(planned) == 1:
        early = numbers(raw.cells[now[0]]) < ENDED * numbers(raw.cells[planned[0]])
        words = words.mask(early & (words == ""), f"before {raw.header[planned[0]]}")
    return _without(raw, words, "unfinished runs")


def with_losses(raw: RawTable, loss: int) -> tuple[RawTable, list[str]]:
    """Without the rows whose loss is empty, infinite or a word of a run that failed, where others have one; a note of them."""
    cells = raw.cells[loss]
    none = cells.isna() | _lower(cells).isin(("inf", "+inf", "infinity")) | cells.astype(str).str.contains(UNFINISHED)
    if int((~none).sum()) < FEWEST:
        return raw, []  # the reader says which cell is no number
    return _without(raw, _said(none, "without a loss"), "rows")


def without_words(raw: RawTable) -> tuple[RawTable, list[str]]:
    """Without rows that are no runs: the header again, means and predictions, and the last rows of one cell of words."""
    text = raw.cells.astype(str).apply(lambda column: column.str.strip())
    headers = (text == pd.Series(raw.header, index=text.columns)).all(axis=1)
    text = text.apply(lambda column: column.str.lower())
    summaries, totals = text.isin(SUMMARIES).any(axis=1), text.isin(TOTALS).any(axis=1)
    words = _said(headers, "the header again")
    if summaries.mean() <= FEW:
        words = words.mask(summaries | (totals & (totals.sum() == 1)), "means, totals or predictions")
    filled = ([str(cell) for cell in row if not pd.isna(cell)] for row in raw.cells.iloc[::-1].itertuples(index=False))
    count = sum(1 for _ in takewhile(lambda row: len(row) == 1 and not is_number(row[0]), filled))
    if count and count < len(text) and len(raw.header) > 1:
        words = words.mask(np.arange(len(words)) >= len(words) - count, "of words alone")
    empty = [index for index, name in enumerate(raw.header) if read_header(name).words & LOSSES and raw.cells[index].isna().all()]
    if empty:
        kept = [index for index in range(len(raw.header)) if index not in empty]
        raw = RawTable(raw.cells[kept].set_axis(range(len(kept)), axis=1), tuple(raw.header[k] for k in kept), raw.lines,
                       raw.understood)
    return _without(raw, words, "rows")


def troubled(header: Iterable[str], cells: pd.DataFrame) -> tuple[Doubt, ...]:
    """A doubt for a remark that some rows carry, of a run that failed."""
    for index, name in enumerate(header):
        said = _lower(cells.iloc[:, index]).str.contains(TROUBLE)
        if 0 < said.mean() <= FEW:
            return (Doubt("unfinished", f"{int(said.sum())} rows say {cells.iloc[int(np.argmax(said)), index]!r} or the like under "
                          f"{name}, and are fitted: remove those that are no finished runs", True),)
    return ()


def _said(of: "pd.Series[bool]", word: str) -> "pd.Series[Any]":
    return pd.Series(np.where(of, word, ""), index=of.index, dtype=object)


def _without(raw: RawTable, words: "pd.Series[Any]", what: str) -> tuple[RawTable, list[str]]:
    """Without the rows that a word is said of; all where it is said of all."""
    out = words != ""
    if not out.any() or out.all():
        return raw, []
    which = " and ".join(f"{count} {word}" for word, count in words[out].value_counts().items())
    kept = RawTable(raw.cells[~out].reset_index(drop=True), raw.header, raw.lines[~out].reset_index(drop=True), raw.understood)
    return kept, [f"without {what} ({which})"]


def _lower(cells: "pd.Series[Any]") -> "pd.Series[str]":
    """Cells as words; an empty one as none."""
    return cells.astype(object).where(cells.notna(), "").astype(str).str.strip().str.lower()
