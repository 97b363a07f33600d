"""Rare categories: does the synthetic table still have them, and as often?

What few rows have is what a generator loses first. How many of them a sample has depends on its rows, so the synthetic
table is cut to the size of the holdout: what other real rows cover is the floor.
"""

from __future__ import annotations

import numpy as np

from ..facts.margins import RareCategories, RareColumn
from ..preparing.tables import Tables
from .cells import Samples, equal_samples, real_codes

__all__ = ["RARE", "measure_rare"]

#: Below this fraction of the real rows a category is rare.
RARE = 0.01
MAX_ROWS = 1_000_000
#: Columns that are listed.
MAX_COLUMNS = 30


def measure_rare(tables: Tables, *, seed: int = 0) -> RareCategories | None:
    """Coverage over all token columns; ``None`` where no category is rare."""
    used = equal_samples(tables, MAX_ROWS, np.random.default_rng([seed, 1]))
    columns = [column for name in tables.tokens if (column := _column(tables, name, used)) is not None]
    if not columns:
        return None
    weights = np.array([column.categories for column in columns])
    covered = np.array([column.covered_percent for column in columns])
    floor = [column.covered_floor_percent for column in columns if column.covered_floor_percent is not None]
    worst = sorted(columns, key=lambda each: each.covered_percent - (each.covered_floor_percent or 100.0))
    return RareCategories(
        categories=int(weights.sum()),
        covered_percent=float((weights * covered).sum() / weights.sum()),
        covered_floor_percent=float((weights * floor).sum() / weights.sum()) if floor else None,
        rows=used[1].rows,
        columns=tuple(worst[:MAX_COLUMNS]),
    )


def _column(tables: Tables, name: str, used: Samples) -> RareColumn | None:
    counts = real_codes(tables, name, tables.real)
    rare = (counts > 0) & (counts < RARE * tables.real.rows)
    if not rare.any():
        return None
    others = [real_codes(tables, name, table)[rare] for table in used[1:]]
    percent = [float(100 * count.sum() / table.rows) for count, table in zip(others, used[1:], strict=True)]
    covered = [float(100 * (count > 0).mean()) for count in others]
    return RareColumn(
        name=name,
        categories=int(rare.sum()),
        real_percent=float(100 * counts[rare].sum() / tables.real.rows),
        synthetic_percent=percent[0],
        holdout_percent=percent[1] if len(percent) > 1 else None,
        covered_percent=covered[0],
        covered_floor_percent=covered[1] if len(covered) > 1 else None,
    )
