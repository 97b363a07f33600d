"""Columns that are the same in all rows of a parent, such as a customer's country beside each of the orders."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from tabular.relations.log import is_constant
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
    if (np.bincount(owner[rows]) > 1).sum() < LEAST:
        return ()
    columns = {name: pd.factorize(table[name].iloc[rows])[0] for name in schema.names if name not in but}
    found = {name for name, codes in columns.items() if is_constant(codes, owner[rows])}
    tied = [set(rule.columns(schema.names)) for rule in schema.rules]
    while broken := next((columns for columns in tied if columns & found and not columns <= found), None):
        found -= broken
    return tuple(name for name in schema.names if name in found)


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
