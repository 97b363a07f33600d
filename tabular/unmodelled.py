"""Values of columns in which no generator finds anything to learn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .identifiers import make_identifiers
from .schema import Column

__all__ = ["is_missing", "unlike", "unmodelled"]


def unmodelled(
    column: Column, rows: int, rng: np.random.Generator, *, start: int, seed: int, present: bool
) -> np.ndarray:
    """Canonical values of a column in which there is nothing to learn: an identifier, or always the same value."""
    if column.kind == "identifier":
        made = _identifiers(column, rows, start=start, seed=seed)
        if column.missing_rate and not present:
            made[rng.random(rows) < column.missing_rate] = None
        return made
    if column.kind == "text":
        return np.full(rows, None, dtype=object)
    if column.is_numeric:
        return np.full(rows, np.nan if column.minimum is None else column.minimum)
    return np.full(rows, 0 if column.categories else -1, np.int32)


def _identifiers(column: Column, rows: int, *, start: int, seed: int) -> np.ndarray:
    number = column.dtype.lower().startswith(("int", "uint"))
    return make_identifiers(column.pattern, rows, start=start, seed=seed, number=number, name=column.name)


def is_missing(values: np.ndarray) -> np.ndarray:
    """bool[rows]: which canonical values are missing."""
    if values.dtype == object:
        return np.asarray(pd.isna(values))
    return np.isnan(values) if values.dtype.kind == "f" else values < 0


def unlike(known: np.ndarray, column: Column, seed: int, rows: int | None = None) -> np.ndarray:
    """object[rows]: made-up identifiers of ``column``, none of them among the ``known`` ones; as many as those."""
    rows = len(known) if rows is None else rows
    taken = {str(value) for value in known if not pd.isna(value)}
    made = _identifiers(column, rows + len(taken), start=0, seed=seed)
    return np.asarray([value for value in made if str(value) not in taken][:rows], dtype=object)
