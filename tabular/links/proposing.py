"""Keys that values and names suggest: a column of a child whose values all stand in a unique column of a parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..columns.names import named_like_a_measurement, words_of
from .keys import Key, key_text

__all__ = ["Proposal", "propose_keys"]

#: The share of a child's cells that must stand in the parent: where names are alike, and where they are not.
ALIKE_SHARE, OTHER_SHARE = 0.5, 0.9
#: Different values that a child's column must have where its name says nothing.
LEAST_DISTINCT = 3
#: Numbers that leave out fewer than so many for each that is there are in any other such column by accident.
SPARSE = 10
#: Names of key columns of any table.
GENERIC = {"id", "key", "code", "no", "nr", "number", "name", "index", "uuid", "guid"}


@dataclass(frozen=True)
class Proposal:
    """A key, and what speaks for it.

    Attributes:
        share: of the child's filled cells, those whose value stands in the parent.
        alike: how much the names of the columns, and of the parent, have in common; 0 for nothing.
    """

    key: Key
    share: float
    alike: float


@dataclass(frozen=True)
class _Values:
    """The distinct values of a column as text.

    Attributes:
        counts: value -> cells.
        unique: whether each cell has a value of its own, and none is empty.
        numeric, dense: whether they are whole numbers, and ones that leave few out.
    """

    counts: pd.Series
    unique: bool
    numeric: bool
    dense: bool


def propose_keys(tables: Mapping[str, pd.DataFrame]) -> list[Proposal]:
    """Keys between ``tables``, those of each child together; no circle among them.

    Each column of a child gets the parent whose name fits it best, then the one that holds more of its values.
    """
    known = {
        name: {str(c): v for c in table if (v := _values(table[c], str(c))) is not None}
        for name, table in tables.items()
    }
    found: list[Proposal] = []
    for child, columns in known.items():
        for column, values in columns.items():
            ways = list(_parents(child, column, values, known))
            if ways:
                found.append(max(ways, key=lambda each: (each.alike, each.share)))
    order = list(tables)
    # Of two tables that name each other by the same values the one that was given first is the parent.
    found.sort(key=lambda each: (-each.alike, -each.share, order.index(each.key.parent)))
    kept: list[Proposal] = []
    for each in found:
        if not _leads(each.key.child, each.key.parent, [other.key for other in kept]):
            kept.append(each)
    return sorted(kept, key=lambda each: (order.index(each.key.child), order.index(each.key.parent)))


def _parents(
    child: str, column: str, values: _Values, known: Mapping[str, Mapping[str, _Values]]
) -> Iterator[Proposal]:
    for parent, columns in known.items():
        if parent == child:
            continue
        for name, held in columns.items():
            if not held.unique or held.numeric != values.numeric:
                continue
            alike = _alike(parent, name, column)
            chance = values.numeric and (held.dense or values.dense)
            if not alike and (chance or len(values.counts) < LEAST_DISTINCT):
                continue
            there = values.counts.index.isin(held.counts.index)
            share = float(values.counts[there].sum() / values.counts.sum())
            if share >= (ALIKE_SHARE if alike else OTHER_SHARE):
                yield Proposal(Key(parent, name, child, column), share, alike)


def _alike(parent: str, column: str, child_column: str) -> float:
    """How much a child's column is named like a parent's: 1 for the same name, or table and column together."""
    ours, table = words_of(column), _singular(words_of(parent))
    theirs = words_of(child_column)
    if not theirs:
        return 0.0
    if (theirs == ours and not _says_nothing(ours)) or (table and _singular(theirs) == [*table, *ours]):
        return 1.0
    if table and set(table) <= set(_singular(theirs)):
        return 0.9 if theirs[-1:] == ours[-1:] or theirs == table else 0.7
    return 0.8 if not _says_nothing(ours) and theirs[-len(ours) :] == ours else 0.0


def _says_nothing(words: list[str]) -> bool:
    """Whether a column is called as the keys of any table are."""
    return len(words) < 2 and (not words or words[0] in GENERIC)


def _singular(words: list[str]) -> list[str]:
    """``words``, plurals cut short: categories and category, users and user are alike."""
    return [word[:-3] + "y" if word.endswith("ies") else word[:-1] if word.endswith("s") else word for word in words]


def _leads(start: str, end: str, keys: list[Key]) -> bool:
    """Whether ``end`` descends from ``start`` by ``keys``."""
    below, found = {start}, {start}
    while below:
        below = {key.child for key in keys if key.parent in below} - found
        found |= below
    return end in found


def _values(cells: pd.Series, name: str) -> _Values | None:
    """What ``cells`` hold; ``None`` for what names nothing: measurements, dates, fractions, truths, constants."""
    filled = cells.dropna()
    kind = cells.dtype
    if not len(filled) or pd.api.types.is_bool_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
        return None
    numeric = pd.api.types.is_numeric_dtype(kind)
    if numeric:
        distinct = np.sort(filled.unique().astype(np.float64))
        if named_like_a_measurement(name) or not np.isfinite(distinct).all() or (distinct % 1).any():
            return None
        dense = bool(distinct[-1] - distinct[0] < SPARSE * len(distinct))
    else:
        dense = False
    counts = filled.value_counts()
    counts.index = pd.Index(key_text(pd.Series(counts.index)))
    counts = counts.groupby(level=0).sum() if counts.index.has_duplicates else counts
    return _Values(counts, bool(len(filled) == len(cells) == len(counts)), numeric, dense)
