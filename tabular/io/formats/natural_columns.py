"""Columns of Python values, as JSON, a sheet or a database gives them, with the dtypes that lose none of them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["natural_column"]

_EXACT = 2**53


def natural_column(cells: Sequence[Any]) -> pd.Series:
    """``cells`` (missing ones None) as a column: whole numbers with gaps stay whole, text stays text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    missing = any(cell is None for cell in cells)
    if not kinds or not kinds <= {bool, int, float, str, datetime.datetime}:
        return _objects(cells)
    if kinds == {bool}:
        return pd.Series(cells, dtype="boolean" if missing else "bool")
    if kinds == {int}:
        return _whole(cells, missing)
    if kinds <= {int, float}:
        exact = all(abs(cell) <= _EXACT for cell in cells if isinstance(cell, int))
        return pd.Series(cells, dtype="float64") if exact else _objects(cells)
    if kinds == {str}:
        return pd.Series(cells, dtype=pd.Series(["a"]).dtype)
    if kinds == {datetime.datetime}:
        aware = {cell.tzinfo is not None for cell in cells if cell is not None}
        if len(aware) == 1:
            return pd.Series(pd.to_datetime(pd.Series(cells, dtype=object), utc=aware.pop()))
    return _objects(cells)


def _whole(cells: Sequence[Any], missing: bool) -> pd.Series:
    filled = [cell for cell in cells if cell is not None]
    low, high = min(filled), max(filled)
    for name in ("Int64", "UInt64"):
        ends = np.iinfo(name.lower())
        if ends.min <= low and high <= ends.max:
            return pd.Series(pd.array(cells, dtype=name)) if missing else pd.Series(cells, dtype=name.lower())
    return _objects(cells)


def _objects(cells: Sequence[Any]) -> pd.Series:
    made = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):  # at once, numpy would spread lists over the array
        made[row] = cell
    return pd.Series(made)
