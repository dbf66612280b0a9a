"""The sheet of a workbook that holds the runs."""

import io
from typing import Any

import pandas as pd

from study.errors import first_line
from study.fit.reading.columns import name_runs
from study.fit.reading.raw import TableError
from study.fit.reading.sizes import is_number

LOOKED_AT = 50  # first rows of a sheet, among which the header is


def sheet(name: str, data: bytes) -> tuple[pd.DataFrame, str]:
    """The table of the sheet whose header names N, D and the loss, else of the most columns of numbers and the most rows; and
    what was read.

    Titles above a table and a row of units below its header are left out.

    Raises:
        TableError: it cannot be read, or no sheet has a header.
    """
    try:
        sheets = pd.read_excel(io.BytesIO(data), sheet_name=None, header=None)
    except ImportError:
        raise TableError(f"{name} is XLSX, and no reader is installed: pip install openpyxl, or save it as CSV") from None
    except (OSError, ValueError, KeyError) as error:
        raise TableError(f"{name} is not a readable XLSX table: {first_line(error)}") from None
    tables = {str(title): found for title, cells in sheets.items() if (found := _table(cells)) is not None}
    if not tables:
        raise TableError(f"{name} has no sheet with a header of at least three columns and a row below it")
    of_runs = [title for title, table in tables.items() if name_runs(list(table.columns))]
    best = max(of_runs or tables, key=lambda title: (_numbers(tables[title].iloc[0]), len(tables[title])))
    others = [title for title in of_runs if title != best]
    return tables[best], f"XLSX, sheet {best}, and not {', '.join(others)}" if others else "XLSX"


def _table(cells: pd.DataFrame) -> pd.DataFrame | None:
    filled = cells.dropna(axis=1, how="all")
    for row in range(min(len(filled) - 1, LOOKED_AT)):
        header = filled.iloc[row].dropna()
        if sum(isinstance(cell, str) and not is_number(cell) for cell in header) < 3:
            continue
        names, below = [str(cell) for cell in header], filled.iloc[row + 1:][header.index]
        units = below.iloc[0]
        if not _numbers(units) and len(below) > 1 and not name_runs([str(cell) for cell in units]):
            names = [f"{name} ({unit})" if isinstance(unit, str) else name for name, unit in zip(names, units, strict=True)]
            below = below.iloc[1:]
        if _numbers(below.iloc[0]):
            return below.set_axis(names, axis=1)
    return None


def _numbers(row: "pd.Series[Any]") -> int:
    return sum(not isinstance(cell, str) or is_number(cell) for cell in row.dropna())
