"""Where it is worst: the shape error within each value of the small categorical columns.

A mean over all rows hides a minority that is made badly. Each subgroup of at least :data:`MIN_ROWS` real rows is
compared with the same subgroup of the synthetic table, column by column: total variation of categories, Kolmogorov and
Smirnov's statistic of numbers over :data:`CELLS` cells of equal real mass. Small subgroups differ by noise, so they are
ordered by how far they lie above what as many holdout rows show.
"""

from __future__ import annotations

import numpy as np

from tabular.schema import Column

from ..facts.margins import Subgroup, Subgroups
from ..preparing.tables import Table, Tables
from .cells import cells_of, equal_samples, mean

__all__ = ["MIN_ROWS", "measure_subgroups"]

#: Real rows of a subgroup that is examined, and holdout rows of one whose floor is known.
MIN_ROWS, MIN_FLOOR_ROWS = 100, 20
#: Values of a column whose values are subgroups.
MAX_VALUES = 50
#: Columns that are split by, and columns that are compared within; of more, so many are drawn.
MAX_SPLIT, MAX_WITHIN = 20, 50
#: Rows of each table.
MAX_ROWS = 100_000
#: Cells of a column within a subgroup.
CELLS = 20
#: Subgroups that are listed.
MAX_WORST = 20


def measure_subgroups(tables: Tables, *, seed: int = 0) -> Subgroups | None:
    """Every subgroup, the worst listed; ``None`` where no column is split, or none is left to compare."""
    rng = np.random.default_rng([seed, 4])
    small = [name for name in tables.tokens if 2 <= tables.known[name] <= MAX_VALUES]
    split, within = _drawn(small, MAX_SPLIT, rng), _drawn(list(tables.modelled), MAX_WITHIN, rng)
    if not split or len(within) < 2:
        return None
    used = equal_samples(tables, MAX_ROWS, rng)
    coded = {name: cells_of(tables, name, used, CELLS) for name in within}
    found = [group for name in split for group in _groups(tables, name, used, within, coded)]
    if not found:
        return None
    worst = sorted(found, key=lambda group: (group.floor_percent or 0.0) - group.error_percent)
    return Subgroups(
        groups=len(found),
        error_percent=float(np.mean([group.error_percent for group in found])),
        floor_percent=mean([group.floor_percent for group in found]),
        rows=used[1].rows,
        worst=tuple(worst[:MAX_WORST]),
    )


def _drawn(names: list[str], limit: int, rng: np.random.Generator) -> list[str]:
    if len(names) <= limit:
        return names
    return [names[position] for position in np.sort(rng.choice(len(names), limit, replace=False))]


def _groups(
    tables: Tables,
    split: str,
    used: tuple[Table, ...],
    within: list[str],
    coded: dict[str, tuple[list[np.ndarray], int]],
) -> list[Subgroup]:
    """The subgroups of one column, all counted at once."""
    size = tables.cardinality[split] + 1
    groups = [table.arrays[split].astype(np.int64) + 1 for table in used]
    rows = [np.bincount(group, minlength=size) for group in groups]
    chosen = np.flatnonzero(rows[0] >= MIN_ROWS)
    chosen = chosen[(chosen > 0) & (chosen <= tables.known[split])]
    others = [name for name in within if name != split]
    if not len(chosen) or not others:
        return []
    errors = np.empty((len(used) - 1, len(others), len(chosen)))
    for i, name in enumerate(others):
        codes, cells = coded[name]
        counts = [
            np.bincount(group * cells + code, minlength=size * cells).reshape(size, cells)[chosen, 1:]
            for group, code in zip(groups, codes, strict=True)
        ]
        errors[:, i] = [_distance(counts[0], other, name in tables.numeric) for other in counts[1:]]
    floor = np.where(rows[-1][chosen] >= MIN_FLOOR_ROWS, 1.0, np.nan) * errors[1] if len(errors) > 1 else None
    return [
        _subgroup(tables.schema[split], rows, others, errors[0, :, i], None if floor is None else floor[:, i], value)
        for i, value in enumerate(chosen.tolist())
        if not np.isnan(errors[0, :, i]).all()
    ]


def _subgroup(
    column: Column, rows: list[np.ndarray], others: list[str], errors: np.ndarray, floor: np.ndarray | None, value: int
) -> Subgroup:
    has_floor = floor is not None and not np.isnan(floor).all()
    excess = errors - np.nan_to_num(floor) if floor is not None and has_floor else errors
    first = int(np.nanargmax(excess))
    return Subgroup(
        column=column.name,
        value=str(column.categories[value - 1]),
        real_rows=int(rows[0][value]),
        synthetic_rows=int(rows[1][value]),
        error_percent=float(100 * np.nanmean(errors)),
        floor_percent=float(100 * np.nanmean(floor)) if floor is not None and has_floor else None,
        worst_column=others[first],
        worst_error_percent=float(100 * errors[first]),
    )


def _distance(real: np.ndarray, other: np.ndarray, ordered: bool) -> np.ndarray:
    """``float64[groups]``, 0 to 1, of counts ``int64[groups, cells]``; 1 if one alone is empty, NaN if both are."""
    totals = [counts.sum(1) for counts in (real, other)]
    first, second = (
        counts / np.maximum(total, 1)[:, None] for counts, total in zip((real, other), totals, strict=True)
    )
    gap = first - second
    distance = np.abs(gap.cumsum(1)).max(1) if ordered else np.abs(gap).sum(1) / 2
    empty = np.stack(totals) == 0
    return np.where(empty.all(0), np.nan, np.where(empty.any(0), 1.0, distance))
