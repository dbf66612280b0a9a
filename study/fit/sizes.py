"""Numbers as people write them: 70M, 1.4T, 7B tokens, 100,000,000, 1 000, 3,41 and 5.76e23."""

import re
from typing import TYPE_CHECKING, Any

from study.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

    from study.inference.parameters import Array

LARGEST = 1e100  # as in `inference.observations`, which takes a second to import
SCALES = {"k": 1e3, "thousand": 1e3, "thousands": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6,
          "b": 1e9, "bn": 1e9, "g": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12,
          "trillions": 1e12}
THINGS = r"(?:params?|parameters?|tokens?|toks?|flops?|nats|bits)"
SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
NUMBER = re.compile(rf"^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*({SCALE})?\s*{THINGS}?$")
POWER = re.compile(r"^(?:([+-]?[\d.]+)\s*[x×*·]\s*)?10(?:\^|\*\*)\{?([+-]?\d+)\}?$")
GROUPED = re.compile(r"^[+-]?\d{1,3}(?:,\d{3})+(?![\d,])")  # 1,000 and 1,234,567.8
DOTTED = re.compile(r"^[+-]?\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?$")  # 1.000.000: dots that separate thousands
DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+(?![\d,.])")  # 3,41


def check_positive(**values: float | None) -> None:
    """Check what is asked by its option: predict_n is --predict-n. None is not asked.

    Raises:
        StudyError: a value is not a positive number below `LARGEST`.
    """
    for name, value in values.items():
        if value is not None and not 0 < value < LARGEST:
            raise StudyError(f"--{name.replace('_', '-')} must be a positive finite number, not {value:g}")


def size(text: str | float) -> float:
    """The number that `text` writes: `1B`, `70M`, `1.4T tokens`, `100,000,000`, `3 x 10^18`, `5.76e23`. A number stays.

    Raises:
        ValueError: it is not a number.
    """
    if not isinstance(text, str):
        return float(text)
    value = _value(text, decimal_comma=False)
    if value is None:
        raise ValueError(f"{text!r} is not a number such as 7e9, 7B or 1.4T")
    return value


SIZE: dict[str, Any] = {"parser": size, "metavar": "SIZE"}  # of a command's option: 1e9, 1B, 1.4T


def numbers(column: "pd.Series[str]", *, decimal_comma: bool = False) -> "Array":
    """A column of text as floats, shape (R,); nan where a cell is not a number.

    Args:
        column: where one cell is 1.000.000 or longer, dots separate thousands in all.
        decimal_comma: a single comma is a decimal point (a loss of 3,412); else a comma before exactly three digits
            separates thousands, and any other single comma is a decimal point.
    """
    import numpy as np
    import pandas as pd

    if column.astype(str).str.strip().str.match(DOTTED).any():
        column = column.str.replace(".", "", regex=False)
    values = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float).copy()
    for index in np.flatnonzero(np.isnan(values)):
        cell = column.iloc[index]
        if not pd.isna(cell) and (value := _value(str(cell), decimal_comma)) is not None:
            values[index] = value
    return values


def _value(text: str, decimal_comma: bool) -> float | None:
    plain = re.sub(r"(?<=\d)[_' \u00a0\u202f\u2009](?=\d)", "", text.strip().lower())  # 1 000 000 and 1_000_000
    plain = plain.lstrip("~≈")
    if decimal_comma and DECIMAL_COMMA.match(plain):
        plain = plain.replace(",", ".")
    elif GROUPED.match(plain):
        plain = plain.replace(",", "")
    elif DECIMAL_COMMA.match(plain):
        plain = plain.replace(",", ".")
    if found := POWER.match(plain):
        return float(found[1] or 1) * 10.0 ** int(found[2])
    if found := NUMBER.match(plain):
        return float(found[1]) * SCALES.get(found[2] or "", 1.0)
    return None
