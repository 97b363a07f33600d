"""Distances between rows of mixed kinds, and the closest record.

A row becomes a point: each numeric column its rank in the real table, 0 to 1 (so that a long tail counts no
more than the bulk); each category an indicator. The squared distance of two rows is the sum over columns of
the squared difference of ranks, 1 where categories differ, 1 where one of the cells is missing. It is
Gower's (1971) with squares, which a matrix product can take.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from ..preparing.tables import Table, Tables

__all__ = ["Encoded", "Encoder", "closest_squared", "nearest_rows"]

#: A token column with more codes than this is compared code by code: its indicators would be too wide.
MAX_INDICATORS = 64
#: Cells of one block of the distance matrix, 64 MB of float32.
BLOCK_CELLS = 16_000_000


@dataclass(frozen=True)
class Encoded:
    """Rows as points: ``dense: float32[rows, d]`` and ``codes: int32[rows, wide columns]``."""

    dense: np.ndarray
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.dense)


class Encoder:
    """Turns tables into points, with the ranks of the real table.

    Args:
        tables: gives the columns and the ranks.
        ranks_of: the table whose ranks the numbers become; the real one if absent. An attack must not know it.
    """

    def __init__(self, tables: Tables, ranks_of: Table | None = None) -> None:
        self.tables = tables
        self.numeric = tables.numeric
        self.wide = tuple(n for n in tables.tokens if tables.cardinality[n] > MAX_INDICATORS)
        self.narrow = tuple(n for n in tables.tokens if tables.cardinality[n] <= MAX_INDICATORS)
        ordered = {n: np.sort((ranks_of or tables.real).arrays[n]) for n in tables.numeric}
        self.ranks = {n: a[~np.isnan(a)] for n, a in ordered.items()}

    def without(self, name: str) -> Encoder:
        """The same without the column ``name``."""
        fewer = copy.copy(self)
        for part in ("numeric", "wide", "narrow"):
            setattr(fewer, part, tuple(n for n in getattr(self, part) if n != name))
        return fewer

    def __call__(self, table: Table) -> Encoded:
        parts = []
        for name in self.numeric:
            missing = np.isnan(table.arrays[name])
            parts.append(np.where(missing, 0.5, self.rank(name, table.arrays[name])))
            parts.append(missing.astype(np.float64))
        for name in self.narrow:
            # 1/sqrt(2) each: two differing indicators then lie at a squared distance of 1.
            known = np.arange(-1, self.tables.cardinality[name])
            parts.append((table.arrays[name][:, None] == known) * np.sqrt(0.5))
        dense = np.column_stack(parts) if parts else np.zeros((table.rows, 1))
        codes = [table.arrays[n] for n in self.wide]
        wide = np.column_stack(codes) if codes else np.zeros((table.rows, 0))
        return Encoded(dense.astype(np.float32), wide.astype(np.int32))

    def rank(self, name: str, array: np.ndarray) -> np.ndarray:
        """Mid-ranks in the real column, 0 to 1: equal values have equal ranks, and an atom its middle."""
        known = self.ranks[name]
        if not len(known):
            return np.full(len(array), 0.5)
        low = np.searchsorted(known, array, side="left")
        high = np.searchsorted(known, array, side="right")
        return (low + high) / (2 * len(known))


def closest_squared(queries: Encoded, references: Encoded) -> np.ndarray:
    """``float64[queries]``: the squared distance of each query to its closest reference; see :func:`nearest_rows`."""
    return nearest_rows(queries, references, 1)[0][:, 0]


def nearest_rows(queries: Encoded, references: Encoded, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` closest references of each query, the closest first; all of them if there are fewer.

    The search runs in float32 blocks; the distance to a row found is then taken afresh from the
    differences, because |a|^2 + |b|^2 - 2ab leaves a copy at about 1e-6 in place of 0. Which of several rows
    within 1e-6 is found is left to the rounding; float64 would decide it at twice the time. For the few
    neighbours that are wanted here, a minimum per neighbour is several times faster than a partial sort.

    Returns:
        ``float64[queries, k]``, the squared distances, and ``int64[queries, k]``, the positions of the rows.
    """
    k = min(k, len(references))
    squared, positions = np.empty((len(queries), k)), np.empty((len(queries), k), dtype=np.int64)
    # |query|^2 is the same for every reference, so it does not move the minimum; what is left, |reference|^2
    # - 2 query reference, is one product with |reference|^2 as a further column.
    columns = np.concatenate([references.dense, (references.dense**2).sum(1)[:, None]], axis=1).T
    columns = np.ascontiguousarray(columns)  # 1.5 times as fast as the view
    step = max(1, BLOCK_CELLS // max(len(references), 1))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        dense = queries.dense[rows]
        block = np.concatenate([-2 * dense, np.ones((len(dense), 1), dtype=np.float32)], axis=1) @ columns
        for i in range(queries.codes.shape[1]):
            block += queries.codes[rows, i, None] != references.codes[None, :, i]
        for i in range(k):
            nearest = block.argmin(1)
            gaps = dense.astype(np.float64) - references.dense[nearest]
            differing = (queries.codes[rows] != references.codes[nearest]).sum(1)
            squared[rows, i], positions[rows, i] = (gaps**2).sum(1) + differing, nearest
            block[np.arange(len(nearest)), nearest] = np.inf
    order = np.argsort(squared, axis=1, kind="stable")  # the distances taken afresh may turn a pair round
    return np.take_along_axis(squared, order, 1), np.take_along_axis(positions, order, 1)
