"""Which filled cells of a table its schema does not read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..schema import Schema
from .arrays import holds_date_numbers, to_arrays
from .cells import columns_of, value_type
from .marks import mark_cells
from .unmodelled import is_missing

__all__ = ["read_cells"]


def read_cells(table: pd.DataFrame, schema: Schema) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The canonical arrays of ``table``, and per column ``bool[rows]``: filled cells that the schema does not read.

    A category that is not known stands for the folded ones where the schema folds rare ones; else it is not read.

    Raises:
        SchemaError: if the table lacks a column.
    """
    arrays = to_arrays(table, schema, unseen="missing")
    columns = columns_of(table)
    lost = {}
    for column in schema:
        cells = columns[column.name]
        filled = ~cells.isna().to_numpy(dtype=bool)
        unread = filled & is_missing(arrays[column.name])
        counted = value_type(cells, column.name) in ("integer", "float", "boolean", "decimal")
        if column.kind == "datetime" and counted and not holds_date_numbers(column):
            unread = filled  # a year or a count of seconds is no date of this column
        if column.is_numeric and unread.any():
            unread &= ~mark_cells(cells, column)
        lost[column.name] = unread
    return arrays, lost
