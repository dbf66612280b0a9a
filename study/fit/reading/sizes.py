"""Numbers as people write them: 70M, 1.4T, 7B tokens, 100,000,000, 1 000, 3,41, 3.41 ± 0.01 and 5.76e23."""

import re
from typing import TYPE_CHECKING, Any

from study.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

    from study.inference.parameters import Array

LARGEST = 1e100  # as in `inference.observations`, which takes a second to import
SCALES = {"k": 1e3, "thousand": 1e3, "thousands": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6,
          "b": 1e9, "bn": 1e9, "mrd": 1e9, "g": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12,
          "trillions": 1e12}
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
THINGS = r"(?:params?|parameters?|tokens?|toks?|flops?|nats|bits|x|×|times|epochs?)"
SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
NUMBER = re.compile(rf"^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*({SCALE})?\s*{THINGS}?$")
POWER = re.compile(rf"^(?:([+-]?[\d.]+)\s*[x×*·]\s*)?(10|2)(?:\^|\*\*)\{{?([+-]?\d+)\}}?\s*{THINGS}?$")
GROUPED = re.compile(r"^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?![\d,e])")  # 1,000 and 1,234,567.8
DOTTED = re.compile(r"^[+-]?\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?$")  # 1.000.000: dots that separate thousands
DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+(?![\d,.])")  # 3,41
EUROPEAN = re.compile(r"^[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?$")  # 1.733 and 1.234,5 where commas are decimal
# a comma that can only be decimal: 0,7 and 3,41 and 1234,5 and 1,412e9; and commas that can only separate thousands
SURELY_DECIMAL = re.compile(r"^[+-]?(?:0,\d+|\d{4,},\d+|\d+,(?:\d{1,2}|\d{4,})|\d+,\d+(?=e[+-]?\d))(?![\d,.])", re.IGNORECASE)
SURELY_GROUPED = re.compile(r"^[+-]?\d{1,3}(?:(?:,\d{3}){2,}(?![\d,])|,\d{3}\.\d)")


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
    found = _value(text, decimal_comma=False)
    if found is None:
        raise ValueError(f"{text!r} is not a number such as 7e9, 7B or 1.4T")
    return found[0]


def is_number(text: str) -> bool:
    """Whether a cell is a number, in any of these ways."""
    return _value(text, decimal_comma=False) is not None


SIZE: dict[str, Any] = {"parser": size, "metavar": "SIZE"}  # of a command's option: 1e9, 1B, 1.4T


def decimal_commas(columns: "pd.DataFrame", *, semicolons: bool = False) -> bool:
    """Whether a table writes 0,709 for 0.709: a cell can be read in no other way, and none has commas between thousands.

    Between semicolons, where a decimal comma is usual, it is enough that no cell has a decimal point.
    """
    cells = columns.stack().astype(str).str.strip()
    with_commas = cells[cells.str.contains(",", regex=False)]
    surely = with_commas.str.match(SURELY_DECIMAL).any() or (semicolons and not cells.str.contains(".", regex=False).any())
    return bool(len(with_commas) and surely and not with_commas.str.match(SURELY_GROUPED).any())


def numbers(column: "pd.Series[str]", *, decimal_comma: bool = False, european: bool = False, scale: float = 1.0) -> "Array":
    """A column of text as floats, shape (R,); nan where a cell is not a number.

    Args:
        column: where one cell is 1.000.000 or longer, dots separate thousands in all.
        decimal_comma: a single comma is a decimal point (a loss of 3,412); else a comma before exactly three digits
            separates thousands, and any other single comma is a decimal point.
        european: commas are decimal in the whole table, and dots before three digits separate thousands.
        scale: what the header says that a number without a unit of its own counts in: 1e6 for params (M).
    """
    import numpy as np
    import pandas as pd

    text = column.astype(str).str.strip()
    if (dotted := text.str.match(EUROPEAN)).any() and european:
        column = column.where(~dotted, text.str.replace(".", "", regex=False))
    if text.str.match(DOTTED).any():
        column = column.str.replace(".", "", regex=False)
    values = scale * np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)
    for index in np.flatnonzero(np.isnan(values)):
        cell = column.iloc[index]
        if not pd.isna(cell) and (found := _value(str(cell), decimal_comma or european)) is not None:
            value, own = found
            values[index] = value if own else scale * value
    return values


def _value(text: str, decimal_comma: bool) -> tuple[float, bool] | None:
    """The number, and whether it has a unit of its own: 70M."""
    plain = re.sub(r"(?<=\d)[_' \u00a0\u202f\u2009\u2019](?=\d)", "", text.strip().lower())  # 1 000 000 and 1_000_000
    plain = re.sub(r"\s*(?:±|\+/?-).*$|(?<=\d)\(\d+\)$", "", plain)  # 3.41 ± 0.01 and 3.41(1)
    plain = re.sub(r"(?<=[02])([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda found: "^" + found[1].translate(SUPERSCRIPTS), plain).lstrip("~≈")
    if decimal_comma and DECIMAL_COMMA.match(plain):
        plain = plain.replace(",", ".")
    elif GROUPED.match(plain):
        plain = plain.replace(",", "")
    elif DECIMAL_COMMA.match(plain):
        plain = plain.replace(",", ".")
    if found := POWER.match(plain):
        power = int(found[3])
        return (float(found[1] or 1) * float(found[2])**power, False) if abs(power) < 300 else None
    if found := NUMBER.match(plain):
        return float(found[1]) * SCALES.get(found[2] or "", 1.0), bool(found[2])
    return None
