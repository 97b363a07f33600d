"""Identifying cells that are real values: e-mails, names, numbers of persons that came out as they went in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..facts.privacy import IdentifyingCells, IdentifyingColumn
from ..preparing.tables import Table, Tables

__all__ = ["identifying_cells"]


def identifying_cells(tables: Tables) -> IdentifyingCells | None:
    """Count them in every column that the schema marks as personal; ``None`` where it marks none.

    Left out are identifiers that only number the rows from the first to the last: any table has the same.
    """
    columns, real_cells, filled_cells = [], 0, 0
    for column in tables.schema:
        if column.personal is None or (column.kind == "identifier" and column.pattern == "sequence"):
            continue
        known = _values(tables.real, column.name)
        if column.other is not None and column.has_categories:
            known = known[known != column.categories.index(column.other)]  # what rare values became is nobody's
        made = _values(tables.synthetic, column.name)
        real = int(np.isin(made, known).sum())
        holdout = None if tables.holdout is None else _values(tables.holdout, column.name)
        columns.append(
            IdentifyingColumn(
                column.name,
                column.personal,
                100 * real / len(made) if len(made) else None,
                float(100 * np.isin(holdout, known).mean()) if holdout is not None and len(holdout) else None,
            )
        )
        real_cells, filled_cells = real_cells + real, filled_cells + len(made)
    if not columns:
        return None
    return IdentifyingCells(100 * real_cells / filled_cells if filled_cells else None, tuple(columns))


def _values(table: Table, name: str) -> np.ndarray:
    """The filled cells of a column, in a form that compares."""
    array = table.arrays[name]
    if array.dtype == object:
        return np.array([str(value) for value in array if not pd.isna(value)], dtype=str)
    return array[~np.isnan(array)] if array.dtype.kind == "f" else array[array >= 0]
