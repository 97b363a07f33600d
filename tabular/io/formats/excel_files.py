"""Reads a table from an Excel file: finds its sheet and its header, and takes every cell for what it is there."""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from ...columns.names import check_names
from ...errors import TableError, UsageError
from ..file_form import FileForm, ReadFile, ReadOptions
from ..files import FileFormat
from .excel_text import unescape_cells
from .header_names import name_columns
from .natural_columns import natural_column
from .table_layout import find_header
from .totals import counts_without, find_totals

__all__ = ["read_excel"]

#: A sheet that is at least so large a part of the largest one is taken if it comes before.
_LARGE = 0.25
#: Rows that are examined to find the header.
_HEAD = 200
_MERGED = re.compile(rb'<mergeCell ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')

Grid = list[list[Any]]


def read_excel(path: Path, kind: FileFormat, rows: int | None, options: ReadOptions) -> ReadFile:
    """The table of one sheet; :func:`tabular.io.reading.read_table` tells what may be raised."""
    module = "openpyxl" if kind.ending == ".xlsx" else "xlrd"
    try:
        with pd.ExcelFile(path) as book:
            name, grid, notes = _chosen_sheet(path, book, options.sheet, rows, options.skip_rows)
    except ImportError:
        raise UsageError(f"{path} needs {module} to be read: pip install {module}; or save it as CSV.") from None
    except (TableError, UsageError, MemoryError, zipfile.BadZipFile):
        raise
    except Exception as error:  # openpyxl and xlrd raise whatever a broken sheet makes them stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(f"{path} is not a readable Excel file ({reason}); save it anew, or as CSV.") from None
    return _table(f"{path}, sheet {name!r}", name, grid, notes, rows, options)


def _chosen_sheet(
    path: Path, book: pd.ExcelFile, wanted: str | None, rows: int | None, skip: int | None
) -> tuple[str, Grid, list[str]]:
    """(name, cells, what was guessed) of the wanted sheet, or of the one that looks like the table."""
    names = [str(name) for name in book.sheet_names]
    if wanted is not None:
        return (name := _named(path, names, wanted)), _grid(book, name, rows, skip), []
    grids = {name: _grid(book, name, rows, skip) for name in names if _is_visible(book, name)}
    sizes = {name: _size(grid) for name, grid in grids.items()}
    largest = max(sizes.values(), default=0)
    if not largest:
        raise TableError(f"{path} is empty.")
    name = next(name for name, size in sizes.items() if size >= _LARGE * largest)
    if len(names) == 1:
        return name, grids[name], []
    others = ", ".join(repr(other) for other in names if other != name)
    return name, grids[name], [f"Read the sheet {name!r}; left out: {others} (--sheet names another)."]


def _named(path: Path, names: Sequence[str], wanted: str) -> str:
    if wanted in names:
        return wanted
    close = [name for name in names if name.lower() == wanted.lower()]
    if len(close) == 1:
        return close[0]
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return names[int(wanted) - 1]
    raise UsageError(f"{path} has no sheet {wanted!r}; it has {', '.join(map(repr, names))}.")


def _is_visible(book: pd.ExcelFile, name: str) -> bool:
    sheet = _native(book, name)
    return getattr(sheet, "sheet_state", "visible") == "visible" and hasattr(
        sheet, "iter_rows" if _is_xlsx(book) else "nrows"
    )


def _native(book: pd.ExcelFile, name: str) -> Any:
    inside = cast("Any", book.book)
    return inside[name] if _is_xlsx(book) else inside.sheet_by_name(name)


def _is_xlsx(book: pd.ExcelFile) -> bool:
    return bool(book.engine == "openpyxl")


