"""Columns cut into few cells, the same cells in every table, and samples of equal size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np

from ..preparing.tables import Table, Tables, subsample

__all__ = ["Samples", "cells_of", "draw_combinations", "equal_samples", "mean", "real_codes", "row_limit"]

#: Cells of a table that are held at once, 80 MB, and the rows that any table may have nevertheless.
MAX_CELLS, MIN_ROWS = 10_000_000, 10_000

#: Real, synthetic and maybe holdout rows.
Samples = tuple[Table, ...]


def row_limit(columns: int, most: int) -> int:
    """Rows of each table, at most ``most``, and fewer of a wide one, whose columns are all held at once."""
    return min(most, max(MIN_ROWS, MAX_CELLS // columns))


def equal_samples(tables: Tables, limit: int, rng: np.random.Generator) -> Samples:
    """At most ``limit`` rows of each table; of the synthetic table no more than of the holdout.

    The noise of a table of many cells depends on the rows: only at equal size is the holdout's error a floor.
    """
    real = subsample(tables.real, limit, rng)
    if tables.holdout is None:
        return real, subsample(tables.synthetic, limit, rng)
    rows = min(limit, tables.synthetic.rows, tables.holdout.rows)
    return real, subsample(tables.synthetic, rows, rng), subsample(tables.holdout, rows, rng)


def cells_of(tables: Tables, name: str, used: Sequence[Table], cells: int) -> tuple[list[np.ndarray], int]:
    """The cell of each row in the column ``name``, and how many cells there are.

    Numbers are cut at quantiles of the real column; of categories the most frequent real ones have a cell each.

    Returns:
        ``int64[rows]`` per table, 0 for missing, from 1 on the cells; of categories the last one is "any other".
    """
    if name in tables.numeric:
        real = used[0].arrays[name]
        present = real[~np.isnan(real)]
        inner = np.unique(np.quantile(present, np.linspace(0, 1, cells + 1)[1:-1])) if len(present) else present
        codes = [
            np.where(np.isnan(t.arrays[name]), 0, 1 + np.searchsorted(inner, t.arrays[name], side="left")) for t in used
        ]
        return codes, len(inner) + 2
    counts = real_codes(tables, name, used[0])
    position = np.full(max(tables.cardinality[name], 1) + 1, min(cells, len(counts)) + 1)
    position[0] = 0
    kept = np.argsort(-counts, kind="stable")[:cells]
    position[kept + 1] = np.arange(1, len(kept) + 1)
    return [position[t.arrays[name] + 1] for t in used], len(kept) + 2


def real_codes(tables: Tables, name: str, table: Table) -> np.ndarray:
    """``int64[codes]``: how often each code of the token column ``name`` occurs in ``table``, missing cells apart."""
    return np.bincount(table.arrays[name] + 1, minlength=max(tables.cardinality[name], 1) + 1)[1:]


def draw_combinations(items: int, size: int, limit: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """All combinations of ``size`` of ``items`` in order; of more than ``limit``, so many drawn without repetition."""
    if comb(items, size) <= limit:
        return list(combinations(range(items), size))
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < limit:  # there are more than `limit` to be found, and most draws are new
        positions = np.sort(rng.integers(items, size=(limit, size)), axis=1)
        whole = (np.diff(positions, axis=1) > 0).all(axis=1)
        drawn.update(map(tuple, positions[whole].tolist()))
    found = sorted(drawn)
    return [found[position] for position in np.sort(rng.choice(len(found), limit, replace=False))]


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
