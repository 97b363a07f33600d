"""How identifiers come back: how often each, together with which others, and what stays the same in their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from ..schema import Column

__all__ = ["repeats_of", "with_repetition"]

#: Rows of an identifier, on average, from which on what its rows share is kept.
MIN_ROWS = 1.5
#: Different counts that are kept one by one; between more of them the mean stands for its neighbours.
MAX_COUNTS = 200


def with_repetition(columns: list[Column], table: Mapping[str, pd.Series], surrogates: set[str]) -> list[Column]:
    """``columns`` with what the identifiers called ``surrogates`` repeat, and what any identifiers have in common.

    Identifiers of the same persons (a user and the user's e-mail) go together, as do those of one for several (the
    address of a household), and columns that have one value per person are the same in all rows of a surrogate.
    """
    names = [column.name for column in columns if column.kind == "identifier"]
    if not names:
        return columns
    by_name = {column.name: column for column in columns}
    codes = {name: _codes(table[name]) for name in names if name in surrogates}
    for first, second in _equal_pairs(names, table):
        if by_name[first].goes_with is None:
            by_name[second] = replace(by_name[second], pattern="same", goes_with=first)
    kinds = {name: int(found.max()) + 1 for name, found in codes.items() if len(found) and found.max() >= 0}
    leaders: list[str] = []
    for name in sorted(kinds, key=lambda name: (-kinds[name], names.index(name))):
        if by_name[name].pattern == "same":
            continue
        repeats = _counts(codes[name])
        if repeats == ((1, kinds[name]),):
            continue  # one row each: nothing comes back
        leader = next((other for other in leaders if _decides(codes[other], codes[name])), None)
        if leader is None:
            leaders.append(name)
            by_name[name] = replace(by_name[name], repeats=repeats, per_value=_shared(columns, table, codes[name]))
        else:
            one_each = _decides(codes[name], np.where(codes[name] >= 0, codes[leader], -1))
            by_name[name] = replace(by_name[name], repeats=() if one_each else repeats, goes_with=leader)
    for name, column in by_name.items():
        if column.pattern == "same" and (of := column.goes_with) is not None:
            by_name[name] = replace(column, repeats=by_name[of].repeats)
    return list(by_name.values())


def _codes(cells: pd.Series) -> np.ndarray:
    return np.asarray(pd.factorize(cells)[0], np.int64)


def _counts(codes: np.ndarray) -> tuple[tuple[int, int], ...]:
    """(rows of a value, how many such values), ascending."""
    return repeats_of(np.bincount(codes[codes >= 0]))


def repeats_of(counts: np.ndarray) -> tuple[tuple[int, int], ...]:
    """(rows of a value, how many such values), ascending, of int[values] the rows of each."""
    rows, values = np.unique(counts, return_counts=True)
    rows, values = rows[rows > 0], values[rows > 0]
    if len(rows) > MAX_COUNTS:  # so many different counts are distinguished by their size alone
        part = np.unique(np.linspace(0, len(rows), MAX_COUNTS + 1).astype(int)[:-1])
        totals = np.add.reduceat(values, part)
        rows, values = np.rint(np.add.reduceat(rows * values, part) / totals).astype(int), totals
    return tuple(zip(rows.tolist(), values.tolist(), strict=True))


def _decides(leader: np.ndarray, other: np.ndarray) -> bool:
    """Whether each value of ``leader`` has one value of ``other``, wherever that is filled."""
    both = other >= 0
    if not both.any() or (leader[both] < 0).any():
        return False
    return _same_within(leader[both], other[both])


def _same_within(codes: np.ndarray, other: np.ndarray) -> bool:
    """Whether all rows of each of ``codes`` (int64[n], at least 0) have one value of ``other``."""
    one = np.empty(int(codes.max()) + 1, other.dtype)
    one[codes] = other
    return bool((one[codes] == other).all())


def _equal_pairs(names: list[str], table: Mapping[str, pd.Series]) -> list[tuple[str, str]]:
    pairs, taken = [], set()
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            if second not in taken and table[first].dtype == table[second].dtype and table[first].equals(table[second]):
                pairs.append((first, second))
                taken.add(second)
    return pairs


def _shared(columns: list[Column], table: Mapping[str, pd.Series], codes: np.ndarray) -> tuple[str, ...]:
    """The columns that are modelled and the same in all rows of each value, those of the fewest values first."""
    filled = codes >= 0
    kinds = int(codes.max()) + 1
    if filled.sum() < MIN_ROWS * kinds:
        return ()
    found = []
    for column in columns:
        if column.kind in ("identifier", "text", "constant"):
            continue
        other = _codes(table[column.name])[filled]
        if other.min() < other.max() and _same_within(codes[filled], other):
            found.append((int(other.max()), column.name))
    return tuple(name for _, name in sorted(found, key=lambda each: each[0]))
