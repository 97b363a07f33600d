"""Mutual information of pairs of columns: how far its normalised value is off, weighted by itself.

Scassola, Ponsford, Javaloy, Saccani, Bortolussi, Gouk and Vergari, "A sobering look at tabular data generation via
probabilistic circuits", 2026 (arXiv 2603.23016; wNORMIE in their code, wNMIS = 1 - wNORMIE): numbers are cut into 10
cells of equal width over the real range, NMI = 2 I(x, y) / (H(x) + H(y)), and the error of a pair, |NMI of real - NMI
of synthetic|, weighs as much as both NMI together. So pairs that have nothing to do with each other do not water the
mean down, as they do in pair trends. What lies outside of the real range, and a missing cell, is a cell of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np

from ..facts.margins import Information
from ..preparing.tables import Table, Tables, subsample
from .cells import draw_combinations, row_limit

__all__ = ["entropy", "measure_information", "normalised_information"]

BINS = 10
#: Pairs that are measured; of more, so many are drawn.
MAX_PAIRS = 2_000
#: Rows of each table.
MAX_ROWS = 100_000
#: Joint tables up to this many cells are counted densely.
MAX_DENSE_CELLS = 1_000_000


def measure_information(tables: Tables, *, seed: int = 0) -> Information | None:
    """The errors of the synthetic table and, as their floor, of the holdout; ``None`` without a pair of columns.

    Mutual information grows with noise, so both tables that are compared have equally many rows.
    """
    names = tables.modelled
    if len(names) < 2:
        return None
    rng = np.random.default_rng([seed, 2])
    pairs = draw_combinations(len(names), 2, MAX_PAIRS, rng)
    whole, *others = [tables.real, tables.synthetic] + ([] if tables.holdout is None else [tables.holdout])
    limit = row_limit(len(names), MAX_ROWS)
    sizes = [min(limit, whole.rows, other.rows) for other in others]
    errors = []
    for other, rows in zip(others, sizes, strict=True):
        used = subsample(whole, rows, rng), subsample(other, rows, rng)
        errors.append(_errors([normalised_information(tables, table, pairs) for table in used]))
    floor = errors[1] if len(errors) > 1 else (None, None)
    return Information(
        weighted_error=errors[0][0],
        weighted_floor=floor[0],
        error=errors[0][1],
        floor=floor[1],
        pairs=len(pairs),
        possible=comb(len(names), 2),
        rows=sizes[0],
        floor_rows=sizes[1] if len(sizes) > 1 else None,
    )


def normalised_information(tables: Tables, table: Table, pairs: Sequence[tuple[int, ...]]) -> np.ndarray:
    """``float64[pairs]``: 2 I / (H + H) of each pair of positions in ``tables.modelled``; 0 of two constant columns."""
    coded = {}
    for position in sorted({position for pair in pairs for position in pair}):
        codes, size = _codes(tables, tables.modelled[position], table)
        coded[position] = codes, size, entropy(codes, size)
    found = np.zeros(len(pairs))
    for i, (first, second) in enumerate(pairs):
        (a, _, h_a), (b, size, h_b) = coded[first], coded[second]
        if h_a + h_b > 0:
            information = h_a + h_b - entropy(a * size + b, coded[first][1] * size)
            found[i] = max(0.0, 2 * information / (h_a + h_b))
    return found


def entropy(codes: np.ndarray, size: int) -> float:
    """The entropy in nats of ``codes: int64[rows]``, each below ``size``."""
    counts = np.bincount(codes, minlength=size) if size <= MAX_DENSE_CELLS else np.unique(codes, return_counts=True)[1]
    fractions = counts[counts > 0] / len(codes)
    return float(-(fractions * np.log(fractions)).sum())


def _codes(tables: Tables, name: str, table: Table) -> tuple[np.ndarray, int]:
    """The cell of each row, 0 for missing, and how many cells there are."""
    array = table.arrays[name]
    if name in tables.tokens:
        return array.astype(np.int64) + 1, tables.cardinality[name] + 1
    real = tables.real.arrays[name]
    present = real[~np.isnan(real)]
    if not len(present):
        return np.where(np.isnan(array), 0, 1), 2
    low, high = float(present.min()), float(present.max())
    edges = np.linspace(low, high, BINS + 1)
    values = np.unique(present)
    if len(values) <= len(edges):  # few values are cells of their own, as there
        position = np.searchsorted(values, array)
        equal = values[np.minimum(position, len(values) - 1)] == array
        return np.where(np.isnan(array), 0, np.where(equal, position + 2, 1)), len(values) + 2
    cell = 2 + np.searchsorted(edges[1:-1], array, side="left")
    return np.where(np.isnan(array), 0, np.where((array < low) | (array > high), 1, cell)), BINS + 2


def _errors(both: Sequence[np.ndarray]) -> tuple[float, float]:
    """(weighted, plain) mean of the absolute differences."""
    errors, weights = np.abs(both[0] - both[1]), both[0] + both[1]
    return (float((weights * errors).sum() / weights.sum()) if weights.sum() > 0 else 0.0), float(errors.mean())
