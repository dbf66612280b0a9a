"""Functions compiled by numba, once a machine, with their types kept."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function`, compiled at its first call and cached beside its module."""
    return cast(F, numba.njit(cache=True)(function))