def _grid(book: pd.ExcelFile, name: str, rows: int | None, skip: int | None) -> Grid:
    """The cells of a sheet as Python values, ``None`` where empty, without empty rows and columns at its edges."""
    limit = None if rows is None else rows + _HEAD + (skip or 0)
    frame = pd.read_excel(book, sheet_name=name, header=None, dtype=object, nrows=limit, na_filter=False)
    grid = [[_cell(value) for value in row] for row in frame.to_numpy(dtype=object).tolist()]
    _spread_merged(book, name, grid)
    width = max((index + 1 for row in grid for index, cell in enumerate(row) if cell is not None), default=0)
    start = min((index for row in grid for index, cell in enumerate(row) if cell is not None), default=0)
    while grid and all(cell is None for cell in grid[-1]):
        grid.pop()
    return [row[start:width] for row in grid[skip or 0 :]]


def _cell(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value if value else None
    if isinstance(value, float):
        if value != value:
            return None
        return value
    if isinstance(value, pd.Timestamp):
        return None if value is pd.NaT else value.to_pydatetime()
    return None if value is None or value is pd.NaT else value


def _spread_merged(book: pd.ExcelFile, name: str, grid: Grid) -> None:
    """Give cells that are merged downwards the value of the first of them; a title merged sideways stays one cell."""
    path = getattr(_native(book, name), "_worksheet_path", None) if _is_xlsx(book) else None
    if path is None:
        return
    with cast("Any", book.book)._archive.open(path) as handle:
        found = _MERGED.findall(handle.read())
    for first, top, last, bottom in found:
        left, right, high, low = _column(first), _column(last), int(top) - 1, int(bottom)
        if left != right or high >= len(grid) or left >= len(grid[high]):
            continue
        for row in range(high + 1, min(low, len(grid))):
            grid[row][left] = grid[high][left]


def _column(letters: bytes) -> int:
    position = 0
    for letter in letters:
        position = 26 * position + letter - 64
    return position - 1


def _size(grid: Grid) -> int:
    """How large a table a sheet holds: filled rows times columns; none without two rows and a column."""
    filled = sum(any(cell is not None for cell in row) for row in grid)
    return filled * len(grid[0]) if filled > 1 else 0


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _table(origin: str, sheet: str, grid: Grid, notes: list[str], rows: int | None, options: ReadOptions) -> ReadFile:
    grid = [row for row in grid if any(cell is not None for cell in row)]
    if not grid:
        raise TableError(f"{origin} is empty.")
    head = 0 if options.skip_rows is not None else find_header([[_text(cell) for cell in row] for row in grid[:_HEAD]])
    if head:
        title = next(_text(cell) for cell in grid[0] if cell is not None)
        notes.append(f"Left out {head} row{'s' * (head > 1)} above the header, such as {title[:40]!r}.")
    header, body = [_text(cell) for cell in grid[head]], grid[head + 1 :]
    named = name_columns(header, lambda position: all(row[position] is None for row in body))
    body, more = _without_totals(body)
    if rows is not None:
        body = body[:rows]
    nulls = set(options.nulls)
    columns = {}
    for name, position in zip(named.names, named.kept, strict=True):
        cells = [None if nulls and _text(row[position]) in nulls else row[position] for row in body]
        columns[name] = _column_of(cells)
    check_names(named.names, origin)
    table = unescape_cells(pd.DataFrame(columns, index=pd.RangeIndex(len(body))))
    form = FileForm("excel", sheet=sheet, renamed=named.renamed)
    return ReadFile(table, form, (*notes, *named.notes, *more))


def _column_of(cells: list[Any]) -> pd.Series:
    """The cells of a sheet, whose whole numbers may stand there as floats, as a column."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {datetime.datetime, datetime.date}:
        cells = [datetime.datetime(c.year, c.month, c.day) if type(c) is datetime.date else c for c in cells]
    return natural_column(cells)


def _without_totals(body: Grid) -> tuple[Grid, list[str]]:
    found = find_totals(
        len(body),
        lambda position: [_text(cell) for cell in body[position]],
        lambda position, without: counts_without([_text(row[position]) for row in body], without),
    )
    if not found:
        return body, []
    label = next(_text(cell) for cell in body[found[-1]] if cell is not None)
    kept = [row for index, row in enumerate(body) if index not in found]
    return kept, [f"Left out {len(found)} row{'s' * (len(found) > 1)} of totals ({label!r})."]
