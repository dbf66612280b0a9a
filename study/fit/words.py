"""Numbers for prose and tables: as many digits as hold."""

from collections.abc import Callable

from study.inference.answers import Summary
from study.inference.digits import MOST, Estimate, rounded

Form = Callable[[float, int], str]
FORMS = {"hoffmann": "Hoffmann's form", "kaplan": "Kaplan's form", "nesting": "the form that nests both",
         "no floor": "the form without a floor (E = 0)"}  # of `inference.forms`, for a reader


def count(value: float, digits: int = MOST) -> str:
    """Parameters, tokens or bytes: 1B, 21.4B, 0.35T; powers of ten beyond a thousand trillion."""
    value = rounded(value, digits)
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if unit <= abs(value) < 1000 * unit:
            return f"{_general(value / unit, digits)}{name}"
    return _general(value, digits) if abs(value) < 1000 else scientific(value, digits)


def roughly(value: float, digits: int = 2) -> str:
    """A count to two digits at the most."""
    return count(value, min(digits, 2))


def plain(value: float, digits: int | None = None) -> str:
    """Thousands separated; powers of ten beyond a million. Without `digits` a whole part is not rounded."""
    if abs(value) >= 1e6:
        return scientific(value, digits or MOST)
    value = value if digits is None else rounded(value, digits)
    return f"{value:,.0f}" if abs(value) >= 100 else _general(value, digits or MOST)


def scientific(value: float, digits: int = MOST) -> str:
    """5.76e23."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def decimals(value: float, digits: int = MOST) -> str:
    """An exponent: 0.514."""
    return f"{rounded(value, digits):.{digits}f}" if abs(value) < 1 else _general(value, digits)


def short(value: float, digits: int = 2) -> str:
    """A number of any size to two digits at the most."""
    return _general(rounded(value, min(digits, 2)), min(digits, 2))


def with_interval(found: Estimate | Summary, form: Form = count) -> str:
    """`21.4B [19.5B, 23.8B]`, each rounded to the digits that hold."""
    middle, low, high = found.digits if isinstance(found, Estimate) else (MOST, MOST, MOST)
    return f"{form(found.median, middle)} [{form(found.ci95[0], low)}, {form(found.ci95[1], high)}]"


def _general(value: float, digits: int) -> str:
    whole = len(str(int(abs(value))))
    return f"{value:.{max(digits, whole)}g}"
