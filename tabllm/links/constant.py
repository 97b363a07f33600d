"""Columns that are the same in all rows of a parent, such as a customer's country beside each of the orders."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from tabular.schema import Schema

from .siblings import rows_by_parent

__all__ = ["as_first_siblings", "constant_columns"]

#: Parents of two rows or more that have to be there to tell.
LEAST = 20


def constant_columns(table: pd.DataFrame, schema: Schema, owner: np.ndarray, but: Collection[str]) -> tuple[str, ...]:
    """The columns that never differ in a parent. One that a rule ties to a column that does is not among them.

    Args:
        table, schema: of a child.
        owner: int64[rows], the parent of each row; -1 for none.
        but: columns that are left out.
    """
    rows = rows_by_parent(owner)
    again = np.diff(owner[rows], prepend=-1) == 0  # not the first one of its parent
    if len(np.unique(owner[rows[again]])) < LEAST:
        return ()
    found = {name for name in schema.names if name not in but and _repeated(table[name].iloc[rows], again)}
    tied = [set(rule.columns(schema.names)) for rule in schema.rules]
    while broken := next((columns for columns in tied if columns & found and not columns <= found), None):
        found -= broken
    return tuple(name for name in schema.names if name in found)


def _repeated(cells: pd.Series, again: np.ndarray) -> bool:
    """Whether each cell that is ``again`` there is the one before."""
    codes = pd.factorize(cells, use_na_sentinel=False)[0]
    return bool((np.diff(codes, prepend=-1)[again] == 0).all())


def as_first_siblings(
    table: pd.DataFrame, arrays: dict[str, np.ndarray], owner: np.ndarray, columns: Sequence[str]
) -> None:
    """Give each row what the first one of its parent has in ``columns``, in place.

    Args:
        table, arrays: of a child.
        owner: as in :func:`constant_columns`.
    """
    source = np.arange(len(owner))
    _, first, group = np.unique(owner, return_index=True, return_inverse=True)
    owned = owner >= 0
    source[owned] = first[group.ravel()[owned]]
    for name in columns:
        table[name] = table[name].take(source).set_axis(table.index)
        if name in arrays:
            arrays[name] = arrays[name][source]
