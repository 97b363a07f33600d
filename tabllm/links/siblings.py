"""The rows of one parent in their order, and what the earlier ones of them say of the next.

Rows are made in blocks: the first few one by one, then ever more at once, so that a parent with a thousand rows takes
some twenty steps. All rows of a block know the same earlier rows, those before the block. A block grows only with what
is known already, so rows of one parent stay alike. Where rows are given nothing of earlier ones all are one block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Siblings", "means", "modes", "rows_by_parent"]

#: So many rows of a parent are made one by one, where times are encoded as gaps more; after that a block has this
#: share of the rows before it.
SINGLE, SINGLE_TIMES, GROWTH = 4, 64, 0.5


@dataclass(frozen=True)
class Siblings:
    """Rows in the order of their parents, those without a parent last, each by itself.

    Attributes:
        owner: int64[rows], the number of the parent; -1 for none.
        group: int64[rows], ascending: the parent, or a number of its own.
        first: int64[rows], the first row of the group.
        position: int64[rows], how many rows of the group come before.
        known: int64[rows], how many rows of the group come before the block of the row.
    """

    owner: np.ndarray
    group: np.ndarray
    first: np.ndarray
    position: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, owner: np.ndarray, *, timed: bool = False, apart: bool = False) -> Siblings:
        """Of rows with this ``owner``: ascending, then -1 for those without a parent.

        Args:
            timed: whether their times are encoded as gaps.
            apart: whether rows are given nothing of earlier ones.
        """
        rows = np.arange(len(owner))
        starts = np.concatenate([[True], (owner[1:] != owner[:-1]) | (owner[1:] < 0)])[: len(owner)]
        first = np.maximum.accumulate(np.where(starts, rows, 0)) if len(rows) else rows
        position = rows - first
        longest = int(position.max(initial=0))
        blocks = np.zeros(1, np.int64) if apart else block_starts(longest, SINGLE_TIMES if timed else SINGLE)
        known = blocks[np.searchsorted(blocks, position, side="right") - 1]
        return cls(owner, np.cumsum(starts) - 1, first, position, known)

    @classmethod
    def counted(cls, counts: np.ndarray, alone: int, *, timed: bool = False, apart: bool = False) -> Siblings:
        """``counts[i]`` rows of the parent ``i``, and then ``alone`` rows without one."""
        owned = np.repeat(np.arange(len(counts)), counts)
        return cls.of(np.concatenate([owned, np.full(alone, -1, np.int64)]), timed=timed, apart=apart)

    @cached_property
    def counts(self) -> np.ndarray:
        """int64[groups]: how many rows each group has."""
        return np.bincount(self.group)

    @property
    def steps(self) -> list[np.ndarray]:
        """int64[rows of a step] each: the rows that are made together, the first of all parents first."""
        order = np.argsort(self.known, kind="stable")
        cuts = np.flatnonzero(np.diff(self.known[order])) + 1
        return np.split(order, cuts) if len(order) else []


def rows_by_parent(owner: np.ndarray) -> np.ndarray:
    """int64[some]: the rows whose ``owner`` is not -1, those of one parent together and in their order."""
    rows = np.argsort(owner, kind="stable")
    return rows[owner[rows] >= 0]


def block_starts(longest: int, single: int) -> np.ndarray:
    """int64[blocks], ascending from 0: the positions at which blocks begin."""
    found = [0]
    while found[-1] < longest:
        found.append(found[-1] + (1 if found[-1] < single else max(1, int(found[-1] * GROWTH))))
    return np.array(found, np.int64)


def means(values: np.ndarray, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """float64[n]: the mean of ``values[first:end]`` without missing ones; NaN where none is left."""
    known = ~np.isnan(values)
    middle = float(values[known].mean()) if known.any() else 0.0  # sums of instants would lose their seconds
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values - middle, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    count = counts[end] - counts[first]
    return np.divide(sums[end] - sums[first], count, out=np.full(len(first), np.nan), where=count > 0) + middle


def modes(codes: np.ndarray, group: np.ndarray, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """int32[n]: the most frequent of ``codes[first:end]``, from the first row of a group on; -1 where all are missing.

    Args:
        codes: int[rows], below 0 missing.
        group: int64[rows], ascending.
    """
    width = int(codes.max(initial=0)) + 1
    pair = group * (width + 1) + codes + 1
    order = np.argsort(pair, kind="stable")
    starts = np.concatenate([[True], np.diff(pair[order]) != 0])[: len(order)]
    place = np.arange(len(order))
    count = np.empty(len(order), np.int64)
    count[order] = place - np.maximum.accumulate(np.where(starts, place, 0)) + 1 if len(order) else place
    count[codes < 0] = 0
    # A value leads from the row in which its count passes that of all others.
    scale = (int(count.max(initial=0)) + 1) * width
    leading = np.maximum.accumulate(group * scale + count * width + np.maximum(codes, 0))
    found = np.full(len(first), -1, np.int32)
    some = end > first
    within = leading[end[some] - 1] % scale
    found[some] = np.where(within >= width, within % width, -1)
    return found
