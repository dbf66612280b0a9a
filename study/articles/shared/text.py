"""Numbers as text: counts with a suffix, powers of ten, intervals, tables in Markdown."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from study.inference import intervals
from study.inference.digits import Estimate, holding, rounded

if TYPE_CHECKING:
    from IPython.display import Markdown

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
ABSENT, PENDING, NBSP = "—", "not recorded yet", "\u00a0"
LINE = 96  # characters of a table across a page of the PDF
BESIDE = 3  # characters' worth of white beside a cell


def significant(x: float, digits: int = 3) -> str:
    """`x` to so many significant digits, without an exponent between 1e-4 and 1e6."""
    if not math.isfinite(x):
        return ABSENT if math.isnan(x) else ("∞" if x > 0 else "−∞")
    if x == 0:
        return "0"
    size = math.floor(math.log10(abs(x)))
    if not -4 <= size < 6:
        return power(x, digits)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(round(x, digits - 1 - size)))))
    return f"{x:,.{decimals}f}".replace("-", "−")


def count(x: float, digits: int = 3) -> str:
    """Parameters or tokens: 38.4 k, 19.5 B; powers of ten beyond the suffixes."""
    if not math.isfinite(x) or x == 0:
        return significant(x)
    if abs(x) >= 1e15:
        return power(x, digits)
    rounded = float(f"{x:.{digits - 1}e}")
    for unit, name in UNITS:
        if abs(rounded) >= unit:
            whole = x == round(x / unit) * unit  # a round number that was chosen, as 1e9: no decimals to promise
            return f"{x / unit:.0f}{NBSP}{name}" if whole else f"{significant(x / unit, digits)}{NBSP}{name}"
    return significant(x, digits)


def size_in_bytes(x: float, digits: int = 3) -> str:
    """Text by its size: 38.4 kB, 56 GB; powers of ten beyond the suffixes."""
    shown = count(x, digits)
    unit = shown[-1]
    if unit in "kMBT":
        return f"{shown[:-1]}{unit.replace('B', 'G')}B"
    return f"{shown}{NBSP}bytes" if math.isfinite(x) else shown


def power(x: float, digits: int = 2) -> str:
    """`x` as m × 10ᵏ, unbreakable; a round power of ten without its mantissa."""
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    ten = "10" + str(int(exponent)).translate(RAISED)
    return ten if short == "1" else f"{short}{NBSP}×{NBSP}{ten}".replace("-", "−")


def two(x: float) -> str:
    """Two significant digits."""
    return significant(x, 2)


def short(x: float) -> str:
    """Parameters or tokens to two digits: the ends of an interval promise no more."""
    return count(x, 2)


def rough(x: float) -> str:
    """Parameters or tokens to one digit."""
    return count(float(f"{x:.0e}"), 1) if math.isfinite(x) else significant(x)


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{digits}f}{NBSP}%"


def signed(x: float, digits: int = 2) -> str:
    """With its sign, and a minus that is one."""
    return f"{x:+.{digits}f}".replace("-", "−")


def interval(low: float, high: float, form: Callable[[float], str] = significant) -> str:
    """[low, high]."""
    return f"[{form(low)},{NBSP}{form(high)}]"


def central(draws: Any, level: float = 0.95) -> tuple[float, float]:
    """Ends of the central interval of `level` over the draws that are numbers."""
    low, high = intervals.central(draws, level, omit_nan=True)
    return float(low), float(high)


def median(draws: Any, form: Callable[[float], str] = significant) -> str:
    """The median of draws."""
    return form(float(np.median(draws)))


def ends(draws: Any, form: Callable[[float], str] = significant, level: float = 0.95) -> str:
    """[low, high] of the central interval of draws."""
    return interval(*central(draws, level), form)


def held(found: Estimate, form: Callable[[float, int], str] = count) -> str:
    """The median, to the digits that its Monte Carlo error supports."""
    return _to(found.median, found.median_error, form)


def held_ends(found: Estimate, form: Callable[[float, int], str] = count, level: float = 0.95) -> str:
    """[low, high] of a central interval, each to the digits that hold."""
    (low, high), errors = found.intervals[level], found.interval_errors[level]
    return f"[{_to(low, errors[0], form)},{NBSP}{_to(high, errors[1], form)}]"


def _to(value: float, error: float, form: Callable[[float, int], str]) -> str:
    digits = holding(value, error)
    return form(rounded(value, digits), digits)


def decades(draws: Any) -> float:
    """How many powers of ten the central 95 % interval of draws spans."""
    return intervals.decades(draws)


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    for unit, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit:
            return f"{significant(seconds / unit, 2 if seconds < 100 * unit else 3)}{NBSP}{name}"
    return f"{significant(seconds, 2 if seconds < 100 else 3)}{NBSP}s"


def markdown(text: str) -> "Markdown":
    """Text as a Markdown output of a cell or an inline value; no text is an empty span, which an inline value may be."""
    from IPython.display import Markdown

    return Markdown(_joined(text) or "[]{}")


def _joined(text: str) -> str:
    """A number and its percent sign or scale, 100 B, on one line."""
    return re.sub(r" %|(?<=\d) (?=[kMBT]\b)", lambda found: found[0].replace(" ", NBSP), text)


def table(rows: "pd.DataFrame | Sequence[Mapping[str, str]]", *, left: tuple[str, ...] = ()) -> "Markdown":
    """A Markdown table of strings: the first column and those in `left` to the left, the others to the right."""
    frame = pd.DataFrame(rows)
    columns = [str(name) for name in frame.columns]
    cells = [[_joined(str(cell)).replace("|", "\\|") for cell in row] for row in (columns, *frame.itertuples(index=False))]
    rules = [
        ":" + "-" * wide if i == 0 or name in left else "-" * wide + ":"
        for i, (name, wide) in enumerate(zip(columns, widths(cells), strict=True))
    ]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return markdown("\n".join([lines[0], "|" + "|".join(rules) + "|", *lines[1:]]))


def widths(cells: Sequence[Sequence[str]]) -> list[int]:
    """Characters that each column of a table should have, out of about `LINE`.

    Where a row is long, pandoc makes columns as wide as the dashes under the header say. Each gets what cannot be
    broken, then shares what is left with the others by how much more its longest cell would take, headers last: they are one line.
    """
    shown = [[re.sub(r"[$*`\\{}]|\\text", "", cell) for cell in column] for column in zip(*cells, strict=True)]
    wide = [max(len(word) for cell in column for word in (*cell.split(" "), "")) + BESIDE for column in shown]
    for some in ([column[1:] for column in shown], shown):
        wanted = [max(now, *(len(cell) + BESIDE for cell in column), 0) for now, column in zip(wide, some, strict=True)]
        spare, more = max(0, LINE - sum(wide)), sum(wanted) - sum(wide)
        share = min(1.0, spare / more) if more else 0.0
        wide = [a + round(share * (b - a)) for a, b in zip(wide, wanted, strict=True)]
    return wide


def absent(why: str) -> "Markdown":
    """A table that says why there is none."""
    return table([{"not on this page": why}])


def literal(words: str) -> str:
    """Text whose ^, ~, *, _, [ and ] are themselves in Markdown."""
    return "".join(f"\\{character}" if character in "^~*_[]" else character for character in words)
