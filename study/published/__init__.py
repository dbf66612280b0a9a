"""Other people's run tables, by name: facts to compare with, never shipped with the project.

    load(name)          the table, with the columns that its module states
    published_table     where it is from, its licence, citation, columns and conventions
    tables()            all of them: the TABLES of every module of this package

A module a source. One more source is one more module that defines TABLES; nothing else names it. `fetch.py` fetches and
verifies. Columns that tables share have one name in all of them:

    run         the run, where the source names its runs
    N           parameters, counted as the table's `N_counts` says
    D           tokens seen in training;  unique: distinct tokens, where tokens repeat
    C           FLOP, where the source states it
    loss        in the table's `loss_unit`

A table may have entries in the atlas (`entry.Entry`): rows that one law should describe, brought to common columns and units.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import pandas as pd

from study.published.entry import Entry, UnitError, runs
from study.published.fetch import PublishedError, PublishedTable, read


@cache
def tables() -> Mapping[str, PublishedTable]:
    """Every table by its name, in the order of the modules' names."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return {table.name: table for module in modules for table in getattr(module, "TABLES", ())}


def published_table(name: str) -> PublishedTable:
    """The named table.

    Raises:
        PublishedError: there is none.
    """
    if name not in tables():
        raise PublishedError(f"unknown published table {name!r}: one of {', '.join(tables())}")
    return tables()[name]


def load(name: str) -> pd.DataFrame:
    """The rows of the named table.

    Raises:
        PublishedError: there is none, or its file is not the one that was named.
        UnavailableError: it cannot be had on this machine (`fetch.read`).
    """
    return read(published_table(name))


def entries() -> Mapping[str, tuple[PublishedTable, Entry]]:
    """Every entry of the atlas by its name, with its table."""
    return {entry.name: (table, entry) for table in tables().values() for entry in table.entries}


def load_entry(name: str) -> pd.DataFrame:
    """The rows of an entry in the common columns (`entry.COLUMNS`).

    Raises:
        PublishedError: there is none, its table is not the one that was named, or its rows cannot be converted.
        UnavailableError: the table cannot be had on this machine.
    """
    if name not in entries():
        raise PublishedError(f"unknown entry {name!r} of the atlas: one of {', '.join(entries())}")
    table, entry = entries()[name]
    frame = read(table)
    try:
        return runs(entry, frame, table.vocabulary, table.recipe)
    except KeyError as error:
        raise PublishedError(f"the entry {name!r} lacks the column {error}") from None
    except (UnitError, ValueError) as error:
        raise PublishedError(f"the entry {name!r} is left out: {error}") from None
