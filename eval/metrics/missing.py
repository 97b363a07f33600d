"""Which cells are missing together: the columns one by one may have the right shares, and the rows not."""

from __future__ import annotations

import numpy as np

from ..facts.metrics import Metric
from ..preparing.tables import Table, Tables

__all__ = ["missing_patterns"]


def missing_patterns(tables: Tables, seed: int) -> Metric | None:
    """The total variation between the patterns of missing cells; ``None`` where fewer than two columns have any."""
    real, synthetic = (_missing(tables, table) for table in (tables.real, tables.synthetic))
    some = real.any(axis=0)
    if some.sum() < 2:
        return None
    floor = None if tables.holdout is None else _distance(real, _missing(tables, tables.holdout))
    return Metric(
        "missing_patterns",
        "patterns of missing cells, error %",
        "Total variation between the patterns of missing cells of the rows: 0 where cells are missing together as in "
        "real rows.",
        "lower",
        2,
        _distance(real, synthetic),
        floor,
    )


def _missing(tables: Tables, table: Table) -> np.ndarray:
    """bool[rows, columns]."""
    columns = [np.isnan(table.arrays[name]) for name in tables.numeric]
    columns += [table.arrays[name] < 0 for name in tables.tokens]
    return np.stack(columns, axis=1) if columns else np.zeros((table.rows, 0), bool)


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    """Half of the summed difference between the fractions of each pattern, in %."""
    packed = np.packbits(np.concatenate([first, second]), axis=1)
    _, pattern = np.unique(packed, axis=0, return_inverse=True)
    pattern = pattern.ravel()
    counts = [np.bincount(part, minlength=pattern.max() + 1) for part in np.split(pattern, [len(first)])]
    return 50 * float(np.abs(counts[0] / len(first) - counts[1] / len(second)).sum())
