"""Text in the cells of an Excel file: control characters, and text that a program would take for a formula.

Characters that XML cannot hold are written as Excel writes them, ``_x000D_`` for a carriage return (ECMA-376 part 1,
22.4.2.4), and a text that has such a piece already gets ``_x005F_`` for the underscore before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ...errors import OutputError

__all__ = ["escape_cells", "mark_as_text", "unescape_cells"]

#: Longer text is cut by openpyxl without a word.
MAX_CHARACTERS = 32_767
_PIECE = "_x[0-9A-Fa-f]{4}_"
_HELD_BACK = re.compile(rf"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?={_PIECE[1:]})")


def escape_cells(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with every text, names included, as a sheet holds it.

    Raises:
        OutputError: for a text that is too long for a cell.
    """
    for name in filter(lambda name: _holds_text(table[name]), table.columns):
        lengths = np.array([len(cell) if isinstance(cell, str) else 0 for cell in table[name]])
        if lengths.max(initial=0) > MAX_CHARACTERS:
            raise OutputError(
                f"An Excel cell holds {MAX_CHARACTERS:,} characters, and the column {name!r} has {lengths.max():,} "
                f"in row {lengths.argmax() + 1:,}; write a .csv or .parquet."
            )
    return _mapped(table, lambda text: _HELD_BACK.sub(lambda found: f"_x{ord(found[0]):04X}_", text))


def unescape_cells(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with every text as it was before :func:`escape_cells`, or as Excel shows it."""
    return _mapped(table, lambda text: re.sub(_PIECE, lambda found: chr(int(found[0][2:6], 16)), text))


def mark_as_text(sheet: Any) -> None:
    """Keep openpyxl from writing a text such as ``=1+1`` as a formula, or ``#N/A`` as an error."""
    for row in sheet.iter_rows():
        for cell in row:
            if isinstance(cell.value, str) and cell.data_type != "s":
                cell.data_type = "s"
                cell.quotePrefix = True  # it stays text when somebody edits it


def _mapped(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    def changed(cell: Any) -> Any:
        return change(cell) if isinstance(cell, str) else cell

    made = table.set_axis([changed(name) for name in table.columns], axis=1)
    for index, name in enumerate(table.columns):
        if _holds_text(table[name]):
            made.isetitem(index, table[name].astype(object).map(changed))
    return made


def _holds_text(column: pd.Series) -> bool:
    """Whether a column may hold text, and not numbers or dates alone."""
    return column.dtype == object or isinstance(column.dtype, (pd.StringDtype, pd.CategoricalDtype))
