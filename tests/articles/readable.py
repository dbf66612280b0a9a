"""What the functions of a section give a page, refused where a reader could not read it."""

import inspect
import re
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure


def refuse(value: Any, name: str) -> None:
    """Fail on None, a figure without axes, and a text that is empty or holds nan or None."""
    said = getattr(value, "data", value)
    assert said is not None, name
    if isinstance(value, Figure):
        assert value.axes, name
    elif isinstance(said, str):
        assert said.strip() and not {"nan", "None"} & set(re.findall(r"\w+", said)), (name, said)


def values(section: ModuleType, *arguments: Any) -> dict[str, Any]:
    """What each public function of a section gives that takes no more than `arguments`, by name.

    Those whose signature allows None may give it: they print, or others ask them whether there is anything to show.
    """
    found = {}
    for name, function in inspect.getmembers(section, inspect.isroutine):
        if name.startswith("_") or getattr(function, "__module__", "") != section.__name__:
            continue
        signature = inspect.signature(function)
        if len(signature.parameters) > len(arguments):
            continue
        found[name] = function(*arguments[: len(signature.parameters)])
        if found[name] is not None or "None" not in str(signature.return_annotation):
            refuse(found[name], f"{section.__name__}.{name}")
    return found
